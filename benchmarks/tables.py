"""The tables: which instances, who against whom, and what has to be reached.

A group is a function `quick` -> rows; `GROUPS` names them. In a quick run every size is a tenth and one seed does, to
see that the machinery works: its figures mean nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from benchmarks.families import FAMILIES, MNIST_MOST, REPORTED, Instance
from benchmarks.harness import Candidate, Contender, Row, Target

__all__ = ["GROUPS", "LAPX", "LINE", "OURS", "POT"]

SHRINK = 10
LAPX_SOLVERS = ("lapjv", "lapjvx", "lapjvr", "lapjvs", "lapjvh")
ONE_PERCENT = 0.00498  # of W2**2, as an error of W2
GB = 1e9

OURS = Contender.plain("wdist estimate")
LINE = Contender.plain("wdist line_distance")
POT = Contender.plain("POT emd2")
LAPX = Contender("lapx", tuple(Candidate("lapx", {"solver": solver}) for solver in LAPX_SOLVERS))


def _size(n: int, quick: bool) -> int:
    return n // SHRINK if quick else n


def _seeds(quick: bool) -> tuple[int, ...]:
    return REPORTED[:1] if quick else REPORTED


def line(quick: bool) -> Iterator[Row]:
    """Points on the line, W1, which is all that SciPy has; in single precision too."""
    names = ("scipy wasserstein_distance", "POT emd2_1d", "POT wasserstein_1d")
    contenders = (LINE, *map(Contender.plain, names), OURS)
    short = (Target(names[0], 5, 10),)
    uniform = (Target(names[0], 10, 20), Target(names[1], 4), Target(names[2], 7))
    weighted = (Target(names[0], 8, 20), Target(names[1], 3), Target(names[2], 6))
    for n, kind, seed in itertools.product(
        (1000, 100_000, 1_000_000), ("equal", "unequal", "weighted", "float32"), _seeds(quick)
    ):
        n = _size(n, quick)
        single = kind == "float32"
        instance = Instance(
            "gaussian", n, 1, 1.0, m=n * 4 // 5 if kind == "unequal" else None, weighted=kind == "weighted",
            seed=seed, dtype="float32" if single else "float64",
        )  # fmt: skip
        full = weighted if kind == "weighted" else uniform
        targets = () if single else short if n <= 1000 else full
        yield Row("line", instance, contenders, targets, 1e-5 if single else 1e-9, reference="line")


def assignment(quick: bool) -> Iterator[Row]:
    """Equal numbers of points of equal mass."""
    cases = (
        (5000, 16, 2.0, (Target("POT emd2", 20, 40), Target("lapx", 5))),
        (5000, 2, 2.0, (Target("POT emd2", 3, 8),)),
        (5000, 2, 1.0, (Target("POT emd2", 1, 3),)),
        (10000, 16, 2.0, (Target("POT emd2", 30, 60), Target("lapx", 5))),
        (10000, 2, 2.0, (Target("POT emd2", 4, 8),)),
        (5000, 3, 1.0, ()),
        (5000, 16, 1.0, ()),
    )
    for (n, d, p, targets), seed in itertools.product(cases, _seeds(quick)):
        contenders = (
            (OURS, POT, LAPX) if d == 16 and p == 2 else (OURS, POT)
        )  # in few dimensions lapx is behind POT
        yield Row("assignment", Instance("gaussian", _size(n, quick), d, p, seed=seed), contenders, targets)


def weighted(quick: bool) -> Iterator[Row]:
    """Random masses, and uniform ones of unequal numbers."""
    cases = (
        (2, 2.0, True, (Target("POT emd2", 1, 4),)),
        (16, 2.0, True, (Target("POT emd2", 2, 4),)),
        (2, 1.0, True, (Target("POT emd2", 1),)),
        (16, 1.0, True, (Target("POT emd2", 1),)),
        (2, 2.0, False, (Target("POT emd2", 1),)),
        (16, 2.0, False, (Target("POT emd2", 1),)),
    )
    n = _size(5000, quick)
    for (d, p, masses, targets), seed in itertools.product(cases, _seeds(quick)):
        m = None if masses else n * 4 // 5
        instance = Instance("gaussian", n, d, p, m=m, weighted=masses, seed=seed)
        yield Row("weighted", instance, (OURS, POT), targets)


def large(quick: bool) -> Iterator[Row]:
    """Where a cost matrix does not fit: one run in a process of its own, wall time on all cores, memory in all."""
    in_memory = Target("", GB, measure="rss")
    cases = (
        (50_000, 16, (Target("", 60, measure="wall"), in_memory)),
        (50_000, 2, (Target("", 300, 120, measure="wall"), in_memory)),
        (100_000, 16, (Target("", None, 300, measure="wall"),)),
    )
    for (n, d, targets), seed in itertools.product(cases, _seeds(quick)):
        instance = Instance("gaussian", _size(n, quick), d, 2.0, seed=seed)
        ours = Contender("wdist estimate", (Candidate("wdist Discrete", {"engine": "sparse"}),))
        yield Row("large", instance, (ours,), targets, limit=900, interleaved=False)


def sliced(quick: bool) -> Iterator[Row]:
    """The same 500 directions for all."""
    for (dtype, least, tolerance), seed in itertools.product(
        (("float64", 15, 1e-9), ("float32", 25, 1e-4)), _seeds(quick)
    ):
        instance = Instance(
            "gaussian", _size(100_000, quick), 64, 2.0, seed=seed, dtype=dtype, projections=_size(500, quick)
        )
        ours = Contender.plain("wdist Sliced", seed=seed)
        peers = (Contender.plain("POT sliced"), Contender.plain("wdist functional sliced"))
        targets = (Target("POT sliced", least, 40), Target("POT sliced", 10, measure="memory"))
        yield Row("sliced", instance, (ours, *peers), targets, tolerance, reference="sliced")


def sinkhorn(quick: bool) -> Iterator[Row]:
    """Debiased, each with those of its settings that cost it least within 1 % of the exact W2²; GeomLoss in float32."""
    blurs = (
        0.25,
        0.35,
        0.5,
        0.7,
    )  # GeomLoss's cost is half the square, so its blur is ours over the root of 2
    ours = tuple(
        Candidate("wdist sinkhorn_divergence", {"blur": 2**0.5 * blur, "tol": tol})
        for blur, tol in itertools.product(blurs, (1e-2, 1e-1))
    )
    theirs = tuple(
        Candidate("GeomLoss", {"blur": blur, "scaling": scaling, "backend": "tensorized"})
        for blur, scaling in itertools.product(blurs[:3], (0.85, 0.7, 0.5))
    )  # its backend "online" needs KeOps and is slower on a CPU
    for seed in _seeds(quick):
        instance = Instance("gaussian", _size(5000, quick), 16, 2.0, seed=seed)
        contenders = (Contender("wdist sinkhorn_divergence", ours), Contender("GeomLoss", theirs), OURS)
        yield Row("sinkhorn", instance, contenders, (Target("GeomLoss", 2, 5),), ONE_PERCENT, limit=300)


def families(quick: bool) -> Iterator[Row]:
    """Every family, so that losses show, against POT's `emd2` or `emd2_1d`; each seed measured once."""
    sizes = [(_size(2000, quick), d, seed) for d in (2, 3, 16, 128, 784) for seed in _seeds(quick)]
    sizes += [(_size(5000, quick), d, REPORTED[0]) for d in (2, 16) if not quick]
    sizes += [(_size(100_000, quick), 1, seed) for seed in _seeds(quick)]
    for (n, d, seed), family, p, masses in itertools.product(sizes, FAMILIES, (1.0, 2.0), (False, True)):
        if family == "mnist":
            if d != 784:
                continue
            n = min(n, MNIST_MOST)
        ours, peer = (LINE, "POT emd2_1d") if d == 1 else (OURS, "POT emd2")
        yield Row(
            "families", Instance(family, n, d, p, weighted=masses, seed=seed), (ours, Contender.plain(peer)),
            (Target(peer, 1),), reference="line" if d == 1 else "plan", isolated=False,
            interleaved=n != 5000,  # there the first run is the measurement
        )  # fmt: skip


GROUPS: dict[str, Callable[[bool], Iterator[Row]]] = {
    group.__name__: group for group in (line, assignment, weighted, large, sliced, sinkhorn, families)
}
