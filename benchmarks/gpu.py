"""Sinkhorn divergences and sliced distances on a graphics card, beside GeomLoss and POT on the same card.

All sides take turns in one process on tensors that are already there; a timing ends when the card is idle. Medians over
the turns; one more, first, warms up. The sliced distances are along the same directions, the Sinkhorn divergences at
the same strength of the entropy and a marginal error of 1 %, so that values can be compared, but for POT's, which leave
out the entropy itself, and for what GeomLoss's coarse schedule costs. A peer that is not installed has no row.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

import wdist
from benchmarks.steps import device_name
from benchmarks.store import Table

__all__ = ["measure", "table"]

Record = dict[str, Any]
Side = Callable[[], Tensor]
BLUR = 0.5
SHIFT = 1.0


@dataclass(frozen=True)
class Work:
    """Clouds N(0, I) and 1.3 N(0, I) + e1 of n points each in d dimensions, float32."""

    what: str
    n: int
    d: int
    projections: int = 0

    def __str__(self) -> str:
        along = f", {self.projections} projections" if self.projections else ""
        return f"{self.what}, n = {self.n}, d = {self.d}{along}"


WORKS = (
    Work("Sinkhorn divergence", 5_000, 16),
    Work("Sinkhorn divergence", 20_000, 16),
    Work("Sinkhorn divergence", 100_000, 3),
    Work("sliced W2", 100_000, 64, 500),
    Work("sliced W2", 1_000_000, 64, 100),
)
SMALL = (Work("Sinkhorn divergence", 200, 4), Work("sliced W2", 500, 8, 20))


def measure(into: Table, device: str, quick: bool, tell: Callable[[str], None]) -> None:
    """Fill a table, a record a work and side."""
    for work in SMALL if quick else WORKS:
        key = f"{work} | {device}"
        if key not in into:
            into.add(
                {
                    "key": key,
                    "work": str(work),
                    "device": device_name(device),
                    **_timed(work, device, 3 if quick else 7),
                }
            )
            tell(
                f"{key}: "
                + ", ".join(f"{side} {_told(found)}" for side, found in into.rows[-1]["sides"].items())
            )


def _timed(work: Work, device: str, turns: int) -> Record:
    load, rng = os.getloadavg()[0], torch.Generator().manual_seed(101)
    x, y = (scale * torch.randn(work.n, work.d, generator=rng) for scale in (1.0, 1.3))
    y[:, 0] += SHIFT
    directions = torch.nn.functional.normalize(
        torch.randn(max(1, work.projections), work.d, generator=rng), dim=1
    )
    sides = dict(_sides(work, x.to(device), y.to(device), directions.to(device)))
    spent: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, Record] = {}
    for turn in range(turns + 1):
        for name, side in sides.items():
            if "failed" in found.get(name, {}):
                continue
            _settle(device)
            start = time.perf_counter()
            try:
                value = float(side())  # waits for the card
            except (RuntimeError, wdist.NotConvergedError) as error:  # out of the card's memory, or of steps
                found[name] = {"failed": str(error).splitlines()[0]}
                continue
            if turn:
                spent[name].append(time.perf_counter() - start)
                found[name] = {"seconds": median(spent[name]), "value": value}
    return {"sides": found, "turns": turns, "load": load}


def _sides(work: Work, x: Tensor, y: Tensor, directions: Tensor) -> Iterator[tuple[str, Side]]:
    """Ours first. GeomLoss's cost is half the square, so its value is half of ours at a blur over the root of two."""
    if work.projections:
        yield "wdist", lambda: wdist.functional.sliced_wasserstein(x, y, p=2, directions=directions)
        if importlib.util.find_spec("ot"):
            import ot

            yield "POT", lambda: ot.sliced_wasserstein_distance(x, y, projections=directions.T)
        return
    for keops in (False, True) if importlib.util.find_spec("pykeops") else (False,):
        yield (
            f"wdist{', KeOps' if keops else ''}",
            lambda keops=keops: wdist.functional.sinkhorn_divergence(
                x, y, epsilon=BLUR**2, p=2, tol=1e-2, keops=keops
            ),
        )
    if importlib.util.find_spec("geomloss"):
        from geomloss import SamplesLoss

        for backend in ("tensorized", "online") if importlib.util.find_spec("pykeops") else ("tensorized",):
            loss = SamplesLoss("sinkhorn", p=2, blur=BLUR / 2**0.5, scaling=0.5, backend=backend)
            yield f"GeomLoss {backend}", lambda loss=loss: (2 * loss(x, y)).sqrt()
    if importlib.util.find_spec("ot"):
        import ot

        yield "POT", lambda: ot.bregman.empirical_sinkhorn_divergence(x, y, reg=BLUR**2, stopThr=1e-2).sqrt()


def _settle(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _told(found: Record) -> str:
    return found.get("failed") or f"{found['value']:.5g} in {1e3 * found['seconds']:.3g} ms"


def table(rows: list[Record]) -> str:
    """A line a work and side."""
    out = ["| what | on | side | value | time | times ours |", "|---|---|---|---|---|---|"]
    for row in rows:
        ours = row["sides"]["wdist"].get("seconds")
        for name, found in row["sides"].items():
            failed = found.get("failed")
            if failed:
                cells = [f"none: {failed}", "", ""]
            else:
                ratio = f"{found['seconds'] / ours:.3g}" if ours else ""
                cells = [f"{found['value']:.5g}", f"{1e3 * found['seconds']:.3g} ms", ratio]
            out.append("| " + " | ".join([row["work"], row["device"], name, *cells]) + " |")
    return "\n".join(out) + "\n"
