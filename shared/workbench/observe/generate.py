"""Writes what is committed but made from a source: the dashboards, the objectives, the cluster's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from workbench.observe import objectives
from workbench.observe.dashboards import render
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["generated", "write"]

_HEADER = "# Made by `make dashboards` from ../rules/; changes here are lost.\n"
_LABELS = {"app.kubernetes.io/part-of": "model-serving", "prometheus": "k8s", "role": "alert-rules"}


def generated(root: Path = ROOT) -> dict[Path, str]:
    """The text of every generated file by its path; nothing is written."""
    infra = root / "infra"
    files = {infra / "grafana" / "dashboards" / f"{name}.json": text for name, text in render().items()}
    rules = infra / "prometheus" / "rules"
    files[rules / "objectives.yaml"] = objectives.rules(root)
    texts = {path: path.read_text(encoding="utf-8") for path in rules.glob("*.yaml")} | files
    files[rules.parent / "kubernetes" / "prometheus-rule.yaml"] = _prometheus_rule(
        texts[path] for path in sorted(texts) if path.parent == rules
    )
    return files


def write(root: Path = ROOT) -> list[Path]:
    """Writes the files that differ and returns them; the second time there are none."""
    changed = []
    for path, text in generated(root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _prometheus_rule(rules: Iterable[str]) -> str:
    """The rule files as one object of the Prometheus operator; its labels are those kube-prometheus selects."""
    groups = [group for text in rules for group in yaml.safe_load(text)["groups"]]
    document: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "model-serving", "labels": _LABELS},
        "spec": {"groups": groups},
    }
    return _HEADER + yaml.safe_dump(document, sort_keys=False, width=10_000)
