"""What calibration finds out about a shop whose work is known. No speed is asserted: others use this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from servekit.errors import NotReadyError
from shop.calibration.phase import measure
from shop.calibration.processes import find_processes
from shop.calibration.sent import send
from shop.commands import calibrate, plan
from workbench.sla import Request
from workbench.sla.capacity import CapacityResult
from workbench.sla.settings import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from planner.calibration import Calibration
    from tests.integration.shop.calibration.conftest import ToyShop

pytestmark = pytest.mark.slow


def test_only_the_kind_that_is_cached_has_a_profile_of_hits(toy_calibration: Calibration) -> None:
    assert [(profile.kind, profile.result) for profile in toy_calibration.profiles] == [
        ("payments", "miss"),
        ("recommendations", "hit"),
        ("recommendations", "miss"),
        ("search", "miss"),
    ]


def test_each_kind_is_found_to_cost_no_less_than_its_work(toy_calibration: Calibration) -> None:
    # Reading and writing come on top, however much that is on this machine. Were two kinds mixed up, the dearer of
    # them would be found to cost less than its work.
    for kind, result, work_us in (
        ("recommendations", "hit", 150),
        ("payments", "miss", 400),
        ("recommendations", "miss", 1000),
        ("search", "miss", 1500),
    ):
        assert toy_calibration.profile(kind, result).quiet.cpu_us["gateway"] > 0.95 * work_us


def test_the_delay_is_part_of_the_latency(toy_calibration: Calibration) -> None:
    for profile in toy_calibration.profiles:
        assert len(profile.delay_ms) == len(profile.latency_ms)
        assert 0 <= profile.delay_ms[100] <= profile.latency_ms[100]


def test_held_out_traffic_is_predicted_and_compared(toy_calibration: Calibration) -> None:
    held = toy_calibration.held_out
    assert held is not None
    figures = {each.figure: each for each in held.comparisons}
    assert {"CPU, cores", "CPU of gateway, cores", "p50, ms", "p99, ms"} <= set(figures)
    assert all(each.measured > 0 and each.simulated > 0 for each in held.comparisons)
    assert 0 < held.hit_ratio["recommendations"] < 1
    for each in held.comparisons:  # how large it is, `make calibrate-3` says: that takes a machine of its own
        assert each.simulated_error == pytest.approx(each.simulated / each.measured - 1)


def test_a_plan_can_be_made_from_what_was_calibrated(
    toy_calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calibration.json").write_bytes(msgspec.json.encode(toy_calibration))
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    assert plan.main(["--qps", "200", "--p99-ms", "10000", "--zones", "1"]) == 0
    assert "200 requests/s, p99 10000 ms, one zone" in capsys.readouterr().out
    assert (tmp_path / "plan.json").exists()


def test_the_latency_of_a_request_counts_from_its_intended_start(toy_shop: ToyShop) -> None:
    slow = [Request("/v1/search", b"{}")] * 30
    sent = send(toy_shop.url, slow, rate_rps=20_000, seed=1)  # far more than the shop can do: they queue
    assert (sent.requests, set(sent.outcome)) == (30, {0})
    assert max(sent.latency_s) > 20 * 0.0015


def test_a_shop_that_answers_with_errors_is_not_measured(toy_shop: ToyShop) -> None:
    with pytest.raises(NotReadyError, match=r"100% of the requests failed \(.*\), expected at most 5 %$"):
        measure(toy_shop, [Request("/nowhere", b"{}")] * 5, 200, 1)


def test_a_run_folder_without_a_stack_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"^level 3: not running: run make up-3$"):
        find_processes(tmp_path)


def test_processes_that_are_gone_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "supervisord.log").write_text("INFO spawned: 'gateway-0' with pid 4194305\n", encoding="utf-8")
    with pytest.raises(NotReadyError, match=r"^level 3: its processes are gone: run make down-3 up-3$"):
        find_processes(tmp_path)


def test_the_processes_of_a_stack_are_known_by_what_they_do(tmp_path: Path, toy_shop: ToyShop) -> None:
    pid = toy_shop.process.pid
    log = "".join(f"INFO spawned: '{name}' with pid {pid}\n" for name in ("gateway-0", "gateway-1", "envoy"))
    (tmp_path / "supervisord.log").write_text(log, encoding="utf-8")
    found = find_processes(tmp_path)
    assert (found.names, found.count("gateway")) == (["gateway", "edge"], 2)
    assert found.resident_mb()["gateway"] > 1


def test_a_searched_capacity_counts_where_it_was_confirmed_on_this_machine(
    toy_calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = toy_calibration.hardware
    searched = CapacityResult(
        level=3,
        capacity_rps=800,
        failed_rps=None,
        limit="interrupted",
        confirmations=3,
        goodput_rps=790,
        p99_ms=40,
        thresholds=Thresholds(p99_ms=50),
        mix={"search": 1},
        target="http://127.0.0.1:8300",
        workers=1,
        probes=[],
        hardware=here,
        date=here["date"],
        command="none",
    )
    monkeypatch.setattr(calibrate, "_RESULTS", tmp_path)
    assert calibrate._searched(toy_calibration, 3) is None
    unconfirmed = msgspec.structs.replace(searched, confirmations=0)
    elsewhere = msgspec.structs.replace(searched, hardware={**here, "cpu": "another CPU"})
    for found, expected in ((searched, searched), (unconfirmed, None), (elsewhere, None)):
        (tmp_path / "capacity-3.json").write_bytes(msgspec.json.encode(found))
        assert calibrate._searched(toy_calibration, 3) == expected


def test_a_gpu_without_an_assumption_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    assert plan.main(["--hardware", "gpu"]) == 2
    expected = "hardware gpu: expected --assume-gpu-speedup with it: nothing here has measured a GPU\n"
    assert capsys.readouterr().err == expected


def test_a_mix_that_cannot_be_read_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["--mix", "search=many"]) == 2
    assert capsys.readouterr().err == 'mix search=many: expected kind=weight pairs, e.g. "search=3 payments=1"\n'


def test_calibration_without_a_running_level_says_what_to_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free_ports: Callable[[int], list[int]],
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("SHOP_PORT", str(free_ports(1)[0]))
    assert calibrate.main([]) == 2
    assert "make up-3" in capsys.readouterr().err
