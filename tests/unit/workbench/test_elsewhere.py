"""``URL`` names a level elsewhere: an address of a server, and nothing else."""

from __future__ import annotations

import pytest

from servekit.errors import InvalidValueError
from workbench.stack import elsewhere, host_of, join


@pytest.mark.parametrize(
    ("given", "understood", "host"),
    [
        ("http://127.0.0.1:30100", "http://127.0.0.1:30100", "127.0.0.1"),
        ("https://shop.example/", "https://shop.example", "shop.example"),
        ("http://[::1]:8100", "http://[::1]:8100", "[::1]"),
    ],
)
def test_an_address_is_taken_without_the_slash_at_its_end(given: str, understood: str, host: str) -> None:
    assert elsewhere({"URL": given}) == understood
    assert host_of(understood) == host


@pytest.mark.parametrize("nowhere", [{}, {"URL": ""}])
def test_without_an_address_a_level_is_on_this_machine(nowhere: dict[str, str]) -> None:
    assert elsewhere(nowhere) is None


@pytest.mark.parametrize(
    "given",
    [
        "127.0.0.1:8100", "ftp://host", "http://", "http://host/v2", "http://host?x", "http://me:secret@host",
        "http://host:99999", "http://host:0", "http://host:port", "http://a b", "http://host\n", "http://host\r\nx: y",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_server_is_refused_by_name(given: str) -> None:
    with pytest.raises(
        InvalidValueError, match=r"(?s)^URL .*: expected http://HOST:PORT or https://HOST, without a path\Z"
    ):
        elsewhere({"URL": given})


def test_a_command_that_asks_anywhere_says_where_and_takes_nothing_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("URL", "http://10.0.0.7:30100")
    join(1, lambda: pytest.fail("nobody listens here"), anywhere=True)
    assert capsys.readouterr().out == "level 1 at http://10.0.0.7:30100\n"


def test_a_wrong_address_ends_the_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("URL", "10.0.0.7")
    with pytest.raises(SystemExit) as ended:
        join(1, lambda: 1, anywhere=True)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("URL 10.0.0.7: expected ")
