"""Starts the Triton that level 3 embeds: `serve.py ENVIRONMENT WORK HTTP_PORT GRPC_PORT [batching]`."""

import os
import shutil
import sys
from pathlib import Path

from workbench.triton_wheel import find_wheel

_HERE = Path(__file__).parent


def main(environment: str, work: str, http_port: str, grpc_port: str, *options: str) -> None:
    """Lays the model repository out, and replaces this process by Triton."""
    repository, backends = Path(work, "repository"), Path(work, "backends")
    shutil.copytree(_HERE / "iris", repository / "iris")
    if "batching" in options:
        with (repository / "iris/config.pbtxt").open("a") as config:
            config.write("dynamic_batching { }\n")
    wheel = find_wheel(Path(environment))
    wheel.link_backends(backends)
    command = [
        str(wheel.program), f"--model-repository={repository}", f"--backend-directory={backends}",
        "--model-control-mode=explicit", "--load-model=iris", "--disable-auto-complete-config",
        "--http-address=127.0.0.1", f"--http-port={http_port}",
        "--grpc-address=127.0.0.1", f"--grpc-port={grpc_port}", "--allow-metrics=true", "--metrics-address=127.0.0.1",
        "--metrics-port=0", "--http-thread-count=2", "--allow-gpu-metrics=false", "--allow-cpu-metrics=false",
        f"--backend-config=python,shm-region-prefix-name=iris-triton-{http_port}-",
    ]  # fmt: skip
    os.execve(command[0], command, {**os.environ, **wheel.variables()})  # noqa: S606 - a fixed argument list, no shell


if __name__ == "__main__":
    main(*sys.argv[1:])
