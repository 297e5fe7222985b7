from __future__ import annotations

from pathlib import Path

import pytest

from workbench.manifests import ManifestError, build, find_kubectl

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"


def overlay(folder: Path, kustomization: str) -> Path:
    (folder / "settings.yaml").write_text(CONFIG_MAP)
    (folder / "kustomization.yaml").write_text(kustomization)
    return folder


def test_an_overlay_is_rendered_by_the_real_kustomize(tmp_path: Path) -> None:
    (document,) = build(overlay(tmp_path, "resources: [settings.yaml]\nnamePrefix: my-\n"))
    assert (document.kind, document.name, document.source) == ("ConfigMap", "my-settings", str(tmp_path))


def test_kustomizes_own_message_reaches_the_reader(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"kustomize: .*absent\.yaml.*no such file"):
        build(overlay(tmp_path, "resources: [absent.yaml]\n"))


def test_a_deprecated_field_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="'commonLabels' is deprecated"):
        build(overlay(tmp_path, "resources: [settings.yaml]\ncommonLabels: {a: b}\n"))


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"absent: not a folder with a kustomization\.yaml"):
        build(tmp_path / "absent")


def test_without_kubectl_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ManifestError, match="`make setup` installs it"):
        find_kubectl()


def test_the_environments_kubectl_comes_before_the_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubectl").write_text("#!/bin/sh\n")
    (tmp_path / "kubectl").chmod(0o755)
    pinned = find_kubectl()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_kubectl() == pinned
    assert Path(pinned).parent != tmp_path
