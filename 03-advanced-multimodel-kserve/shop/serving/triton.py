"""``python -m shop.serving.triton``: the real Triton of the wheel `nvidia-pytriton`, on the level's model repository.

The wheel carries the server, its Python backend and a stub for each Python version; none of its own Python API is used.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shop.addresses import Addresses
from shop.serving.control_key import new_key, restrictions
from shop.serving.settings import TritonSettings
from workbench.environment import only

__all__ = ["TritonError", "command", "environment", "main", "plain_path", "prepare_backends", "release_memory"]

_STUB = "triton_python_backend_stub"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Triton's backend keeps it; only what bears our port is removed
_INHERITS = ("CUDA_*", "NVIDIA_*")
_FACTS = """
import sys, sysconfig
print(sys.version_info[1], sysconfig.get_config_var("LIBDIR"), sysconfig.get_path("purelib"), sep="\\n")
"""


class TritonError(Exception):
    """Triton cannot be run here; the text names the reason and the remedy."""


@dataclass(frozen=True)
class _Wheel:
    """The paths of Triton's parts in an environment."""

    python: Path
    minor: str
    libpython: Path
    packages: Path

    @property
    def server(self) -> Path:
        return self.packages / "pytriton/tritonserver"


def command(addresses: Addresses, settings: TritonSettings, key: str) -> list[str]:
    """The server and its arguments: every model of the repository, HTTP, gRPC and metrics on 127.0.0.1.

    Args:
        addresses: where it listens, and its run folder.
        settings: how it runs.
        key: what requests for control have to carry.

    Raises:
        TritonError: the environment has no Triton, or no path to the repository is one that Triton takes.
    """
    wheel, home = _wheel(settings), plain_path(addresses.run_dir.resolve() / "triton")
    host = "127.0.0.1"
    options = {
        "model-repository": home / "repository",
        "backend-directory": home / "backends",
        # poll mode would load a model anew when Python writes its byte code beside it
        "model-control-mode": "explicit",
        "load-model": "*",
        "exit-on-error": "false",  # a model that cannot be loaded leaves the others served
        "exit-timeout-secs": settings.exit_timeout_s,
        "http-address": host, "http-port": addresses.triton_http_port, "http-thread-count": settings.http_threads,
        "grpc-address": host, "grpc-port": addresses.triton_grpc_port,
        "metrics-address": host, "metrics-port": addresses.triton_metrics_port,
        "pinned-memory-pool-byte-size": 0,  # a GPU's
        "allow-gpu-metrics": "false", "allow-cpu-metrics": "false",
        "log-info": str(settings.log_info).lower(), "log-format": "ISO8601",
        "backend-config": f"python,shm-region-prefix-name={_shared_memory(addresses)}",
    }  # fmt: skip
    arguments = [f"--{name}={value}" for name, value in options.items()]
    # the configurations are complete; to complete one takes a Python process for each model
    return [str(wheel.server / "bin/tritonserver"), "--disable-auto-complete-config", *arguments, *restrictions(key)]


def plain_path(folder: Path) -> Path:
    """The folder, or a link to it where its path has a blank: Triton gives paths to a shell, which would part them.

    Raises:
        TritonError: the folder for temporary files has one too.
    """
    if shlex.quote(str(folder)) == str(folder):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "link"
    if known.is_symlink() and known.resolve() == folder:
        return known.readlink()
    if shlex.quote(tempfile.gettempdir()) != tempfile.gettempdir():
        reason = "Triton takes no path with a blank, a quote or the like: set TMPDIR to a folder without"
        raise TritonError(f"folders {folder} and {tempfile.gettempdir()}: {reason}")
    link = Path(tempfile.mkdtemp(prefix="shop-triton-")) / "triton"
    link.symlink_to(folder)
    known.unlink(missing_ok=True)
    known.symlink_to(link)
    return link


def environment(settings: TritonSettings) -> dict[str, str]:
    """What the server's environment needs beside the caller's: its libraries, and the Python that its models run on.

    Raises:
        TritonError: the environment has no Triton.
    """
    wheel = _wheel(settings)
    libraries = [str(wheel.packages / "nvidia_pytriton.libs"), str(wheel.libpython)]
    # a stub finds its packages through the python3 on PATH; it does not honour PYTHONPATH
    path = [str(wheel.python.parent), os.environ.get("PATH", os.defpath)]
    return {
        "LD_LIBRARY_PATH": ":".join([*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]),
        "PATH": ":".join(path),
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
    }


def prepare_backends(addresses: Addresses, settings: TritonSettings) -> Path:
    """Puts the Python backend together with the stub of the environment's Python version; returns the folder.

    Raises:
        TritonError: the wheel has no stub for that version.
    """
    wheel = _wheel(settings)
    stub = wheel.server / "python_backend_stubs" / f"3.{wheel.minor}" / _STUB
    if not stub.exists():
        has = ", ".join(sorted(folder.name for folder in stub.parents[1].glob("3.*")))
        raise TritonError(f"{wheel.python} Python 3.{wheel.minor}: Triton's wheel has stubs for {has} only")
    folder = addresses.run_dir.resolve() / "triton" / "backends"
    for source in (*(wheel.server / "backends/python").glob("*.*"), stub):
        target = folder / "python" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(source)
    return folder


def main() -> None:
    """Removes shared memory that a killed Triton left, then replaces this process by Triton, without secrets."""
    addresses, settings = Addresses(), TritonSettings()
    try:
        words, added = command(addresses, settings, new_key(addresses)), environment(settings)
        prepare_backends(addresses, settings)
    except TritonError as problem:
        sys.exit(f"error: {problem}")
    release_memory(addresses)
    inherited = only(os.environ, _INHERITS)
    os.execve(words[0], words, {**inherited, **added})  # noqa: S606 - a fixed argument list, no shell


def release_memory(addresses: Addresses) -> None:
    """Removes what a Triton on these ports that was killed, or ran out of time at its end, left in shared memory."""
    for left in _SHARED_MEMORY.glob(f"{_shared_memory(addresses)}*"):
        left.unlink(missing_ok=True)


def _shared_memory(addresses: Addresses) -> str:
    """What the names of this server's regions of shared memory begin with: two servers never share a port."""
    return f"shop-triton-{addresses.triton_http_port}-"


def _wheel(settings: TritonSettings) -> _Wheel:
    python = settings.environment.absolute() / "bin/python"
    try:
        facts = subprocess.run([python, "-c", _FACTS], capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        raise TritonError(f"{python}: {error}: `make setup` creates the environment") from None
    wheel = _Wheel(python, facts[0], Path(facts[1]), Path(facts[2]))
    if not wheel.server.exists():
        raise TritonError(f"{wheel.packages}: no nvidia-pytriton in it: `make setup` installs it")
    return wheel


if __name__ == "__main__":
    main()
