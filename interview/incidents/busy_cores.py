"""The fault of ``busy-cores``."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from interview.incidents.shop_fault import ShopFault
from servekit.whole_file import write_whole
from shop.serving.repository import versions, write_repository
from shop.serving.settings import TritonSettings
from workbench.processes import cpu_s
from workbench.stack.inspection import members

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from course.incidents import Fault

__all__ = ["fault"]

_MODEL = "ranking"
_ONE = b"intra_op_num_threads = 1"
_TIMES = 16
_LOOK_S = 2.0
_STUB = "triton_python_backend_stub"


class _BusyCores(ShopFault):
    mix = {"search": 1.0}  # noqa: RUF012 - read only, as the base class says

    def spoil(self) -> None:
        many = b"intra_op_num_threads = %d" % (_TIMES * (os.cpu_count() or 1))
        for path in self._code():
            write_whole(path, path.read_bytes().replace(_ONE, many))
        self.level.triton.load(_MODEL)

    def signs(self) -> list[str]:
        return [f"{self._cores():.1f} of {os.cpu_count()} cores are busy with {_MODEL}"]

    def evidence(self) -> list[str]:
        return [
            f"process {each.pid}, which computes {_MODEL}, has {each.num_threads()} threads" for each in self._stubs()
        ]

    def fix(self) -> None:
        addresses = self.level.addresses
        write_repository(addresses.models_dir, self._repository, shards=TritonSettings().shards)
        self.level.triton.load(_MODEL)

    @property
    def _repository(self) -> Path:
        return self.level.addresses.run_dir / "triton" / "repository"

    def _code(self) -> list[Path]:
        folder = self._repository / _MODEL
        return [folder / str(version) / "model.py" for version in versions(folder)]

    def _stubs(self) -> Iterator[psutil.Process]:
        for process in members(self.level.stack.home):
            with suppress(psutil.NoSuchProcess):
                program, *arguments = process.cmdline()
                if program.endswith(_STUB) and f"/{_MODEL}/" in arguments[0]:
                    yield process

    def _cores(self) -> float:
        stubs = list(self._stubs())
        before = cpu_s(stubs)
        time.sleep(_LOOK_S)
        return max(0.0, cpu_s(stubs) - before) / _LOOK_S


def fault() -> Fault:
    """The fault, not planted yet."""
    return _BusyCores()
