"""`validate`: put each question to wdist once, and to every function of every peer that has an answer."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

import torch

from wdist.errors import InputError, NotConvergedError
from wdist.options import check_positive
from wdist.question import Question, ask
from wdist.rng import Rng, Seed, as_rng
from wdist.validation.asking import Asker, StoppedError
from wdist.validation.cases import Case, bundled
from wdist.validation.metering import Metered, metered
from wdist.validation.peers import PEERS, Peer, Reference
from wdist.validation.problem import Problem, pose
from wdist.validation.quantities import QUANTITIES, SLICED, Quantity
from wdist.validation.report import PeerFound, Row, ValidationReport, Verdict, relative

__all__ = ["validate"]

SINGLE = 1e-5  # tolerance at least, where wdist computes in float32
ORDERS = (1.0, 2.0)
TINY = 1e-14  # difference of p-th powers, in the problem's units, that is rounding however small the distance


def validate(
    a: Any = None,
    b: Any = None,
    *,
    p: float | None = None,
    weights_a: Any = None,
    weights_b: Any = None,
    normalize_weights: bool = False,
    time_limit: float | None = 60.0,
    seed: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ValidationReport:
    """Compare wdist with SciPy, POT and, where installed, GeomLoss and OTT, on the same samples.

    Exact, entropic, sliced and Gaussian distances are compared, each brought to one convention: the p-th root,
    Euclidean costs |x - y|**p, entropy as ε KL(P | a⊗b) with ε 5 % of the mean cost, and one set of directions
    for all slices. A peer whose answer did not converge is refused: its row says so and why.

    Args:
        a: First sample, points (n,) or (n, d), as `estimate` takes them; None, with b, for the bundled sets.
        b: Second sample, (m,) or (m, d).
        p: Order, finite; None for 1 and 2.
        weights_a: Masses of the points of a, shape (n,).
        weights_b: Masses of the points of b, shape (m,).
        normalize_weights: Divide weights by their sum instead of insisting that it be one.
        time_limit: Seconds that each function of a peer has, in a process of their own; its row says if it was
            stopped. None asks them in this process, and waits.
        seed: Draws the directions.
        progress: Called with (comparisons done, comparisons in all) after each.

    Returns:
        A `ValidationReport`, of which `agrees` is the gist.

    Raises:
        InputError: if just one sample is given, a sample is a source, or p is inf.

    Example:
        >>> import wdist
        >>> report = wdist.validate([0.0, 1.0, 3.0], [5.0, 6.0, 8.0], p=1, time_limit=None)
        >>> report.agrees, report.rows[0].call, report.rows[0].reference
        (True, 'scipy.stats.wasserstein_distance', 5.0)
    """
    if (a is None) != (b is None):
        raise InputError(
            f"{'a' if b is None else 'b'} is given alone; pass both samples, or neither for the bundled"
        )
    if a is None and (weights_a is not None or weights_b is not None):
        raise InputError("weights are for samples of your own; pass a and b")
    if time_limit is not None:
        check_positive("time_limit", time_limit, "pass seconds above zero, or None for no limit")
    rng = as_rng(seed)
    cases = bundled() if a is None else [Case("the samples given", a, b, weights_a, weights_b)]
    asked: list[tuple[str, Question, Problem]] = []
    for case in cases:
        for order in ORDERS if p is None else (p,):
            question = _ask(case, order, normalize_weights, rng)
            asked.append((case.name, question, pose(question, rng)))
    work = [
        (name, question, problem, quantity, references)
        for name, question, problem in asked
        for quantity in QUANTITIES
        if quantity.applies(problem) and (references := _references(quantity, problem))
    ]
    rows: list[Row] = []
    count = sum(len(references) for *_, references in work)
    with Asker(time_limit) as asker:
        for name, question, problem, quantity, references in work:
            ours: Metered | NotConvergedError | None = None
            for peer, reference in references:
                fits = reference.most_pairs is None or problem.pairs <= reference.most_pairs
                if ours is None and fits:
                    ours = _ours(quantity, question, problem)
                rows.append(_row(name, question, problem, peer, reference, ours if fits else None, asker))
                if progress is not None:
                    progress(len(rows), count)
    found = tuple(PeerFound(peer.name, peer.version if peer.installed() else None) for peer in PEERS)
    return ValidationReport(tuple(rows), found, _environment())


def _ask(case: Case, p: float, normalize: bool, rng: Rng) -> Question:
    question = ask(
        case.a, case.b, p=p, weights_a=case.weights_a, weights_b=case.weights_b, normalize_weights=normalize,
        device="cpu", rng=rng,
    )  # fmt: skip
    if not question.sampled:
        raise InputError("peers compare given samples, and a or b is a source; draw from it first")
    if math.isinf(question.p):
        raise InputError("p is inf, which no peer answers; pass a finite p")
    return question


def _references(quantity: Quantity, problem: Problem) -> list[tuple[Peer, Reference]]:
    """Find what the peers that are installed have to say of one quantity of one problem."""
    return [
        (peer, reference)
        for peer in PEERS
        if peer.installed()
        for reference in peer.references
        if reference.quantity is quantity and reference.applies(problem)
    ]


def _ours(quantity: Quantity, question: Question, problem: Problem) -> Metered | NotConvergedError:
    try:
        return metered(lambda: quantity.answer(question, problem))
    except NotConvergedError as error:
        return error


def _row(
    case: str, question: Question, problem: Problem, peer: Peer, reference: Reference,
    ours: Metered | NotConvergedError | None, asker: Asker,
) -> Row:  # fmt: skip
    """Compare one answer of ours, None where the problem is too large for the peer, with the peer's."""
    tolerance = reference.tolerance or reference.quantity.tolerance
    if _in_single(reference.quantity, question):
        tolerance = max(tolerance, SINGLE)
    row: dict[str, Any] = {
        "case": case, "quantity": reference.quantity.label(problem.p), "peer": peer.name,
        "call": reference.call, "tolerance": tolerance,
    }  # fmt: skip
    if ours is None:
        reason = f"{problem.pairs:,} pairs of points, and it is asked at most {reference.most_pairs:,}"
        return Row(**row, verdict=Verdict.TOO_LARGE, reason=reason)
    if isinstance(ours, NotConvergedError):
        return Row(**row, verdict=Verdict.OURS_UNCONVERGED, reason=str(ours))
    row |= {"ours": ours.value, "seconds_ours": ours.seconds, "memory_ours": ours.extra}
    try:
        theirs = asker.ask(peer, reference, problem)
    except StoppedError as error:
        return Row(**row, seconds=error.seconds, verdict=Verdict.STOPPED, reason=str(error))
    except NotConvergedError as error:
        return Row(**row, verdict=Verdict.UNCONVERGED, reason=str(error))
    except Exception as error:  # a peer's fault must not take the report down
        return Row(**row, verdict=Verdict.FAILED, reason=f"{type(error).__name__}: {error}")
    row |= {"seconds": theirs.seconds, "memory": theirs.extra}
    if not math.isfinite(theirs.value):
        return Row(**row, verdict=Verdict.FAILED, reason=f"it returned {theirs.value}")
    difference = relative(ours.value, theirs.value)
    powers = [(value / problem.unit) ** problem.p for value in (ours.value, theirs.value)]
    rounding = abs(powers[0] - powers[1]) <= TINY
    verdict = Verdict.AGREES if difference <= tolerance or rounding else Verdict.DISAGREES
    return Row(**row, verdict=verdict, reference=theirs.value, difference=difference)


def _in_single(quantity: Quantity, question: Question) -> bool:
    """Tell whether wdist computes in the points' own float32, as it does on lines; the rest is in float64."""
    single = all(measure.points.dtype == torch.float32 for measure in question.samples)
    return single and (quantity is SLICED or question.dim == 1)


def _environment() -> dict[str, str]:
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "torch")},
    }
