"""Which samples a relabelling test may be asked of: the border that the test and the comparison share.

What makes a p-value too small for certain is refused; what only the user can judge is said (`together_note`).
"""

from __future__ import annotations

from wdist.errors import InputError
from wdist.measures import Samples
from wdist.question import Question
from wdist.resampling.across import copies_note, pairing
from wdist.resampling.exchange import Array, Blocks, Groups, exchange
from wdist.resampling.serial import serial_dependence

__all__ = ["check_exchangeable", "together_note"]


def check_exchangeable(question: Question, groups: Groups, blocks: Blocks) -> tuple[Samples, Samples]:
    """Give the two samples of a test, or refuse rows that may not change sides.

    Raises:
        InputError: if a side is a source or weighted, or its rows plainly depend on those before them and no blocks
            are given: exchanged one by one, they would overstate.
    """
    if not question.sampled:
        raise InputError("a two-sample test is of two given samples; draw from the source first")
    pair = question.samples
    for sample, name in zip(pair, "ab", strict=True):
        if not sample.uniform:
            raise InputError(
                f"{name} is weighted; relabelling exchanges rows, and rows of unequal weight are not exchangeable. "
                f"Draw rows from it in proportion to the weights, or test without them"
            )
    strata: tuple[Array | None, Array | None] = (None, None)
    if groups is not None:
        of_rows = exchange(*question.sizes, groups).groups
        strata = of_rows[: question.sizes[0]], of_rows[question.sizes[0] :]
    for sample, name, stratum in zip(pair, "ab", strata, strict=True):
        found = serial_dependence(sample.points.double().cpu().numpy(), stratum)
        if blocks is None and found.plain:
            raise InputError(
                f"rows of {name} depend on the rows before them (rank correlation {found.correlation:.2f} between "
                f"neighbours, {found.errors:.0f} standard errors above chance), so they are not exchangeable one by "
                "one and the test would overstate. Pass blocks=, a number of rows that is long against that "
                "dependence, or blocks=1 if the order of the rows means nothing"
            )
    return pair


def together_note(pair: tuple[Samples, Samples], groups: Groups, blocks: Blocks) -> str:
    """Say if rows of both samples seem to belong together and were not declared to, as groups or blocks."""
    x, y = (sample.points.double().cpu().numpy() for sample in pair)
    declared = groups is not None or (blocks is not None and blocks != 1)
    correlation = 0.0 if declared else pairing(x, y)
    said = "" if correlation == 0 else (
        f"Row i of a goes with row i of b (rank correlation {correlation:.2f}): if both are of one case, the test is "
        f"too {'careful' if correlation > 0 else 'bold'}; exchange rows within pairs by groups=(range(n), range(n))."
    )  # fmt: skip
    return " ".join(filter(None, [said, copies_note(x, y)]))
