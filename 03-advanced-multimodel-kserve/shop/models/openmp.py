"""LightGBM's wheel leaves its OpenMP runtime, libgomp.so.1, to the system; a machine with only Python has none.

scikit-learn's wheel brings its own copy under a name of its own. The dynamic linker takes a library that is already
loaded for the one it looks for if their SONAMEs agree: so that copy is loaded first, under the name LightGBM asks for.
"""

from __future__ import annotations

import ctypes
import importlib.util
import tempfile
from pathlib import Path

__all__ = ["OpenMpError", "bundled", "provide", "renamed"]

NAME = "libgomp.so.1"


class OpenMpError(Exception):
    """There is no OpenMP runtime, so LightGBM cannot be imported."""


def provide() -> str:
    """Loads an OpenMP runtime that LightGBM finds; to be called before it is imported. Returns where it is from.

    Raises:
        OpenMpError: neither the system nor scikit-learn has one.
    """
    try:
        ctypes.CDLL(NAME, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        copy = bundled()
    else:
        return "system"
    with tempfile.TemporaryDirectory(prefix="openmp-") as folder:
        path = Path(folder) / NAME
        path.write_bytes(renamed(copy.read_bytes(), copy.name))
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)  # stays mapped when the file is gone
    return copy.name


def bundled() -> Path:
    """The copy in scikit-learn's wheel.

    Raises:
        OpenMpError: it has none.
    """
    found = importlib.util.find_spec("sklearn")
    if found is not None and found.origin is not None:
        for path in sorted(Path(found.origin).parents[1].glob("scikit_learn.libs/libgomp*.so*")):
            return path
    raise OpenMpError(f"{NAME}: LightGBM needs it: install your system's libgomp1, or scikit-learn from PyPI")


def renamed(library: bytes, name: str) -> bytes:
    """The library with the SONAME ``libgomp.so.1`` in place of ``name``, which is longer.

    Raises:
        OpenMpError: that is not its SONAME.
    """
    old, new = name.encode() + b"\0", NAME.encode() + b"\0"
    if library.count(old) != 1 or len(new) > len(old):
        raise OpenMpError(f"{name}: expected a library of that SONAME, longer than {NAME}")
    return library.replace(old, new.ljust(len(old), b"\0"))
