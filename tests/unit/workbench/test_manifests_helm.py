"""Charts, rendered by the real Helm engine."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from workbench.manifests import ManifestError, build_chart, chart_notes, lint_chart, render_chart

PLACE = {"release": "r", "namespace": "ns"}
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: {{ .Release.Namespace }}
data:
  release: {{ .Release.Name }}
  level: {{ .Values.level | quote }}
  text: {{ .Files.Get "files/linked.txt" | quote }}
"""
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata:
  name: {{ .Release.Namespace }}
"""
SCHEMA = '{"type": "object", "additionalProperties": false, "properties": {"level": {"type": "integer"}, "a": {}}}'


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    for name, text in {
        "Chart.yaml": "apiVersion: v2\nname: tiny\nversion: 0.1.0\ndescription: A test's.\nicon: https://example.com/i.png\n",
        "values.yaml": "level: 1\na: {b: 1, c: 1}\n",
        "values.schema.json": SCHEMA,
        "templates/settings.yaml": SETTINGS,
        "templates/the-namespace.yaml": NAMESPACE,
        "templates/NOTES.txt": "level {{ .Values.level }} of {{ .Values.a }}\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "files").mkdir()
    (tmp_path / "elsewhere.txt").write_text("from elsewhere")
    (folder / "files/linked.txt").symlink_to("../../elsewhere.txt")
    return folder


def test_a_document_names_its_template_and_has_the_values(chart: Path) -> None:
    settings, _ = build_chart(chart, release="r", namespace="ns")
    assert str(settings) == "tiny/templates/settings.yaml: ConfigMap/settings"
    assert settings.body["metadata"]["namespace"] == "ns"
    assert settings.body["data"] == {"release": "r", "level": "1", "text": "from elsewhere"}


def test_what_others_lie_in_is_applied_before_them(chart: Path) -> None:
    text = render_chart(chart, release="r", namespace="ns")
    assert text.index("kind: Namespace") < text.index("kind: ConfigMap")
    assert text.count("---\n") == 2
    assert "of map" not in text  # the notes


def test_later_values_win_and_objects_are_merged(chart: Path, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("level: 2\na: {b: 2}\n")
    (tmp_path / "two.yaml").write_text("a: {d: 4}\n")
    notes = chart_notes(chart, [tmp_path / "one.yaml", tmp_path / "two.yaml"], release="r", namespace="ns")
    assert notes == "level 2 of map[b:2 c:1 d:4]\n"


def test_a_value_that_the_schema_refuses_is_named_in_helms_words(chart: Path) -> None:
    with pytest.raises(ManifestError, match=r"tiny: helm: .*\n.*'/level': got string, want integer"):
        render_chart(chart, release="r", namespace="ns", overrides={"level": "high"})


def test_a_template_that_fails_is_named(chart: Path) -> None:
    (chart / "templates/settings.yaml").write_text('{{ fail "not like this" }}')
    with pytest.raises(ManifestError, match=r"settings\.yaml.*not like this"):
        build_chart(chart, release="r", namespace="ns")


def test_a_folder_without_a_chart_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"absent: not a folder with a Chart\.yaml"):
        render_chart(tmp_path / "absent", release="r", namespace="ns")


def test_lint_finds_what_a_rendering_lets_pass(chart: Path) -> None:
    assert lint_chart(chart, namespace="ns", kubernetes="1.36.4") == []
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\n")
    assert any("version is required" in problem for problem in lint_chart(chart, namespace="ns", kubernetes="1.36.4"))


def test_a_broken_pipe_stays_an_exception_once_helms_engine_is_there(chart: Path) -> None:
    assert render_chart(chart, release="r", namespace="ns")
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        os.write(writing, b"x")
    os.close(writing)
    ignored = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("SigIgn:"))
    assert int(ignored.split()[1], 16) & 1 << (signal.SIGPIPE - 1), "else it ends in Go's handler"
