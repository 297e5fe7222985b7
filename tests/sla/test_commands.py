from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest

from servekit.errors import NotReadyError
from tests.interrupted import INTERRUPTED, unmeasured
from tests.patience import GENEROUS_S, until
from tests.ports import free_ports
from workbench.load import Failure
from workbench.sla import load_sla
from workbench.sla.cli import main
from workbench.sla.host import HostWatch
from workbench.sla.load import Window, locust_command, locust_environment
from workbench.sla.report import render_report
from workbench.sla.result import Host
from workbench.sla.run import attempt, reseeded
from workbench.sla.settings import Server
from workbench.sla.target import identify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.sla.samples import Samples

    StartServer = Callable[..., str]
    WriteSla = Callable[..., Path]

pytestmark = pytest.mark.slow

FIELDS = [
    "level", "rate_rps", "achieved_rps", "duration_s", "requests", "p50_ms", "p95_ms", "p99_ms", "p999_ms",
    "error_rate", "thresholds", "verdict", "hardware", "date", "command", "closed_loop", "lag_p99_ms", "host",
    "repeated", "endpoints",
]  # fmt: skip


class Silent:
    def update(self, window: Window, samples: Samples) -> None:
        pass


def read(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return result


def test_a_met_sla_exits_0_and_leaves_json_a_table_and_a_page(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([str(sla_file(tiny_server())), "--out", str(tmp_path), "--rate", "400"])
    result = read(tmp_path / "7.json")
    page = (tmp_path / "7.html").read_text(encoding="utf-8")
    output = capsys.readouterr().out
    assert code == 0, output
    assert [field for field in FIELDS if field not in result] == []
    assert result["rate_rps"] == 400
    assert result["achieved_rps"] > 0
    p99 = result["limits"][0]
    assert (p99["name"], p99["standing"], p99["hits"], p99["of"]) == ("p99_ms", "kept", 0, result["requests"])
    assert p99["low"] <= result["p99_ms"] <= p99["high"]
    assert result["correctness"]["checked"] > 0
    assert [endpoint["name"] for endpoint in result["endpoints"]] == ["small", "large"]
    assert sum(endpoint["requests"] for endpoint in result["endpoints"]) == result["requests"]
    assert re.search(r"SLA met: p99 \S+ ms \(\S+ to \S+ ms\) at", output), output
    assert "correct_ratio kept so far: none of" in output
    assert page.count('<svg class="chart"') == 3
    assert re.findall(r"(?:src|href)=|<script|https?://(?!127\.0\.0\.1)", page) == []


def test_errors_break_the_sla_and_are_counted_and_drawn(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server(), mix="small = 1\nbroken = 1")
    result, load = attempt(path, load_sla(path), Window(100, 0.2, 1), tmp_path, Silent())
    assert (result.verdict, result.exit_code) == ("broken", 1)
    assert result.errors == {"HTTP 500": result.endpoints[1].requests}
    assert "Errors over time" in render_report(result, load.samples)


def test_a_run_of_several_load_processes_divides_the_rate_and_brings_every_sample_home(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server(), rate=450)
    assert main(["run", str(path), "--out", str(tmp_path), "--workers", "2"]) == 0
    result = read(tmp_path / "7.json")
    assert result["workers"] == 2
    assert 340 < result["requests"] < 560  # five standard deviations around 450
    assert result["correctness"]["checked"] > 0


def test_a_run_that_follows_another_sends_other_requests(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server())
    sla, window = load_sla(path), Window(100, 0, 0.3)
    loads = [attempt(path, reseeded(sla, number), window, tmp_path, Silent())[1] for number in (0, 1)]
    first, second = (set(load.samples["intended_s"].tolist()) for load in loads)
    assert first
    assert second
    assert not first & second


def test_a_run_that_failed_on_a_noisy_machine_is_repeated_once_and_says_so(
    tiny_server: StartServer,
    sla_file: WriteSla,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(HostWatch, "host", lambda _: Host(cores=1, noisy=True))
    path = sla_file(tiny_server(), mix="broken = 1", duration=0.3)
    assert main(["run", str(path), "--out", str(tmp_path)]) == 1
    result = read(tmp_path / "7.json")
    assert result["repeated"]
    assert result["first_attempt"]["verdict"] == "broken"
    assert result["seed"] == 2
    assert "repeated: the machine was noisy and the first attempt was broken" in capsys.readouterr().out


def test_a_run_that_is_too_close_to_tell_is_repeated_once_for_longer(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sla_file(tiny_server(), rate=400, duration=0.3, longest=1.2)
    assert main(["run", str(path), "--out", str(tmp_path)]) == 0
    result = read(tmp_path / "7.json")
    assert (result["duration_s"], result["repeated"], result["verdict"]) == (1.2, True, "met")
    assert (result["first_attempt"]["verdict"], result["first_attempt"]["duration_s"]) == ("too_close", 0.3)
    assert "repeated for longer: the first run, of 0.3 s, was too close to tell" in capsys.readouterr().out


def test_a_run_whose_length_was_asked_for_is_not_repeated_and_says_which_would_tell(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sla_file(tiny_server(), longest=60)
    assert main(["run", str(path), "--out", str(tmp_path), "--duration", "0.4"]) == 3
    result, output = read(tmp_path / "7.json"), capsys.readouterr().out
    assert (result["verdict"], result["repeated"]) == ("too_close", False)
    assert re.search(r"^too close to tell: p99 \S+ ms \(\S+ ms or more\) at", output, re.MULTILINE), output
    assert re.search(r'About \d s would tell: make sla-7 ARGS="--duration \d"', output), output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--rate", "-5"], "arguments: Expected `float` > 0.0 - at `$.rate_rps`"),
        (["--rate", "0"], "arguments: Expected `float` > 0.0 - at `$.rate_rps`"),
        (["--rate", "inf"], "arguments: Expected `float` <= 1000000000.0 - at `$.rate_rps`"),
        (["--rate", "nan"], "arguments: Expected `float` > 0.0 - at `$.rate_rps`"),
        (["--duration", "nan"], "arguments: Expected `float` > 0.0 - at `$.duration_s`"),
        (["--workers", "0"], "arguments: Expected `int` >= 1 - at `$.generator.workers`"),
        (["--url", "https://127.0.0.1:1"], r"arguments: Expected `str` matching regex '^http://[^/\\s]+\\Z'"),
        (["--url", "http://127.0.0.1:1/v2"], r"arguments: Expected `str` matching regex '^http://[^/\\s]+\\Z'"),
        (
            ["--url", "http://127.0.0.1:99999"],
            "arguments: http://127.0.0.1:99999: expected http://host:port",
        ),
        (["--url", "http://127.0.0.1:x"], "arguments: http://127.0.0.1:x: expected http://host:port with a port"),
        (["--url", "http://:80"], "arguments: http://:80: expected http://host:port with a port"),
    ],
)
def test_an_argument_is_held_to_the_rules_of_the_file_in_its_words(
    sla_file: WriteSla, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    assert main(["run", str(sla_file("http://127.0.0.1:1")), "--out", str(tmp_path), *arguments]) == 2
    assert capsys.readouterr().out.startswith(problem)


def test_answers_that_never_end_are_counted_with_their_time(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server("--drip", "20"), timeout_s=1.5)
    result, load = attempt(path, load_sla(path), Window(100, 0.2, 1.5), tmp_path, Silent())
    assert result.verdict == "broken"
    assert result.errors["timeout"] >= 3
    late = load.samples[load.samples["outcome"] == Failure.TIMEOUT]
    assert (late["latency_s"] >= 1.5).all()
    expected = {round(arrival, 9) for arrival in load.samples["intended_s"].tolist()}
    assert len(expected) == len(load.samples) > 100  # each once, none left out


def test_a_target_where_nothing_answers_says_what_to_run(
    sla_file: WriteSla, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    assert main(["run", str(sla_file(url)), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().out == f"{url}: nothing answers: run the tiny server\n"


def test_a_level_elsewhere_is_asked_instead_of_the_one_in_the_file(
    tiny_server: StartServer,
    sla_file: WriteSla,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = sla_file(f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.setenv("URL", url := tiny_server())
    assert main(["run", str(path), "--out", str(tmp_path)]) in {0, 3}  # so short a run may be too close to tell
    assert url in capsys.readouterr().out
    monkeypatch.setenv("URL", nobody := f"http://127.0.0.1:{free_ports(1)[0]}")
    assert main(["run", str(path), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().out == f"{nobody}: nothing answers: run level 7 there\n"
    monkeypatch.setenv("URL", "https://shop.example")
    assert main(["run", str(path), "--out", str(tmp_path)]) == 2
    expected = "URL https://shop.example: the load is sent without TLS, expected http://HOST:PORT\n"
    assert capsys.readouterr().out == expected


def test_another_server_makes_the_run_invalid(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = tiny_server()
    assert main(["run", str(sla_file(url, name="iris-api")), "--out", str(tmp_path)]) == 2
    expected = f"{url}/identity: is another server: name is 'tiny', expected 'iris-api'\n"
    assert capsys.readouterr().out == expected


def test_a_server_that_does_not_say_what_it_is_is_not_the_one(tiny_server: StartServer) -> None:
    server = Server(url=tiny_server(), start="the tiny server", identity_path="/elsewhere", identity={"name": "tiny"})
    with pytest.raises(NotReadyError) as refused:
        identify(server)
    message = f"{server.url}/elsewhere: answers 200 b'', expected JSON with {{'name': 'tiny'}}"
    assert str(refused.value) == message


def test_ctrl_c_leaves_a_partial_report_that_says_so(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server(), duration=60)
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench.sla", "run", str(path), "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**unmeasured(), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    samples = tmp_path / "7" / "samples.bin"
    until(lambda: samples.exists() and samples.stat().st_size >= 32 * 100, "100 samples")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    result = read(tmp_path / "7.json")
    assert process.returncode in INTERRUPTED
    assert result["verdict"] == "interrupted"
    assert 0 < result["requests"] < 6000
    assert result["correctness"]["checked"] > 0
    assert "interrupted: the figures are those of the requests until then" in output


def test_capacity_is_searched_up_to_the_highest_rate_allowed(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sla_file(tiny_server(), rate=200, max_rps=200)
    assert main(["capacity", str(path), "--out", str(tmp_path)]) == 0
    result = read(tmp_path / "capacity-7.json")
    assert (result["capacity_rps"], result["limit"], result["confirmations"]) == (200, "max_rps", 2)
    assert result["goodput_rps"] > 100
    page = (tmp_path / "capacity-7.html").read_text(encoding="utf-8")
    assert page.count('<svg class="chart"') == 2
    output = capsys.readouterr().out
    assert len(re.findall(r"^ +200/s  p99 .*  met$", output, re.MULTILINE)) == 2
    assert "the server's capacity is at least this" in output


@pytest.mark.slow
def test_locust_itself_exits_1_on_a_broken_sla_and_writes_its_csv(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server(), p99_ms=0.001)
    path.write_text(path.read_text() + "lag_p99_ms = 60_000\n")
    command = locust_command(["--headless", "--csv", str(tmp_path / "csv"), "--loglevel", "ERROR"])
    environment = locust_environment(path, load_sla(path), tmp_path / "locust")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=GENEROUS_S, check=False)
    assert done.returncode == 1, done.stderr
    lines = (tmp_path / "csv_stats.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["POST", "large"], ["POST", "small"], ["", "Aggregated"]]


@pytest.mark.slow
def test_the_web_interface_starts_and_stops_the_same_load(
    tiny_server: StartServer, sla_file: WriteSla, tmp_path: Path
) -> None:
    path = sla_file(tiny_server())
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "workbench.sla", "locust", str(path), "--out", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--web-host", "127.0.0.1", "--web-port", str(port), "--loglevel", "ERROR"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
    )
    try:
        web = f"http://127.0.0.1:{port}"
        until(lambda: _get(f"{web}/stats/requests") is not None)
        form = {"user_count": 2, "spawn_rate": 2, "host": load_sla(path).server.url, "rate": 80}
        httpx.post(f"{web}/swarm", data=form, timeout=10).raise_for_status()
        until(lambda: _requests(web) > 80)
        httpx.post(f"{web}/stop", timeout=10).raise_for_status()
        stats = _get(f"{web}/stats/requests") or {}
        assert {entry["name"] for entry in stats["stats"]} == {"small", "large", "Aggregated"}
        assert stats["fail_ratio"] == 0
    finally:
        process.terminate()
        process.wait(120)


def _get(url: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = httpx.get(url, timeout=10).raise_for_status().json()
    except httpx.HTTPError:
        return None
    return found


def _requests(web: str) -> int:
    stats = (_get(f"{web}/stats/requests") or {"stats": []})["stats"]
    return sum(entry["num_requests"] for entry in stats if entry["name"] == "Aggregated")
