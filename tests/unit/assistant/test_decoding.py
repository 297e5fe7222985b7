from __future__ import annotations

import pytest

from assistant.domain.decoding import TextDecoder


def pieces(tokens: list[bytes], *stop: str) -> list[str]:
    decoder = TextDecoder(stop)
    return [*(decoder.feed(token) for token in tokens), decoder.finish()]


def test_a_character_is_never_split_however_its_bytes_are_parted() -> None:
    text = "€ 漢字 👩‍👩‍👧 é"
    raw = text.encode()
    for size in (1, 2, 3, 5):
        said = pieces([raw[at : at + size] for at in range(0, len(raw), size)])
        assert "".join(said) == text
        assert not any("\ufffd" in each for each in said)


def test_bytes_that_are_no_utf8_are_replaced_and_what_follows_is_read() -> None:
    assert "".join(pieces([b"a\xff", b"b", b"\xe2\x82"])) == "a\ufffdb\ufffd"


@pytest.mark.parametrize("tokens", [[b"one STOP two"], [b"one S", b"TO", b"P two"], [b"one ", b"STOP", b" two"]])
def test_a_stop_string_ends_the_answer_and_no_part_of_it_is_sent(tokens: list[bytes]) -> None:
    assert "".join(pieces(tokens, "STOP", "never")) == "one "


def test_what_only_begins_like_a_stop_string_is_held_back_and_then_sent() -> None:
    assert pieces([b"a S", b"T", b"AR"], "STOP") == ["a ", "", "STAR", ""]
    assert pieces([b"a ST"], "STOP") == ["a ", "ST"]


def test_the_first_of_two_stop_strings_counts() -> None:
    decoder = TextDecoder(("b", "a"))
    assert decoder.feed(b"xaby") == "x"
    assert decoder.stopped
    assert decoder.feed(b"more") == decoder.finish() == ""
