"""Exercise 4 · Eight bits by hand.

INT8 makes a layer four times smaller, and on the right processor several times faster. Each weight becomes a whole
number from -127 to 127, and a float32 says how large one step of it is. Do it once by hand, and you will understand
what the tools do.

1. Write `quantise(weight)` for weights of shape (inputs, outputs). Symmetric, per output channel: an output's step is
   its largest absolute weight divided by 127. It returns integers, int8 of the same shape, and steps, float32 of
   shape (outputs,). Round to the nearest, halves to even (np.rint). An output whose weights are all 0 has the step 1.

2. Write `activations(rows, step)`: float32 rows as int8, symmetric, with one step for all. Clip values that do not fit
   at -127 and 127, because int8 wraps around.

3. Write `layer(rows, step, integers, steps)`: the product rows @ weight, computed in integers and turned back into
   float32. Sums need 32 bits: even a single product of two int8 does not fit into an int8.

4. Write `passes(before, after, ratios)`, the gate. Both versions ranked the same pages; before and after have, for each
   measure, its value on each page. The loss of a page is before minus after. The upper bound of the loss is the mean
   over the pages plus 1.645 standard errors (np.std with ddof=1, divided by the root of the number of pages); in 19 of
   20 tests the true loss is below it. A version passes if the bound is at most 1 % of the mean before, for every
   measure, and the smallest of the ratios (how many times faster, one for each round) is at least 1.03. A quality that
   is not a number does not pass, and neither does a single page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The weights in steps, and the size of a step for each output."""
    raise NotImplementedError


def activations(rows: NDArray[np.float32], step: float) -> NDArray[np.int8]:
    """The rows in steps of this size."""
    raise NotImplementedError


def layer(
    rows: NDArray[np.float32], step: float, integers: NDArray[np.int8], steps: NDArray[np.float32]
) -> NDArray[np.float32]:
    """About rows @ weight, of shape (rows, outputs)."""
    raise NotImplementedError


def passes(before: dict[str, NDArray[np.float64]], after: dict[str, NDArray[np.float64]], ratios: list[float]) -> bool:
    """Whether the INT8 version may be served."""
    raise NotImplementedError
