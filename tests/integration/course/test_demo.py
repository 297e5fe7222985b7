from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from course.demo import main
from tests.interrupted import INTERRUPTED, unmeasured
from tests.patience import until

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE = """\
train-%: ; @echo training level $*; echo; echo train-$* >> calls
up-%: ; @touch up-$*; echo up-$* >> calls
client-%: ; @test -e up-$*; printf '\\033[32m150\\033[0m rows\\n'; echo client-$* >> calls; exec sleep $(SLEEP)
sla-%: ; @mkdir -p .run/sla; cp $*.json .run/sla/$*.json; echo sla-$* >> calls; grep -q '"met"' $*.json
down-%: ; @rm -f up-$*; echo down-$* >> calls; test ! -e jammed
"""


@pytest.fixture(autouse=True)
def levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "Makefile").write_text(MAKEFILE)
    for level in (1, 2):
        measured(tmp_path / f"{level}.json", level=level)


def measured(path: Path, **changes: Any) -> None:
    result = {
        "level": 1, "rate_rps": 500.0, "achieved_rps": 499.6, "duration_s": 10.0, "requests": 4996, "p50_ms": 1.21,
        "p95_ms": 2.0, "p99_ms": 4.31, "p999_ms": 9.0, "error_rate": 0.0002, "verdict": "met", "hardware": {},
        "thresholds": {"p99_ms": 50.0, "p50_ms": None, "p999_ms": 100, "error_rate": 0.001, "achieved_ratio": 0.95},
    }  # fmt: skip
    path.write_text(json.dumps({**result, **changes}))


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().split()


def rows(output: str) -> dict[str, str]:
    """The rows of the verdict table by level."""
    table = output[output.index("\nlevel  requests") :].splitlines()[2:]
    return {row.split()[0]: row.rstrip() for row in table if row[:1].isdigit()}


def demo(*levels: str, sleep: str = "0") -> int:
    return main([*levels, "--make", f"make SLEEP={sleep}"])


def test_every_level_is_shown_and_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo("1", "2") == 0
    assert calls(tmp_path) == [f"{verb}-{n}" for n in (1, 2) for verb in ("train", "up", "client", "sla", "down")]
    output = capsys.readouterr().out
    assert re.search(r"▶ make train-1  train the models\n│ training level 1\n✓ \d+\.\d s", output)
    assert "│ 150 rows\n" in output
    figures = "4,996     500 of 500/s  1.2 ms  4.3 ms  0.02%   p99 ≤ 50 ms, p999 ≤ 100 ms, errors ≤ 0.10%  ✓ met"
    assert rows(output) == {"1": f"1      {figures}", "2": f"2      {figures}"}
    assert "every level keeps its SLA · " in output


def test_a_broken_sla_fails_the_demo_but_not_the_other_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(tmp_path / "1.json", verdict="broken", p99_ms=71.5)
    assert demo("1", "2") == 1
    assert calls(tmp_path)[-6:] == ["down-1", "train-2", "up-2", "client-2", "sla-2", "down-2"]
    output = capsys.readouterr().out
    assert rows(output)["1"].endswith("✗ broken")
    assert "71.5 ms" in rows(output)["1"]
    assert rows(output)["2"].endswith("✓ met")
    assert "level 1 failed · " in output


CLOSE = {"name": "p99_ms", "measured": 44.0, "hits": 7, "of": 763, "low": 31.24, "high": 61.0, "needed_s": 210}


def test_a_run_that_is_too_close_to_tell_is_no_failure_and_says_what_would_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(tmp_path / "1.json", verdict="too_close", p99_ms=44.0, limits=[CLOSE])
    assert demo("1", "2") == 0
    output = capsys.readouterr().out
    assert "44.0 ms (31.2 to 61.0)" in rows(output)["1"]
    assert rows(output)["1"].endswith("? too close to tell")
    assert "? too close to tell after" in output
    assert "✗" not in output
    assert 'level 1: a longer run may tell: make up-1 sla-1 ARGS="--duration 210"' in output
    assert "no level breaks its SLA; level 1 is too close to tell · " in output


def test_a_level_that_is_too_close_and_does_not_stop_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(tmp_path / "1.json", verdict="too_close", limits=[{**CLOSE, "high": None, "needed_s": None}])
    assert demo("1") == 0
    output = capsys.readouterr().out
    assert "4.3 ms (≥ 31.2)" in rows(output)["1"]
    assert "level 1: its figures lie at the limit, and not even an hour of load would tell" in output
    (tmp_path / "jammed").touch()
    assert demo("1") == 1
    assert rows(capsys.readouterr().out)["1"].endswith("✗ make down-1 failed")


def test_no_error_seen_is_shown_with_what_it_proves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    none = {"name": "error_rate", "measured": 0.0, "hits": 0, "of": 763, "low": 0.0, "high": 0.003919, "needed_s": 60}
    measured(tmp_path / "1.json", error_rate=0, limits=[none])
    measured(tmp_path / "2.json", level=2, limits=[{**none, "hits": 1, "low": 0.000067, "high": 0.0062}])
    assert demo("1", "2") == 0
    shown = rows(capsys.readouterr().out)
    assert "  none (< 0.39%)  " in shown["1"]
    assert "  0.02% (0.01% to 0.62%)  " in shown["2"]


def test_a_failing_step_skips_the_rest_stops_the_level_and_never_shows_an_old_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo("1") == 0
    (tmp_path / "calls").unlink()
    assert demo("1", sleep="nonsense") == 1
    assert calls(tmp_path) == ["train-1", "up-1", "client-1", "down-1"]
    assert not (tmp_path / "up-1").exists()
    output = capsys.readouterr().out
    assert "✗ exit status 2 after" in output
    assert rows(output.split("every level keeps")[1])["1"].split(maxsplit=1) == ["1", "✗ make client-1 failed"]


def test_a_level_that_does_not_stop_or_leaves_no_result_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jammed").touch()
    (tmp_path / "2.json").write_text('"met"')
    assert demo("1", "2") == 1
    verdicts = rows(capsys.readouterr().out)
    assert verdicts["1"].endswith("✗ make down-1 failed")
    (tmp_path / "jammed").unlink()
    assert demo("2") == 1
    assert rows(capsys.readouterr().out)["2"].endswith("✗ no result")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_stops_the_level(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "course.demo", "1", "2", "--make", "make SLEEP=600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unmeasured()) as process:
        until(lambda: (tmp_path / "calls").exists() and "client-1" in calls(tmp_path), "at the client")
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    assert process.returncode in INTERRUPTED
    assert calls(tmp_path)[-2:] == ["client-1", "down-1"]
    assert not (tmp_path / "up-1").exists()
    assert output.endswith("interrupted: everything is stopped\n")
