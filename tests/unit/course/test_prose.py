from __future__ import annotations

from course.prose import prose, references, targets

TEXT = """See [serve.py](../../level/serve.py), [a part](x.md#part) and [the web](https://example.com/a), then
`make up-1 sla-1`, `make drill ARGS="-n 3"` and `make incident ID=timeouts`; nothing to make of `make` or make bench."""


def test_links_within_the_repository_are_found() -> None:
    assert references(TEXT) == ["../../level/serve.py", "x.md"]


def test_make_targets_are_found() -> None:
    assert targets(TEXT) == ["up-1", "sla-1", "drill", "incident"]


def test_a_link_becomes_a_path_from_the_root_but_one_to_the_web_stays() -> None:
    text = prose(TEXT).markup
    assert "`level/serve.py`" in text
    assert "[the web](https://example.com/a)" in text
