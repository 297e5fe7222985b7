from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

import pytest

from workbench.arguments import count, not_negative, positive, share

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("text", ["-5", "inf", "-inf", "nan", "", "five", "1e999"])
@pytest.mark.parametrize("kind", [positive, not_negative, share, count])
def test_what_is_no_such_number_is_refused_with_its_text(kind: Callable[[str], float], text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"^{text}: expected a "):
        kind(text)


def test_each_type_of_argument_has_its_own_bounds() -> None:
    assert (positive("0.5"), not_negative("0"), share("1"), count("3")) == (0.5, 0.0, 1.0, 3)
    for kind, text in ((positive, "0"), (share, "1.1"), (count, "0"), (count, "2.5"), (count, "²")):
        with pytest.raises(ArgumentTypeError):
            kind(text)
