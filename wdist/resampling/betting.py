"""Evidence that grows with every p-value and may be read at any time: capital won by betting that they are small.

Where nothing has changed the p-values are independent and uniform, every bet is fair, and by Ville's inequality the
capital, 1 at the start, ever reaches 1/α with probability at most α. Bets are spread over several powers of p, and
over when the change comes: a monitor that waited long has hardly lost, as most of its capital was not staked before.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Capital", "e_value"]

POWERS = (0.1, 0.25, 0.5, 0.75)
"""κ of the bets κ·p^{κ−1}, each of integral one over [0, 1] (Vovk and Wang 2021): small κ win on tiny p."""
LARGEST = 1e200
"""Capital beyond is given away, which favours no one but the null."""


def e_value(pvalue: float) -> float:
    """Evidence of one p-value in (0, 1]: at most 1 on average where nothing has changed.

    Example:
        >>> e_value(1.0) < 1 < e_value(0.01)
        True
    """
    return sum(k * float(pvalue ** (k - 1)) for k in POWERS) / len(POWERS)


@dataclass(frozen=True)
class Capital:
    """What betting on a stream of p-values has brought.

    For each power κ it is Σ_s w_s ∏_{r ≥ s} κ·p_r^{κ−1} over the starts s so far, with w_s = 1/(s(s + 1)), and what is
    kept for later starts, Σ_{s > t} w_s = 1/(t + 1): a change at the s-th p-value costs a factor of s(s + 1).

    Attributes:
        staked: For each of the powers.
        bets: How many p-values there were.
    """

    staked: tuple[float, ...] = (0.0,) * len(POWERS)
    bets: int = 0

    @property
    def value(self) -> float:
        """The capital, a test martingale: 1 at the start."""
        return sum(self.staked) / len(POWERS) + 1 / (self.bets + 1)

    def after(self, pvalue: float) -> Capital:
        """Bet on the next p-value, in (0, 1].

        Example:
            >>> Capital().after(0.001).after(0.001).value > 100 > 1 > Capital().after(0.9).value
            True
        """
        t = self.bets + 1
        start = 1 / (t * (t + 1))
        staked = (
            min(LARGEST, (held + start) * k * pvalue ** (k - 1))
            for held, k in zip(self.staked, POWERS, strict=True)
        )
        return Capital(tuple(staked), t)
