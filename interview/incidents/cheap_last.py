"""The fault of ``cheap-last``."""

from __future__ import annotations

import hashlib
import shutil
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from interview.incidents.level_3 import outcome, search_of
from interview.incidents.shop_fault import ShopFault
from servekit.json_file import write_json
from servekit.whole_file import write_whole
from shop.features.ranking import ITEM
from shop.features.store import FILES, GENERATION, MANIFEST
from shop.serving.envoy.splits import read_splits
from shop.serving.stores import connect

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from course.incidents import Fault

__all__ = ["fault"]

_CENTS = 100
_ITEMS = FILES["i:"]


class _CheapLast(ShopFault):
    rate_rps = 40.0
    mix = {"search": 1.0}  # noqa: RUF012 - read only, as the base class says

    def __init__(self) -> None:
        super().__init__()
        self._folder = self.level.addresses.features_dir
        self._kept = self._folder.with_name("features-before")

    def obstacle(self) -> str | None:
        self.fix()  # a drill that was cut off with the machine's power
        obstacle = super().obstacle()
        if obstacle is None:
            search = search_of(self.level.request("search"))
            self.level.oracle.relevance(search, self._stable, search.candidates)  # from now on it keeps these features
        return obstacle

    def spoil(self) -> None:
        part = self._kept.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(self._folder, part)
        part.rename(self._kept)  # it is whole, or not there
        items = np.load(self._folder / _ITEMS)
        items[:, ITEM["price"]] += np.log(_CENTS).astype(items.dtype)
        _deliver(self._folder, items)

    def call(self) -> int | str:
        """A search, by somebody who knows what the model says of the right prices."""
        request = self.level.request("search")
        answer = self.level.send(request)
        came = outcome(answer)
        if came != HTTPStatus.OK:
            return came
        wrong = self.level.oracle.check(search_of(request), answer.content)  # with the features that it read first
        return "not what the right prices give" if wrong else came

    def signs(self) -> list[str]:
        return ["make status-3 is green, the answers name the version that was proven, and nothing is slow"]

    def evidence(self) -> list[str]:
        prices = np.exp(np.load(self._folder / _ITEMS)[:, ITEM["price"]])
        with connect(self.level.addresses, "features") as client:
            loaded = (client.get(GENERATION) or b"nothing").decode()
        lines = [f"an item's price in {self._folder / _ITEMS}: {np.median(prices):,.2f} (median)"]
        if self._kept.exists():
            before = np.exp(np.load(self._kept / _ITEMS)[:, ITEM["price"]])
            lines.append(f"in the set before, {self._kept}: {np.median(before):,.2f}")
        return [*lines, f"the store holds generation {loaded[:12]}"]

    def fix(self) -> None:
        """Puts the set before back, unless it was trained anew meanwhile; the loader finds it within a second."""
        if not self._kept.exists():
            return
        if self._is_in_cents():
            for path in sorted(self._kept.iterdir(), key=lambda path: path.name == MANIFEST):
                write_whole(self._folder / path.name, path.read_bytes())
        shutil.rmtree(self._kept)

    def clean(self) -> None:
        self.level.settle()  # with the right features
        self.level.restart_gateways()

    def _is_in_cents(self) -> bool:
        now, before = (np.load(folder / _ITEMS)[:, ITEM["price"]] for folder in (self._folder, self._kept))
        return now.shape == before.shape and np.allclose(now - before, np.log(_CENTS), atol=1e-3)

    @property
    def _stable(self) -> str:
        return read_splits(self.level.addresses.canary_state)["ranking"].stable


def _deliver(folder: Path, items: NDArray[np.float32]) -> None:
    """Writes a feature set with other items as a feature job does: its manifest vouches for it."""
    path, manifest = folder / _ITEMS, msgspec.json.decode((folder / MANIFEST).read_bytes())
    np.save(path.with_suffix(".new.npy"), items)
    path.with_suffix(".new.npy").rename(path)
    manifest["files"][_ITEMS] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest["generation"] = hashlib.sha256(msgspec.json.encode(manifest["files"])).hexdigest()
    write_json(folder / MANIFEST, manifest)


def fault() -> Fault:
    """The fault, not planted yet."""
    return _CheapLast()
