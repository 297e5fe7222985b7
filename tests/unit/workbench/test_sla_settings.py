from __future__ import annotations

from pathlib import Path

import pytest

from servekit.errors import InvalidValueError
from workbench.sla.settings import load_sla

MINIMAL = """
level = 1
rate_rps = 100
duration_s = 10
scenario = "traffic.py:Traffic"
[server]
url = "http://127.0.0.1:8100"
start = "make up-1"
[mix]
single = 1
[thresholds]
p99_ms = 50
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sla.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_left_out_has_a_strict_default(tmp_path: Path) -> None:
    sla = load_sla(written(tmp_path, MINIMAL))
    assert (sla.thresholds.error_rate, sla.thresholds.correct_ratio) == (0.0, 1.0)
    assert sla.lag_limit_ms == 25


def test_the_limit_of_the_generators_lag_can_be_set(tmp_path: Path) -> None:
    assert load_sla(written(tmp_path, MINIMAL + "[generator]\nlag_p99_ms = 5\n")).lag_limit_ms == 5


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("rate_rps = 100", "rate_rps = 0", "Expected `float` > 0.0 - at `$.rate_rps`"),
        ("p99_ms = 50", "p98_ms = 50", "Object contains unknown field `p98_ms` - at `$.thresholds`"),
        ("level = 1", "", "Object missing required field `level`"),
        ("single = 1", "", "mix: is empty, expected at least one kind with its weight"),
        ('"http://127.0.0.1:8100"', '"127.0.0.1:8100"', "Expected `str` matching regex '^http://[^/\\\\s]+\\\\Z'"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(tmp_path: Path, line: str, instead: str, message: str) -> None:
    path = written(tmp_path, MINIMAL.replace(line, instead))
    with pytest.raises(InvalidValueError) as refused:
        load_sla(path)
    assert str(refused.value).startswith(f"{path}: {message}")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError) as refused:
        load_sla(tmp_path / "sla.toml")
    assert str(refused.value) == f"{tmp_path / 'sla.toml'}: no such file, expected an sla.toml"


def test_every_levels_sla_is_valid() -> None:
    files = list(Path(__file__).parents[3].glob("0*/sla.toml"))
    assert files
    for file in files:
        assert load_sla(file).level == int(file.parent.name[:2])
