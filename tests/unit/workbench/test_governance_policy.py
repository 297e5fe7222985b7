"""Each rule of make policy: a clean checkout keeps all of them, and each fault breaks the rule that it belongs to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.unit.workbench.governed import NOW, Governed, bill, governed
from workbench.governance import judge, read_rulebook, texts_of
from workbench.governance.rulebook import RulebookError
from workbench.governance.text import ModelText
from workbench.registry import CHAMPION, RegisteredModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path) -> Governed:
    return governed(tmp_path)


def lines_of(path: Path) -> Path:
    """The file with the lines of an audit log."""
    return next(each for each in path.glob("writer*.jsonl"))


def old(checkout: Governed, path: str, verdict: str, days: int = 8) -> None:
    checkout.write(path, {"verdict": verdict, "date": (NOW - timedelta(days=days)).isoformat()})


def tamper(checkout: Governed, path: str) -> None:
    file = lines_of(checkout.site.run / path)
    file.write_text(file.read_text().replace("setosa", "virginica"))


def replaced(checkout: Governed) -> None:
    """Other files, whole in themselves, in the place of those registered."""
    (checkout.champion.folder / "labels.txt").write_text("another file")


def without(checkout: Governed, name: str) -> None:
    (checkout.site.run / name).unlink()


def edit(checkout: Governed, name: str, before: str, after: str) -> None:
    path = checkout.site.root / name
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def unregistered(checkout: Governed) -> None:
    checkout.site = replace(checkout.site, models={})


def gone(checkout: Governed) -> None:
    """The champion's alias points to a version that was deleted."""
    checkout.site = replace(checkout.site, models={"iris": RegisteredModel.of("iris", {CHAMPION: 7}, [])})


def undeclared(checkout: Governed) -> None:
    stray = RegisteredModel("stray", {}, {})
    checkout.site = replace(checkout.site, models={**checkout.site.models, "stray": stray})


def package(checkout: Governed, licence: str) -> None:
    (found,) = checkout.site.environments[0].glob("**/METADATA")
    found.write_text(f"Name: msgspec\nVersion: 1\nLicense-Expression: {licence}\n")


def report(checkout: Governed, name: str) -> None:
    """The training report without one of its parts."""
    metrics = {key: value for key, value in checkout.champion.metrics.items() if key != name}
    checkout.tag(metrics=json.dumps(metrics))


FAULTS: dict[str, tuple[str, Callable[[Governed], object], str, str]] = {
    "nothing registered": ("registered", unregistered, "no champion", "make train-1"),
    "a deleted champion": ("registered", gone, "points to version 7, which is gone", "make registry"),
    "a model of no level": ("declared", undeclared, "no level answers for it", "policy.toml"),
    "no commit": ("lineage", lambda it: it.tag(git_commit="unknown"), "unknown: git_commit", "make train-1"),
    "changed files": (
        "lineage",
        lambda it: it.tag(git_commit="c0ffee-dirty"),
        "files differed",
        "then make train",
    ),
    "no graph": ("packaged", lambda it: (it.champion.folder / "model.onnx").unlink(), "has no model.onnx", "promote"),
    "a pickle": (
        "packaged",
        lambda it: (it.champion.folder / "model.pkl").write_bytes(b""),
        "holds model.pkl",
        "export to ONNX",
    ),
    "other bytes": ("bytes", replaced, "registered was", "promote another version"),
    "no gate": ("gate", lambda it: it.tag(gate=None), "without a gate's report", "make release-1"),
    "refused": ("gate", lambda it: it.tag(gate='{"reasons": ["worse"]}'), "refused: worse", "make release-1"),
    "an empty gate": ("gate", lambda it: it.tag(gate="{}"), "report is empty", "make release-1"),
    "an old gate": (
        "gate",
        lambda it: it.register(created_ms=int((NOW - timedelta(days=91)).timestamp() * 1000)),
        "91 days old, at most 90",
        "make release-1",
    ),
    "no slices": ("model card", lambda it: report(it, "slices"), "has no slices", "make model-card-1"),
    "no margins": ("model card", lambda it: report(it, "margins"), "has no margins", "make model-card-1"),
    "no baseline": ("model card", lambda it: report(it, "baseline"), "baseline.accuracy", "make model-card-1"),
    "no limits": (
        "model card",
        lambda it: edit(it, "01-iris/model_card.toml", "It knows three species.", ""),
        "$.limits",
        "make model-card-1",
    ),
    "no words": (
        "model card",
        lambda it: (it.site.root / "01-iris" / "model_card.toml").unlink(),
        "no model_card.toml",
        "make model-card-1",
    ),
    "a stranger": (
        "model card",
        lambda it: edit(it, "01-iris/model_card.toml", '"botany"', '"nobody"'),
        "owner nobody",
        "policy.toml",
    ),
    "no bill": ("sbom", lambda it: without(it, "images/iris-api.cdx.json"), "no bill", "make image-1"),
    "an empty bill": (
        "sbom",
        lambda it: it.write("images/iris-api.cdx.json", {**bill(200), "components": []}),
        "names 0 parts",
        "make image-1",
    ),
    "a large image": (
        "image size",
        lambda it: it.write("images/iris-api.cdx.json", bill(291)),
        "291 MB without its base, at most 290",
        "leave something out",
    ),
    "an unknown size": (
        "image size",
        lambda it: it.write("images/iris-api.cdx.json", {**bill(0), "metadata": {}}),
        "has no image:own_mb",
        "make image-1",
    ),
    "no SLA": ("sla", lambda it: without(it, "sla/1.json"), "nothing was measured", "make up-1 sla-1"),
    "a broken SLA": ("sla", lambda it: old(it, "sla/1.json", "broken", 1), "broken on", "make up-1 sla-1"),
    "an SLA too close": ("sla", lambda it: old(it, "sla/1.json", "too_close", 1), "too_close", "make up-1 sla-1"),
    "an old SLA": ("sla", lambda it: old(it, "sla/1.json", "met"), "8 days old, at most 7", "make up-1 sla-1"),
    "no moment": ("sla", lambda it: it.write("sla/1.json", {"verdict": "met"}), "not a moment", "make up-1 sla-1"),
    "no drift": ("drift", lambda it: without(it, "drift/1.json"), "nothing was measured", "drift-1"),
    "drift": ("drift", lambda it: old(it, "drift/1.json", "alarm", 1), "alarm on", "drift-1"),
    "no verdict": ("drift", lambda it: old(it, "drift/1.json", "no verdict", 1), "no verdict on", "drift-1"),
    "old drift": ("drift", lambda it: old(it, "drift/1.json", "quiet"), "8 days old, at most 7", "drift-1"),
    "a changed line": ("audit", lambda it: tamper(it, "1/audit"), "line", "workbench.audit verify"),
    "a changed decision": ("decisions", lambda it: tamper(it, "registry/audit"), "line", "workbench.audit verify"),
    "a denied part": (
        "licences of parts",
        lambda it: edit(it, "versions.toml", '"Apache-2.0"', '"MIT; the server under SSPL-1.0"'),
        "images.iris-api: SSPL-1.0: asks for too much",
        "policy.toml",
    ),
    "a part without licence": (
        "licences of parts",
        lambda it: edit(it, "versions.toml", 'licence = "Apache-2.0"', ""),
        "images.iris-api: no licence stated",
        "policy.toml",
    ),
    "a copyleft package": (
        "licences of packages",
        lambda it: package(it, "GPL-3.0-only"),
        "msgspec 1",
        "make licences",
    ),
}


