from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.manifests.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"
ROOT_POD = """apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: p, image: p}]}
"""


def test_a_valid_overlay_and_a_valid_file_are_each_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.yaml").write_text(CONFIG_MAP)
    (tmp_path / "kustomization.yaml").write_text("resources: [settings.yaml]\n")
    assert main(["validate", str(tmp_path), str(tmp_path / "settings.yaml"), "--kubernetes", "1.30"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}: 1 documents, Kubernetes 1.30: valid",
        f"{tmp_path}/settings.yaml: 1 documents, Kubernetes 1.30: valid",
    ]


def test_a_mistake_is_printed_and_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.yaml").write_text(CONFIG_MAP.replace("\ndata:", "\ndta:"))
    assert main(["validate", str(tmp_path)]) == 1
    assert "ConfigMap/settings: $.dta {'a': 'b'}: unknown field; did you mean data?" in capsys.readouterr().err


def test_the_house_rules_are_checked_unless_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pod.yaml").write_text(ROOT_POD)
    assert main(["validate", str(tmp_path)]) == 1
    assert "expected runAsNonRoot: true" in capsys.readouterr().err
    assert main(["validate", str(tmp_path), "--schema-only"]) == 0


def test_a_chart_is_checked_with_its_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 0.1.0\n")
    (tmp_path / "templates/settings.yaml").write_text(CONFIG_MAP.replace("{a: b}", "{a: {{ .Values.a }}}"))
    values = tmp_path / "values-test.yaml"
    for text, code in (("a: text\n", 0), ("a: 5\n", 1)):
        values.write_text(text)
        assert main(["validate", str(tmp_path), "--values", str(values)]) == code
    assert "ConfigMap/settings: $.data.a 5: expected string" in capsys.readouterr().err


def test_an_unreadable_path_fails_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path / "absent.yaml")]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/absent.yaml: cannot be read: No such file or directory\n"


def test_a_version_without_schemas_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["validate", ".", "--kubernetes", "2.0"])
    assert "invalid choice: '2.0'" in capsys.readouterr().err
