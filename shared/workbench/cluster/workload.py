"""A Deployment that runs: what it runs, what it logs, and calls of it from a pod beside it.

The pod has the Deployment's own image and security settings, so that it can run wherever the level can; it ends by
itself, is no target of any Service, and is deleted at the end of the calls.
"""

from __future__ import annotations

import json
import secrets
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from workbench.cluster.shell import ClusterError, run
from workbench.cluster.target import Right
from workbench.processes import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from workbench.cluster.target import KubeContext

__all__ = ["CALLING", "DELETING", "READING", "RESTARTING", "Answered", "Calls", "Workload", "images_in"]

CALLING: Final = (("create", "pods"), ("delete", "pods"), ("get", "pods/log"))
DELETING: Final = (("list", "pods"), ("delete", "pods"))
RESTARTING: Final = (("patch", "deployments.apps"), ("watch", "deployments.apps"), ("list", "pods"))
READING: Final = (("list", "pods"), ("get", "pods/log"))
"""The rights that it takes: each a verb and a resource."""

_CALLER: Final = Path(__file__).with_name("caller.py")
_TIMEOUT_S: Final = 2.0
_START_S: Final = 60
_POD: Final = ("securityContext", "imagePullSecrets", "nodeSelector", "tolerations", "runtimeClassName")
_CONTAINER: Final = ("image", "imagePullPolicy", "securityContext")
_RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}


class Answered(NamedTuple):
    """What became of a request: its HTTP status, 0 without an answer; seconds since it was due; what went wrong."""

    status: int
    seconds: float
    problem: str


