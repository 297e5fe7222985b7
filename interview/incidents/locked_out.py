"""The fault of ``locked-out``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from interview.incidents.level_3 import outcome
from interview.incidents.shop_fault import ShopFault
from servekit.whole_file import OWNER_ALONE, write_whole
from workbench.stack import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from course.incidents import Fault

__all__ = ["fault"]

_OLD, _NEW = "web-2025:k-of-last-year", "web-2026:k-of-this-year"


class _LockedOut(ShopFault):
    def obstacle(self) -> str | None:
        if self.level.stack.guarded:
            return "level 3 asks for keys already: run make up-3 without SHOP_API_KEYS and SHOP_API_KEYS_FILE"
        return super().obstacle()

    def spoil(self) -> None:
        write_whole(self._keys, f"{_NEW}\n".encode(), OWNER_ALONE)
        write_whole(self._withdrawn, f"{_OLD}\n".encode(), OWNER_ALONE)
        for number in range(self.level.addresses.gateways):
            self.level.restart_with(f"gateway-{number}", SHOP_API_KEYS_FILE=str(self._keys))

    def call(self) -> int | str:
        """A call by the shop's web pages, which send the key that they have had for a year."""
        request = self.level.request(self.kind())
        return outcome(self.level.send(request, {"x-api-key": _OLD.partition(":")[2]}))

    def signs(self) -> list[str]:
        ports, name = self.level.gateway_ports, "serving_request_duration_seconds_count"
        refused = sum(self.level.counts(name, ports, code="401"))
        failed = sum(self.level.counts("serving_requests_total", ports, result="failed"))
        return [f"the gateways have counted {refused:.0f} answers of 401, and {failed:.0f} failures"]

    def evidence(self) -> list[str]:
        known = [line.partition(":")[0] for line in self._lines(self._keys)]
        withdrawn = [line.partition(":")[0] for line in self._lines(self._withdrawn)]
        ports = self.level.gateway_ports
        used = {name: sum(self.level.counts("serving_key_requests_total", ports, key=name)) for name in known}
        return [
            *(f"key {name}: {count:.0f} requests" for name, count in used.items()),
            f"{self._keys} knows {', '.join(known) or 'no key'}; withdrawn: {', '.join(withdrawn) or 'none'}",
        ]

    def fix(self) -> None:
        """Lets the old key in again, until its owner has changed over; gateways read the file every second or two."""
        if self._keys.exists() and self._withdrawn.exists():
            lines = [*self._lines(self._keys), *self._lines(self._withdrawn)]
            write_whole(self._keys, "".join(f"{line}\n" for line in dict.fromkeys(lines)).encode(), OWNER_ALONE)

    def restore(self) -> None:
        if self.planted:
            with suppress(StackError):  # whatever is left of it, `make up-3` repairs
                self.level.restart_gateways()
        super().restore()

    def clean(self) -> None:
        for path in (self._keys, self._withdrawn):
            path.unlink(missing_ok=True)

    @property
    def _keys(self) -> Path:
        return self.level.stack_home / "api-keys"

    @property
    def _withdrawn(self) -> Path:
        return self.level.stack_home / "api-keys.withdrawn"

    def _lines(self, path: Path) -> list[str]:
        return path.read_text(encoding="ascii").split() if path.exists() else []


def fault() -> Fault:
    """The fault, not planted yet."""
    return _LockedOut()
