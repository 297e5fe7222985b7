from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

from shop.models.openmp import OpenMpError, bundled, renamed

WITHOUT_SYSTEM = """
    import ctypes, pathlib
    from shop.models import openmp

    real = ctypes.CDLL

    def hidden(name, *arguments, **options):
        if name == openmp.NAME:
            raise OSError(name)
        return real(name, *arguments, **options)

    openmp.ctypes.CDLL = hidden
    print(openmp.provide())
    openmp.ctypes.CDLL = real
    import lightgbm, numpy
    lightgbm.Dataset(numpy.eye(9), label=numpy.arange(9), params={"verbosity": -1}).construct()
    maps = [line.split(None, 5)[-1].strip() for line in pathlib.Path("/proc/self/maps").read_text().splitlines()]
    print(any(each.endswith("libgomp.so.1 (deleted)") for each in maps))
    print(any("x86_64-linux-gnu/libgomp" in each for each in maps))
"""


@pytest.mark.slow
def test_lightgbm_runs_on_scikit_learns_copy_where_the_system_has_none() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(WITHOUT_SYSTEM)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stderr == ""
    assert done.stdout.split() == [bundled().name, "True", "False"]


def test_a_library_is_renamed_in_place() -> None:
    library = b"\x7fELF...\0libgomp-0123.so.1.0.0\0..."
    assert renamed(library, "libgomp-0123.so.1.0.0") == b"\x7fELF...\0libgomp.so.1\0\0\0\0\0\0\0\0\0\0..."


@pytest.mark.parametrize("library", [b"no name", b"libgomp-0123.so.1.0.0\0libgomp-0123.so.1.0.0\0"])
def test_a_library_of_another_name_is_refused(library: bytes) -> None:
    with pytest.raises(OpenMpError, match=r"^libgomp-0123.so.1.0.0: expected a library of that SONAME, longer than"):
        renamed(library, "libgomp-0123.so.1.0.0")


def test_a_machine_without_any_copy_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shop.models.openmp.importlib.util.find_spec", lambda _: None)
    with pytest.raises(OpenMpError, match=r"^libgomp\.so\.1: LightGBM needs it: install your system's libgomp1"):
        bundled()
