"""``python -m shop.serving.triton``: the real Triton of the wheel `nvidia-pytriton`, on the level's model repository.

The wheel carries the server, its Python backend and a stub for each Python version; none of its own Python API is used.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

from shop.addresses import Addresses
from shop.serving.control_key import new_key, restrictions
from shop.serving.settings import TritonSettings
from workbench.environment import only
from workbench.triton_wheel import TritonError, find_wheel

__all__ = ["TritonError", "command", "environment", "main", "plain_path", "prepare_backends", "release_memory"]

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Triton's backend keeps it; only what bears our port is removed
_INHERITS = ("CUDA_*", "NVIDIA_*")


def command(addresses: Addresses, settings: TritonSettings, key: str) -> list[str]:
    """The server and its arguments: every model of the repository, HTTP, gRPC and metrics on 127.0.0.1.

    Args:
        addresses: where it listens, and its run folder.
        settings: how it runs.
        key: what requests for control have to carry.

    Raises:
        TritonError: the environment has no Triton, or no path to the repository is one that Triton takes.
    """
    wheel, home = find_wheel(settings.environment), plain_path(addresses.run_dir.resolve() / "triton")
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
    return [str(wheel.program), "--disable-auto-complete-config", *arguments, *restrictions(key)]


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
    return {**find_wheel(settings.environment).variables(), "OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}


def prepare_backends(addresses: Addresses, settings: TritonSettings) -> Path:
    """Puts the Python backend together with the stub of the environment's Python version; returns the folder.

    Raises:
        TritonError: the wheel has no stub for that version.
    """
    folder = addresses.run_dir.resolve() / "triton" / "backends"
    find_wheel(settings.environment).link_backends(folder)
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


if __name__ == "__main__":
    main()
