"""The real Triton that the wheel `nvidia-pytriton` carries: where its parts are, and what its process needs.

The wheel has the server, its Python backend and a stub for each Python version; none of its own Python API is used.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TritonError", "TritonWheel", "find_wheel"]

_STUB = "triton_python_backend_stub"
_FACTS = """
import sys, sysconfig
print(sys.version_info[1], sysconfig.get_config_var("LIBDIR"), sysconfig.get_path("purelib"), sep="\\n")
"""


class TritonError(Exception):
    """Triton cannot be run here; the text names the reason and the remedy."""


@dataclass(frozen=True)
class TritonWheel:
    """The paths of Triton's parts in an environment."""

    python: Path
    minor: str
    libpython: Path
    packages: Path

    @property
    def server(self) -> Path:
        """The folder of the server, its backends and its stubs."""
        return self.packages / "pytriton/tritonserver"

    @property
    def program(self) -> Path:
        """The server itself."""
        return self.server / "bin/tritonserver"

    def variables(self) -> dict[str, str]:
        """What the server's environment needs: its libraries, and the Python that its models run on."""
        libraries = [str(self.packages / "nvidia_pytriton.libs"), str(self.libpython)]
        # a stub finds its packages through the python3 on PATH; it does not honour PYTHONPATH
        path = [str(self.python.parent), os.environ.get("PATH", os.defpath)]
        given = filter(None, [os.environ.get("LD_LIBRARY_PATH")])
        return {"LD_LIBRARY_PATH": ":".join([*libraries, *given]), "PATH": ":".join(path)}

    def link_backends(self, folder: Path) -> None:
        """Puts the Python backend together with the stub of the environment's Python version, in that folder.

        Raises:
            TritonError: the wheel has no stub for that version.
        """
        stub = self.server / "python_backend_stubs" / f"3.{self.minor}" / _STUB
        if not stub.exists():
            has = ", ".join(sorted(each.name for each in stub.parents[1].glob("3.*")))
            raise TritonError(f"{self.python} Python 3.{self.minor}: Triton's wheel has stubs for {has} only")
        for source in (*(self.server / "backends/python").glob("*.*"), stub):
            target = folder / "python" / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.symlink_to(source)


def find_wheel(environment: Path) -> TritonWheel:
    """The wheel's parts in an environment's folder.

    Raises:
        TritonError: the environment has no Triton.
    """
    python = environment.absolute() / "bin/python"
    try:
        facts = subprocess.run([python, "-c", _FACTS], capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        raise TritonError(f"{python}: {error}: `make setup` creates the environment") from None
    wheel = TritonWheel(python, facts[0], Path(facts[1]), Path(facts[2]))
    if not wheel.server.exists():
        raise TritonError(f"{wheel.packages}: no nvidia-pytriton in it: `make setup` installs it")
    return wheel
