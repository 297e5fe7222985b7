"""When is a distance drift, and how often is that wrong?

Guarantee: while the traffic is drawn independently from the distribution the reference was drawn from, the
probability of *any* alarm while one short window's worth of fresh rows passes (over all columns, both statistics,
both windows, every look) is at most ``alpha``: half of it for the short window, and half for the long one while its
own, more rows pass. With the defaults (1e-4; 500 and 5,000 rows) that is at most one false alarm in nine million
rows. The chance of drawing a misleading reference is counted in: who has drawn one meets it again and again.

Derivation, for one column, a reference of m rows and a window of n rows, both drawn from the same distribution:

- PSI. For nearby shares ``ln(q/p) ≈ (q-p)/p``, so PSI ≈ Σ(q-p)²/p, and (1/m + 1/n)⁻¹·PSI tends to χ² with k =
  bins-1 degrees of freedom (Yurdakul, Statistical properties of population stability index, 2018). Its mean is the
  well-known bias (bins-1)(1/m + 1/n): with m = 150, n = 500 and 6 bins PSI is 0.043 without any drift, which is why
  a fixed 0.1 or 0.2 is no test. Laurent and Massart (Annals of Statistics 28(5), 2000, Lemma 1) bound the tail in
  closed form: P(χ²ₖ ≥ k + 2√(kx) + 2x) ≤ e⁻ˣ.
- KS. P(KS > t) ≤ 2 exp(-2t²/(1/m + 1/n)): the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant, for two
  samples (Wei and Dudley, Statistics & Probability Letters 82(3), 2012: proved for m = n ≥ 458, checked by computer
  for small m ≠ n, conjectured for the rest). Ties only lower the left side.
- Many questions. There are 2 tests a column, and a window is looked at up to ``looks`` times before all its rows
  are fresh (the monitor refuses to look more often), by each of the workers, and there are two windows. By Boole's
  inequality, which needs no independence, it is enough that each single test is wrong with probability
  alpha/(2·columns·looks·workers·windows) = e⁻ˣ.

The χ² tail alone would be too light for small windows: simulated with 100 rows in 10 bins, 1e-5 was exceeded 7
times as often as promised. Laurent and Massart's bound leaves room for that (in 13 combinations of m, n and bins, 2
million draws each, no tail from 1e-2 to 1e-5 was exceeded more than 0.15 times as often as promised), and the
monitor waits until each bin expects 25 rows.

That costs power: what the windows see, and after how many rows, ``servekit.drift.power`` derives and ``make drift-N``
prints. Simulated (``workbench.drift.characteristics``, with the thresholds of seven columns):

- without a shift, and alpha = 0.1: an alarm in 0 of 150 stretches of 500 rows; with the defaults in none either.
- reference of 150 rows: a shift by 0.3 standard deviations is flagged within 5,000 rows in 2 cases of 50, one by 0.5
  in 32, one by 1 within 450 rows in all.
- reference of 20,000 rows: 0.3 within 5,000 rows in 50 of 50, 0.5 within 400 in 49, 1 within 250 in 50.
- the alert FeatureDrift, at 33 rows a second, within half an hour: for 0.3 (20,000 rows) and 1 (150 rows) it fires in
  16 worlds of 16, without a shift in none.

``minimum_psi`` and ``minimum_ks`` keep a huge window from calling a harmless difference drift: an alarm is both
significant and large (0.1 is where the customary reading of PSI ends to say "no change").
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

__all__ = ["AlarmPolicy"]


@dataclass(frozen=True, slots=True)
class AlarmPolicy:
    """The policy of how sure an alarm must be.

    Args:
        alpha: the probability of any false alarm per short window of fresh rows.
        looks: how often at most the statistics are judged while one window of rows passes.
        minimum_psi: no PSI up to this is an alarm, however significant.
        minimum_ks: the same for KS.
    """

    alpha: float = 1e-4
    looks: int = 10
    minimum_psi: float = 0.1
    minimum_ks: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha {self.alpha}: expected a probability between 0 and 1")
        if self.looks < 1:
            raise ValueError(f"looks {self.looks}: expected at least 1")

    def exponent(self, columns: int, workers: int = 1, windows: int = 1) -> float:
        """The x of the derivation: each single test may be wrong with probability e⁻ˣ."""
        return log(2 * columns * self.looks * workers * windows / self.alpha)

    def psi(self, bins: int, reference_rows: int, window_rows: int, exponent: float) -> float:
        """The PSI above which a column has drifted."""
        k = bins - 1
        tail = k + 2 * sqrt(k * exponent) + 2 * exponent
        return max(self.minimum_psi, tail * (1 / reference_rows + 1 / window_rows))

    def ks(self, reference_rows: int, window_rows: int, exponent: float) -> float:
        """The KS distance above which a column has drifted."""
        return max(self.minimum_ks, sqrt((exponent + log(2)) / 2 * (1 / reference_rows + 1 / window_rows)))
