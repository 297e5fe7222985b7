"""A model card has every part, or says which is missing; make model-card-N writes one for each model of the level."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.artefacts import new_artefact, new_registry
from tests.unit.workbench.governed import REPORT, TEXT, Governed, governed
from workbench.governance import CardError, ModelText, model_card, texts_of
from workbench.governance.__main__ import main
from workbench.registry import register

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path) -> Governed:
    return governed(tmp_path)


def text_of(checkout: Governed) -> ModelText:
    (text,) = texts_of(1, checkout.site.root).values()
    assert isinstance(text, ModelText)
    return text


def card(checkout: Governed) -> str:
    return model_card(text_of(checkout), checkout.site.models["iris"])


def test_a_card_joins_what_people_wrote_with_what_is_known(checkout: Governed) -> None:
    written = card(checkout)
    titles = re.findall(r"^## (.+)$", written, re.MULTILINE)
    assert titles == [
        *["Intended use", "Out of scope", "Limits", "Ethical notes", "Data", "Figures", "Figures by species"],
        *["Signature", "Lineage", "Versions"],
    ]
    assert "| `accuracy` | 0.95 ± 0.02 | 0.5 | share told right |" in written
    assert "| setosa | 40 | 1 | 0.09 |" in written
    assert "| input | `x` | FP32 | [-1, 4] |" in written
    assert f"- git_commit: {checkout.champion.tags['git_commit']}" in written
    assert '- gate: {"passed": true, "reasons": []}' in written
    assert "- licence: public domain" in written
    assert f"| 1 | champion | 2026-11-27 12:00 | `{checkout.champion.sha256[:12]}` |" in written


def test_every_missing_part_is_named_at_once(checkout: Governed) -> None:
    checkout.tag(metrics="{}", lock_sha256=None)
    with pytest.raises(CardError) as refused:
        card(checkout)
    *missing, remedy = str(refused.value).splitlines()
    assert [line.removeprefix("model card of iris: iris 1 has no ") for line in missing] == [
        *["metric accuracy", "baseline baseline.accuracy", "margins", "slices", "lineage: lock_sha256"]
    ]
    assert "make train-N" in remedy


def test_an_int8_version_shows_what_it_lacks_from_the_version_it_was_made_of(checkout: Governed) -> None:
    checkout.tag(metrics=json.dumps({"accuracy": 0.94, "made_of": REPORT}))
    written = card(checkout)
    assert "| `accuracy` | 0.94 ± 0.02 | 0.5 | share told right |" in written
    assert "are those of the version that this one was made of." in written
    assert "| setosa | 40 | 1 | 0.09 |" in written


def test_without_a_champion_there_is_no_card(checkout: Governed) -> None:
    with pytest.raises(CardError, match="model card of iris: no champion is registered: make registry"):
        model_card(text_of(checkout), None)


@pytest.mark.parametrize("part", ["owner", "intended_use", "out_of_scope", "limits", "ethics", "baseline"])
def test_a_part_that_people_left_out_is_named(checkout: Governed, part: str) -> None:
    path = checkout.site.root / "01-iris" / "model_card.toml"
    path.write_text(re.sub(rf"^{part} = .*$", "", TEXT, flags=re.MULTILINE))
    ((where, error),) = texts_of(1, checkout.site.root).items()
    assert where == "01-iris/model_card.toml"
    assert str(error).startswith(f"{where}: Object missing required field `{part}`")
    assert str(error).endswith(": people write this part")


def test_the_command_writes_a_card_for_each_model_of_the_level(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    registry = new_registry(tmp_path_factory, tmp_path / "run")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.tracking_uri)
    assert main(["card", "1"]) == 1
    assert "error: model card of iris: no champion is registered" in capsys.readouterr().err
    metrics: dict[str, object] = {"test_accuracy": 1.0, "cross_validated_accuracy": 0.9, "baseline_accuracy": 0.3}
    metrics |= {"margins": {"test_accuracy": 0.1}, "slices": REPORT["slices"]}
    register([new_artefact(tmp_path / "1", metrics=metrics)], settings=registry)
    assert main(["card", "1"]) == 0
    assert capsys.readouterr().out == "model card     .run/1/model-cards/iris.md\n"
    assert (tmp_path / ".run/1/model-cards/iris.md").read_text().startswith("# Model card: iris\n")
    assert main(["card", "9"]) == 1
    assert "level 9: expected one of 1, 2, 3" in capsys.readouterr().err


def test_the_policy_command_writes_every_finding_and_fails_where_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    assert main(["policy", "--level", "1"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^1 +iris +registered +failed +no champion in the registry +make train-1", said, re.MULTILINE)
    assert re.search(r"^1 +sla +failed +nothing was measured +make up-1 sla-1 *$", said, re.MULTILINE)
    kept = json.loads((tmp_path / ".run/policy.json").read_bytes())
    assert kept["verdict"] == "broken"
    assert {each["level"] for each in kept["findings"]} == {None, 1}
    assert kept["hardware"]["cores"] > 0
    assert main(["policy", "--level", "9"]) == 1