class Calls(NamedTuple):
    """Requests to a Service: which, how many a second, for how long at most.

    ``labels`` are those that a NetworkPolicy asks of callers.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    rate_rps: float = 40.0
    seconds: float = 240.0
    labels: Mapping[str, str] = {}


@dataclass(frozen=True)
class Workload:
    """A Deployment.

    Args:
        target: the cluster.
        namespace: where it is.
        name: of the Deployment.
    """

    target: KubeContext
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"deployment {self.name} in {self.target.context}, namespace {self.namespace}"

    def rights(self, *asked: tuple[str, str]) -> list[Right]:
        """Returns what one must be allowed to in its namespace."""
        return [Right(verb, resource, self.namespace) for verb, resource in asked]

    def described(self) -> dict[str, Any]:
        """Returns the Deployment as the API server has it.

        Raises:
            ClusterError: there is none.
        """
        found: dict[str, Any] = json.loads(self._asked("get", "deployment", self.name, "--output", "json"))
        return found

    def logs(self, seconds: int = 120) -> bytes:
        """Returns what its pods wrote within the last seconds."""
        words = ("logs", "--selector", self._selector(), "--all-containers", "--tail=-1", f"--since={seconds}s")
        return self._asked(*words).encode()

    def pods(self) -> list[str]:
        """Returns the names of its pods, of those too that are ending."""
        return [pod["metadata"]["name"] for pod in self._pods()]

    def kill_pod(self) -> str:
        """Deletes one of its pods without giving it time to end; returns its name.

        Raises:
            ClusterError: it has no pod, or one may not.
        """
        names = self.pods()
        if not names:
            raise ClusterError(f"{self}: no pod runs")
        self._asked("delete", "pod", names[0], "--grace-period=0", "--force", "--wait=false")
        return names[0]

    def restart(self) -> None:
        """Has each pod replaced, as a new version would."""
        self._asked("rollout", "restart", f"deployment/{self.name}")

    def settled(self, seconds: int) -> bool:
        """Waits until all its pods are ready and of one version; whether they are, within that time."""
        words = ["rollout", "status", f"deployment/{self.name}", f"--timeout={seconds}s"]
        return run([*self._kubectl, *words], check=False, quiet=True).returncode == 0

    @contextmanager
    def called(self, calls: Calls, heard: Callable[[Answered], object]) -> Iterator[None]:
        """Sends requests from a pod for as long as the block runs, and tells of each answer, from a thread.

        Raises:
            ClusterError: the pod does not start; the text says why.
        """
        name = f"caller-{secrets.token_hex(4)}"
        try:
            run([*self._kubectl, "create", "-f", "-"], text=json.dumps(self._caller(name, calls)), quiet=True)
            self._await(name)
            with _told([*self._kubectl, "logs", "--follow", name], heard):
                yield
        finally:
            words = ["delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force", "--wait=false"]
            run([*self._kubectl, *words], check=False, quiet=True)

    def _caller(self, name: str, calls: Calls) -> dict[str, Any]:
        template = self.described()["spec"]["template"]["spec"]
        container = template["containers"][0]
        told = {**calls._asdict(), "body": calls.body.decode(), "timeout_s": _TIMEOUT_S}
        command = ["python3", "-I", "-c", _CALLER.read_text(encoding="utf-8"), json.dumps(told)]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "caller", **calls.labels}},
            "spec": {
                **{key: template[key] for key in _POD if key in template},
                "restartPolicy": "Never",
                "activeDeadlineSeconds": int(calls.seconds) + _START_S,
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        **{key: container[key] for key in _CONTAINER if key in container},
                        "name": "caller",
                        "command": command,
                        "resources": _RESOURCES,
                    }
                ],
            },
        }

    def _await(self, name: str) -> None:
        words = ["wait", f"pod/{name}", "--for=condition=Ready", f"--timeout={_START_S}s"]
        if run([*self._kubectl, *words], check=False, quiet=True).returncode:
            state = json.loads(self._asked("get", "pod", name, "--output", "json"))["status"]
            waiting = [each.get("state", {}).get("waiting", {}) for each in state.get("containerStatuses", [])]
            reasons = [*(each.get("reason", "") for each in waiting), *_why(state.get("conditions", []))]
            why = "; ".join(filter(None, reasons)) or state.get("phase", "no state")
            raise ClusterError(f"pod {name}, which sends the requests: not ready within {_START_S} s: {why}")

    def _selector(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.described()["spec"]["selector"]["matchLabels"].items())

    def _pods(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(
            self._asked("get", "pods", "--selector", self._selector(), "--output", "json")
        )["items"]
        return listed

    def _asked(self, *words: str) -> str:
        return run([*self._kubectl, *words], quiet=True).stdout

    @property
    def _kubectl(self) -> list[str]:
        return self.target.kubectl(self.namespace)


def images_in(target: KubeContext, namespace: str) -> list[str]:
    """Returns the images of the pods in a namespace, each with the digest that runs.

    Raises:
        ClusterError: one may not list them.
    """
    listed = json.loads(run([*target.kubectl(namespace), "get", "pods", "--output", "json"], quiet=True).stdout)
    states = [each for pod in listed["items"] for each in pod["status"].get("containerStatuses", [])]
    return sorted({f"{each['image']} ({each['imageID'].rpartition('@')[2]})" for each in states})


@contextmanager
def _told(command: list[str], heard: Callable[[Answered], object]) -> Iterator[None]:
    """Tells of each line that a command writes, for as long as the block runs."""
    with ExitStack() as after, running(command, {}, subprocess.DEVNULL, subprocess.PIPE) as process:
        listener = Thread(target=_listen, args=(process.stdout, heard), name="answers")
        after.callback(process.stdout.close)
        after.callback(listener.join)
        listener.start()
        yield


def _listen(lines: IO[bytes], heard: Callable[[Answered], object]) -> None:
    for line in lines:
        status, seconds, problem = line.decode(errors="replace").rstrip("\n").split(" ", 2)
        heard(Answered(int(status), float(seconds), problem))


def _why(conditions: list[dict[str, Any]]) -> list[str]:
    return [each["message"] for each in conditions if each.get("status") == "False" and each.get("message")]
