"""A command about a level in a cluster: ports are forwarded for as long as it runs. kubectl is a stand-in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.patience import until
from workbench.cluster.reach import main
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("URL", "REACHED_CONTEXT", "IRIS_PORT", "IRIS_GRPC_PORT")
FORWARDS = ["IRIS_PORT=iris-api:8100", "IRIS_GRPC_PORT=iris-api:8101"]
SHOW = f"import os, sys; print(*(os.environ[name] for name in {NAMES})); sys.exit(3)"

KUBECTL = """#!/bin/sh
echo "$*" >> {folder}/log
case "$*" in
  *" get-contexts "*) exit 0 ;;
  *" port-forward "*" :8100") port=41000 ;;
  *" port-forward "*" :8101") port=41001 ;;
  *" port-forward "*" 41000:8100") port=41000 ;;
  *) echo 'Error from server (NotFound): services "gone" not found' >&2; exit 1 ;;
esac
echo $$ >> {folder}/pids
echo "Forwarding from 127.0.0.1:$port -> 1"
echo "Forwarding from [::1]:$port -> 1"
exec {talk}
"""
SILENT = "sleep 600"
TALKS = "sh -c 'yes \"Handling connection for 41000\" | head -c 1000000; touch {folder}/said; exec sleep 600'"


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CONTEXT", "theirs")
    return stand_in(tmp_path, SILENT)


def stand_in(folder: Path, talk: str) -> Path:
    (folder / "kubectl").write_text(KUBECTL.format(folder=folder, talk=talk.format(folder=folder)))
    (folder / "kubectl").chmod(0o755)
    return folder


def forwarding(folder: Path) -> list[int]:
    """The processes that were started to forward a port, and still run."""
    return [pid for pid in map(int, (folder / "pids").read_text().split()) if psutil.pid_exists(pid)]


def test_a_command_gets_the_ports_and_the_address_and_leaves_no_forwarding(
    kubectl: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["1", *FORWARDS, "--", sys.executable, "-c", SHOW]) == 3
    said = capfd.readouterr().out.splitlines()
    assert said == [
        "context theirs, namespace iris: iris-api:8100, iris-api:8101",
        "http://127.0.0.1:41000 theirs 41000 41001",
    ]
    begin = "--context theirs --namespace iris port-forward service/iris-api"
    assert (kubectl / "log").read_text().splitlines()[1:] == [f"{begin} :8100", f"{begin} :8101"]
    assert forwarding(kubectl) == []


def test_a_service_that_is_not_there_is_named_with_what_kubectl_says(
    kubectl: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["1", FORWARDS[0], "IRIS_GRPC_PORT=gone:1", "--", sys.executable, "-c", SHOW]) == 2
    said = capfd.readouterr()
    expected = 'service gone in theirs, namespace iris: Error from server (NotFound): services "gone" not found\n'
    assert (said.out, said.err) == ("", expected)
    assert forwarding(kubectl) == []


def test_forwarding_that_ends_with_its_pod_begins_again_at_the_same_port(kubectl: Path) -> None:
    """The command ends kubectl, as a pod that goes does, and waits for the next."""
    begin = "--context theirs --namespace iris port-forward service/iris-api"
    ends = (
        "import os, pathlib, time\n"
        f"folder = pathlib.Path({str(kubectl)!r})\n"
        "os.kill(int((folder / 'pids').read_text()), 15)\n"
        "while len((folder / 'pids').read_text().split()) < 2: time.sleep(0.01)"
    )
    assert main(["1", FORWARDS[0], "--", sys.executable, "-S", "-c", ends]) == 0
    assert (kubectl / "log").read_text().splitlines()[1:] == [f"{begin} :8100", f"{begin} 41000:8100"]
    assert forwarding(kubectl) == []


def test_forwarding_goes_on_however_much_kubectl_says(kubectl: Path) -> None:
    folder = stand_in(kubectl, TALKS)
    waits = f"import os, time\nwhile not os.path.exists('{folder / 'said'}'): time.sleep(0.01)"
    assert main(["1", FORWARDS[0], "--", sys.executable, "-c", waits]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected LEVEL NAME=SERVICE:PORT … -- COMMAND"),
        (["1", FORWARDS[0]], "expected LEVEL NAME=SERVICE:PORT … -- COMMAND"),
        (["1", FORWARDS[0], "--"], "expected LEVEL NAME=SERVICE:PORT … -- COMMAND"),
        (["1", "--", "true"], "expected LEVEL NAME=SERVICE:PORT … -- COMMAND"),
        (["1", "iris-api:8100", "--", "true"], "iris-api:8100: expected NAME=SERVICE:PORT, e.g. "),
        (["9", FORWARDS[0], "--", "true"], "level 9: versions.toml has no [kubernetes.level-9]"),
    ],
)
@pytest.mark.usefixtures("kubectl")
def test_words_that_say_nothing_are_refused(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capfd.readouterr().err.startswith(said)


def test_ctrl_c_reaches_the_command_and_forwarding_ends_after_it(kubectl: Path) -> None:
    asks = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(130))\n"
        f"open('{kubectl / 'asks'}', 'w').close()\n"
        "while True: time.sleep(0.01)"
    )
    words = ["-m", "workbench.cluster.reach", "1", FORWARDS[0], "--", sys.executable, "-c", asks]
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True, env={**os.environ}
    )
    until(lambda: (kubectl / "asks").exists() or process.poll() is not None, "asking")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert forwarding(kubectl) == []


@pytest.mark.usefixtures("kubectl")
def test_a_command_that_ends_as_ctrl_c_comes_keeps_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between the end of the command and the reading of its status: a KeyboardInterrupt would make that 0."""
    wait, comes = os.waitpid, iter([True])

    def waitpid(pid: int, options: int) -> tuple[int, int]:
        found = wait(pid, options)
        if os.WIFEXITED(found[1]) and os.WEXITSTATUS(found[1]) == 7 and next(comes, False):
            signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(os, "waitpid", waitpid)
    assert main(["1", FORWARDS[0], "--", sys.executable, "-S", "-c", "import os; os._exit(7)"]) == 7
    assert next(comes, "it came") == "it came"
