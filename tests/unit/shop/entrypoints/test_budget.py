from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from shop.commands.budget import budget, main
from shop.commands.budget_picture import Hop, draw
from workbench.observe.errors import ObserveError
from workbench.observe.spans import Span

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def span(name: str, number: str, parent: str | None, at_ms: tuple[float, float], status: str = "unset") -> Span:
    start, end = (int(ms * MS) for ms in at_ms)
    kind = "internal" if parent else "server"
    return Span("t", number, parent, "shop-gateway", name, kind, start, end, status, {})


def requests(count: int, status: str = "unset") -> list[Span]:
    found = []
    for each in range(count):
        root = f"r{each}{status}"
        found += [
            span("POST /v1/search", root, None, (0, 10), status),
            span("lookup", f"{root}a", root, (1, 3)),
            span("infer", f"{root}b", root, (3, 8)),
        ]
    return found


def test_each_hop_has_its_own_time_and_what_no_hop_claims_is_the_rest() -> None:
    assert budget(requests(20)) == {
        "POST /v1/search": [Hop("lookup", 2, 2), Hop("infer", 5, 5), Hop("rest", 3, 3)],
    }


def test_failed_requests_do_not_count_and_too_few_give_no_budget() -> None:
    with pytest.raises(ObserveError, match="fewer than 10 of any endpoint; run `make up-3 sla-3`"):
        budget([*requests(9), *requests(5, status="error")])


def test_the_picture_is_xml_with_a_bar_part_for_each_hop_and_percentile() -> None:
    picture = ET.fromstring(draw({"search": [Hop("lookup", 1, 4), Hop("infer", 5, 9.5)]}, 50))  # noqa: S314 - our own picture
    titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[1:] == ["lookup 1.000 ms", "infer 5.000 ms", "lookup 4.000 ms", "infer 9.500 ms"]


def test_without_traces_the_command_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    assert main([]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path}/traces*.jsonl: no such file; run `make up-3 sla-3`\n"
