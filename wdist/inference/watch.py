"""Drift of a stream of batches, read after every one of them, for as long as one likes.

Each batch is ranked, by the statistics of `monitoring.py`, among random sets of its size from itself, the reference
and what came before. Where all rows are exchangeable those ranks are independent and uniform whatever the reference:
given everything that was ranked before as a set, a rank tells nothing of it, and the next batch is one more random
part of a larger set (as for conformal test martingales: Vovk, Gammerman, Shafer 2005, Ch. 7). Betting on them gives
evidence that is valid at any stopping time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wdist.errors import InputError
from wdist.inference.keeping import keep, kept
from wdist.inference.monitoring import BATCHES, MOST_ROWS, Reference, Score, check_rate
from wdist.inference.two_sample import chosen_statistics, relabelled
from wdist.resampling.betting import Capital
from wdist.resampling.exchange import exchange
from wdist.resampling.heights import TIE, Calibration
from wdist.rng import Rng

__all__ = ["Watch"]

RELABELLINGS = 199


@dataclass(frozen=True, eq=False)
class Watch:
    """A stream of batches up to now; `after(batch)` gives the next one. Made by `Watch(reference)`.

    The chance that it ever raises an alarm, on however many batches without drift, is at most `false_alarms`: rows
    of reference and batches then being independent and of one law, or exchangeable at least. That is exact for samples
    of any size and law, also where the reference is small.

    What came before joins the reference, up to 4000 rows in all (or four batches, if that is more): beyond, random rows
    are dropped. So drift that is too slow to be seen becomes the new normal after some thousand rows.

    Attributes:
        reference: What batches are compared with at first.
        false_alarms: Chance of an alarm, ever, where nothing changes.
        capital: The bets so far.
        peak: The largest evidence so far; an alarm stays one.
        last: The last batch's score; its p-value is its rank, its thresholds are for that batch alone.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> watch = Watch(Reference(rng.normal(size=400)))
        >>> for shift in (0, 0, 0, 1, 1, 1):
        ...     watch = watch.after(rng.normal(size=40) + shift)
        >>> watch.batches, watch.alarm
        (6, True)
    """

    reference: Reference
    false_alarms: float = 0.01
    capital: Capital = field(default_factory=Capital)
    peak: float = 1.0
    last: Score | None = None
    _pool: Tensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.reference, Reference):
            raise InputError(
                f"reference is a {type(self.reference).__name__}; pass a wdist.Reference(sample)"
            )
        check_rate(self.false_alarms)
        object.__setattr__(self, "false_alarms", float(self.false_alarms))

    @property
    def batches(self) -> int:
        """How many batches there were."""
        return self.capital.bets

    @property
    def evidence(self) -> float:
        """The capital that betting on drift, from 1 on, has become: a test martingale."""
        return self.capital.value

    @property
    def threshold(self) -> float:
        """Evidence that is an alarm."""
        return 1 / self.false_alarms

    @property
    def alarm(self) -> bool:
        """Whether the evidence ever reached the threshold."""
        return self.peak >= self.threshold

    def after(self, batch: Any) -> Watch:
        """Rank one more batch, bet on its rank, and take it among what came before.

        Args:
            batch: Points (m,) or (m, d), as in `Reference.score`.
        """
        rows, pool = self.reference.checked(batch), self.pool
        m = len(rows)
        rng = Rng(np.random.SeedSequence([self.reference.seed, 2, self.batches]))
        pooled = torch.cat([rows, pool])
        names = chosen_statistics(self.reference.statistic, rows.shape[1], len(pooled), flat=False)
        values = relabelled(
            names, pooled, exchange(m, len(pool)), RELABELLINGS, rng.spawn()
        )  # (K, 1 + RELABELLINGS)
        found = Calibration.of(values, self.reference.false_alarms)  # blind to which is first
        height = float(found.heights[0])
        reaching = found.reaching(height)  # itself among them
        above = int((found.heights > height * (1 + TIE)).sum())
        rank = (above + (reaching - above) * (1 - rng.numpy.random())) / len(found.heights)  # uniform
        capital = self.capital.after(rank)
        pvalue = reaching / len(found.heights)
        score = self.reference.told(
            values[:, 0], found, pvalue, (m, len(pool)), pvalue <= self.reference.false_alarms, rows
        )
        kept_rows = rng.numpy.permutation(len(pooled))[: max(MOST_ROWS, BATCHES * m)]
        there = pooled[torch.as_tensor(kept_rows, device=pooled.device)]
        return replace(self, capital=capital, peak=max(self.peak, capital.value), last=score, _pool=there)

    @property
    def pool(self) -> Tensor:
        """Rows that the next batch will be ranked among: at first the reference's, (k, d)."""
        return self.reference.rows(1) if self._pool is None else self._pool

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        names = ("batches", "evidence", "threshold", "alarm", "false_alarms")
        last = None if self.last is None else self.last.to_dict()
        return {**{name: getattr(self, name) for name in names}, "last": last}

    def __repr__(self) -> str:
        verdict = "ALARM" if self.alarm else "no drift shown"
        at = "" if self.peak <= self.evidence else f" ({self.peak:.4g} at its highest)"
        return (
            f"{self.batches} batches: {verdict}; evidence {self.evidence:.4g}{at}, alarm from {self.threshold:g} on "
            f"({self.false_alarms:g} false alarms ever)"
        )

    def save(self, path: str | Path) -> None:
        """Write everything to go on from, to the bit, but for `last`: one file (safetensors), whole or not at all."""
        keep(
            path, "watch", {"points": self.reference.sample.points, "pool": self.pool},
            {"reference": self.reference.described(), "false_alarms": self.false_alarms, "peak": self.peak,
             "staked": self.capital.staked, "bets": self.capital.bets},
        )  # fmt: skip

    @staticmethod
    def load(path: str | Path) -> Watch:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is not such a one.
        """
        tensors, about = kept(path, "watch")
        return Watch(
            Reference.rebuilt(tensors["points"], about["reference"]), about["false_alarms"],
            Capital(tuple(about["staked"]), about["bets"]), about["peak"], None, tensors["pool"],
        )  # fmt: skip