def test_a_clean_checkout_keeps_every_rule(checkout: Governed) -> None:
    found = judge(checkout.site, checkout.rules)
    assert [each for each in found if each.said.result != "met"] == []
    assert {rule for rule, *_ in FAULTS.values()} - {each.rule for each in found} == {"declared"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_breaks_its_own_rule_and_no_other(checkout: Governed, fault: str) -> None:
    rule, plant, evidence, remedy = FAULTS[fault]
    plant(checkout)
    ((broken, detail, help_),) = checkout.broken()
    assert broken == rule
    assert evidence in detail
    assert remedy in help_


def test_every_rule_has_a_planted_fault(checkout: Governed) -> None:
    assert {each.rule for each in judge(checkout.site, checkout.rules)} <= {rule for rule, *_ in FAULTS.values()}


def test_without_a_log_the_audit_rule_fails(checkout: Governed) -> None:
    folder = checkout.site.run / "1" / "audit"
    folder.rename(folder.with_name("elsewhere"))
    ((rule, detail, remedy),) = checkout.broken()
    assert (rule, remedy) == ("audit", "make up-1 client-1")
    assert "no such directory" in detail


def test_a_promotion_without_its_log_fails_and_a_first_version_needs_none(checkout: Governed) -> None:
    folder = checkout.site.artefacts / "audit"
    folder.rename(folder.with_name("elsewhere"))
    assert [rule for rule, *_ in checkout.broken()] == ["decisions"]
    checkout.tag(gate=None)
    assert [rule for rule, *_ in checkout.broken()] == ["gate"]


def test_what_a_level_does_without_says_why(checkout: Governed) -> None:
    (checkout.site.run / "drift" / "1.json").unlink()
    level = msgspec.structs.replace(checkout.rules.levels["1"], without={"drift": "it has no features"})
    checkout.rules = msgspec.structs.replace(checkout.rules, levels={"1": level})
    assert checkout.broken() == []
    (said,) = (each.said for each in judge(checkout.site, checkout.rules) if each.rule == "drift")
    assert (said.result, said.detail) == ("not applicable", "it has no features")


def test_the_rules_of_this_repository_name_its_levels_models_and_owners() -> None:
    rules = read_rulebook()
    for number, level in rules.levels.items():
        texts = texts_of(int(number))
        assert sorted(texts) == sorted(level.models)
        for text in texts.values():
            assert isinstance(text, ModelText)
            assert text.owner in rules.owners


def test_a_rulebook_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    with pytest.raises(RulebookError, match=r"policy\.toml: .*No such file"):
        read_rulebook(file)
    file.write_text("clean_commit = 1")
    with pytest.raises(RulebookError, match=r"Expected `bool`, got `int` - at `\$\.clean_commit`"):
        read_rulebook(file)
