"""What ``make calibrate-assistant`` says and returns; the real engine is measured in tests/integration/assistant."""

from __future__ import annotations

import msgspec
import pytest

from assistant.commands import calibrate
from planner.calibration import Comparison
from planner.tokens.calibration import REFERENCE, HeldOutRate, TokenCalibration, load
from planner.tokens.measure import MeasureAsk, due_after
from planner.tokens.scheduler import EngineShape
from planner.tokens.table import print_calibration
from planner.tokens.traffic import Lengths
from workbench.terminal import make_console


@pytest.fixture
def shipped() -> TokenCalibration:
    return load([REFERENCE])[0]


def judged(shipped: TokenCalibration, simulated: float, stolen: float = 0.0, figure: str = "tokens a second") -> bool:
    comparison = Comparison(figure=figure, measured=100.0, simulated=simulated)
    run = HeldOutRate(rate_rps=1, requests=60, stolen=stolen, comparisons=[comparison])
    return calibrate.near(msgspec.structs.replace(shipped, held_out=[run]), make_console())


@pytest.mark.parametrize("rounds", [1, 2, 3, 4])
@pytest.mark.parametrize("rates", [[1.0], [1.0, 1.6], [1.0, 1.6, 2.0]])
def test_each_rate_is_measured_once_however_many_rounds_there_are(rounds: int, rates: list[float]) -> None:
    shape = EngineShape(blocks=8, block_tokens=32, step_tokens=256)
    ask = MeasureAsk(
        model="", shape=shape, threads=1, prompts=[4], rounds=rounds, answer=4, seconds=1, tries=1, rates=rates,
        lengths=Lengths(),
    )  # fmt: skip
    turns = [seed for number in range(rounds) for seed in due_after(number + 1, ask)]
    assert turns == list(range(1, len(rates) + 1))


@pytest.mark.parametrize(("simulated", "near"), [(86.0, True), (114.0, True), (84.0, False), (116.0, False)])
def test_a_prediction_within_fifteen_per_cent_passes(
    shipped: TokenCalibration, simulated: float, *, near: bool
) -> None:
    assert judged(shipped, simulated) is near


def test_a_figure_beside_the_two_that_are_promised_is_shown_and_not_judged(shipped: TokenCalibration) -> None:
    assert judged(shipped, 50.0, figure="per token p50, ms")
    assert not judged(shipped, 50.0, figure="first token p99, ms")


def test_a_run_that_others_disturbed_is_not_judged_and_says_so(
    shipped: TokenCalibration, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(shipped, 50.0, stolen=0.06)
    assert "1 requests/s: not judged, others had the core" in capsys.readouterr().out


def test_the_report_shows_every_point_and_every_comparison(
    shipped: TokenCalibration, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_calibration(make_console(), shipped)
    printed = capsys.readouterr().out
    assert all(f"{each.decode_ms:.1f}" in printed for each in shipped.points)
    assert all(
        f"{run.rate_rps:g} requests/s: {each.figure}" in printed for run in shipped.held_out for each in run.comparisons
    )
    assert "13,680 bytes of cache as the engine says, 13,680 by the formula" in printed


def test_missing_weights_are_said_with_the_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_MODEL", "/nowhere/model.gguf")
    assert calibrate.main([]) == 2
    assert "ASSISTANT_MODEL /nowhere/model.gguf: No such file or directory" in capsys.readouterr().err
