from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.manifests import Document, ManifestError, Problem, load
from workbench.manifests.documents import parse

if TYPE_CHECKING:
    from pathlib import Path


def test_a_stream_gives_one_document_per_object() -> None:
    documents = parse("kind: A\n---\n# nothing\n---\nkind: B\n", "here")
    assert [document.kind for document in documents] == ["A", "B"]


def test_a_list_is_taken_apart() -> None:
    documents = parse("kind: List\napiVersion: v1\nitems: [{kind: A}, {kind: B}]", "here")
    assert [document.kind for document in documents] == ["A", "B"]


def test_a_date_stays_the_string_that_kubernetes_reads() -> None:
    (document,) = parse("metadata: {annotations: {since: 2026-11-23}}", "here")
    assert document.body["metadata"]["annotations"]["since"] == "2026-11-23"


# What sigs.k8s.io/yaml 1.4.0 made of each (2026-11-28)
AS_KUBERNETES = {
    "7786e49": 7.786e52, "7e1": 70.0, "1e+5": 1e5, ".5": 0.5, "5.": 5.0, "1_0.5": 10.5, "0123e4": 1.23e6, "08": 8.0,
    "y": True, "Y": True, "n": False, "yes": True, "No": False, "on": True, "OFF": False, "TRUE": True, "tRUE": "tRUE",
    "010": 8, "0o17": 15, "0x1F": 31, "0b11": 3, "1_000": 1000, "-1": -1, "+1": 1, "12:30:45": "12:30:45",
    "null": None, "~": None, "1.1.1": "1.1.1", "_1": "_1", "1e": "1e",
}  # fmt: skip


@pytest.mark.parametrize(("text", "read"), AS_KUBERNETES.items())
def test_an_unquoted_scalar_is_what_kubernetes_reads(text: str, read: object) -> None:
    (document,) = parse(f"kind: A\na: {text}\n", "here")
    assert (type(document.body["a"]), document.body["a"]) == (type(read), read)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "here: not valid YAML: key 'a' is given twice"),
        ("a: [1", "here: not valid YAML: while parsing a flow sequence"),
        ("- a\n- b\n", "here: ['a', 'b']: a document must be an object"),
        ("? [a, b]\n: c\n", "here: not valid YAML: while constructing a mapping"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(text, "here")
    assert str(caught.value).startswith(message)


def test_a_folder_gives_the_documents_of_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("kind: B")
    (tmp_path / "a.yaml").write_text("kind: A")
    (tmp_path / "notes.txt").write_text("kind: C")
    assert [document.kind for document in load(tmp_path)] == ["A", "B"]
    assert load(tmp_path)[0].source == str(tmp_path / "a.yaml")


def test_an_empty_folder_an_absent_file_and_binary_rubbish_are_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no YAML files in this folder"):
        load(tmp_path)
    with pytest.raises(ManifestError, match=r"absent\.yaml: cannot be read: No such file"):
        load(tmp_path / "absent.yaml")
    (tmp_path / "rubbish.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ManifestError, match="cannot be read: not UTF-8"):
        load(tmp_path)


def test_a_problem_names_file_kind_name_path_value_and_expectation() -> None:
    document = Document("x.yaml", {"kind": "Pod", "metadata": {"name": "p"}})
    assert str(Problem(document, "$.spec.a", 3, "expected 4")) == "x.yaml: Pod/p: $.spec.a 3: expected 4"


def test_a_long_value_is_shortened_and_a_nameless_document_says_so() -> None:
    shown = str(Problem(Document("x.yaml", {"metadata": "m"}), "$", "v" * 200, "expected less"))
    assert shown.startswith("x.yaml: no kind/no name: $ 'vvv")
    assert len(shown) < 150
    assert "…: expected less" in shown
