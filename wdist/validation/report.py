"""`ValidationReport`: every comparison as a row, and what the rows come to.

A row has a number of a peer only where the peer vouches for it; where it does not, the row says why instead.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wdist.memory import human_bytes
from wdist.result import counted, in_words
from wdist.validation.metering import METHOD

__all__ = ["HEADERS", "PeerFound", "Row", "ValidationReport", "Verdict"]


class Verdict(str, Enum):
    """What came of one comparison."""

    AGREES = "agrees"
    DISAGREES = "DISAGREES"
    UNCONVERGED = "did not converge"
    STOPPED = "stopped"
    FAILED = "failed"
    TOO_LARGE = "too large"
    OURS_UNCONVERGED = "wdist did not converge"


@dataclass(frozen=True)
class Row:
    """One quantity of one pair of samples, by wdist and by one function of a peer.

    Attributes:
        case: Which samples.
        quantity: What was computed.
        peer: Which library.
        call: Which of its functions.
        verdict: What came of it.
        tolerance: Largest relative difference that counts as agreement.
        ours: wdist's value, in the unit of the data; None where there is none.
        reference: The peer's, brought to the same convention; None where it does not vouch for one.
        difference: |ours - reference| / max(ours, reference), 0 where the two are equal.
        seconds_ours: Time that wdist took.
        seconds: Time that the peer took, also in vain if it was stopped.
        memory_ours: Peak memory of wdist in bytes, above what was there before; None where not measured.
        memory: The same of the peer.
        reason: Why there is no number, "" where there is.
    """

    case: str
    quantity: str
    peer: str
    call: str
    verdict: Verdict
    tolerance: float
    ours: float | None = None
    reference: float | None = None
    difference: float | None = None
    seconds_ours: float | None = None
    seconds: float | None = None
    memory_ours: int | None = None
    memory: int | None = None
    reason: str = ""

    @property
    def outcome(self) -> str:
        """What came of it, in words: the verdict, how far apart the two are, or why there is no number."""
        apart = "" if self.difference is None else f"{self.difference:.1e}"
        return self.verdict.value + (f": {self.reason or apart}" if self.reason or apart else "")

    def cells(self) -> tuple[str, ...]:
        """The row as it is read, under `HEADERS`."""
        return (
            self.quantity, self.call, _number(self.ours), _number(self.reference),
            f"{self.tolerance:.0e}", self.outcome,
            _both(self.seconds_ours, self.seconds, in_words), _both(self.memory_ours, self.memory, human_bytes),
        )  # fmt: skip


HEADERS = (
    *("quantity", "reference", "wdist", "reference says", "tolerance", "verdict"),
    *("time, wdist / reference", "memory, wdist / reference"),
)


@dataclass(frozen=True)
class PeerFound:
    """A library, and its version; None where it is not installed."""

    name: str
    version: str | None

    def __str__(self) -> str:
        return f"{self.name} {self.version or 'not installed'}"


@dataclass(frozen=True, repr=False)
class ValidationReport:
    """Every comparison that was made.

    Attributes:
        rows: The comparisons, case by case.
        peers: The libraries looked for.
        environment: What it ran on: date, machine, versions.
    """

    rows: tuple[Row, ...]
    peers: tuple[PeerFound, ...]
    environment: dict[str, str]

    @property
    def agrees(self) -> bool:
        """True if at least one number was compared, none disagreed, and wdist converged throughout."""
        found = self.counts
        faults = found[Verdict.DISAGREES] + found[Verdict.OURS_UNCONVERGED]
        return found[Verdict.AGREES] > 0 and faults == 0

    @property
    def counts(self) -> Counter[Verdict]:
        """How many rows came to what."""
        return Counter(row.verdict for row in self.rows)

    def __repr__(self) -> str:
        said = [f"{count} {verdict.value}" for verdict in Verdict if (count := self.counts[verdict])]
        compared = [row.difference for row in self.rows if row.difference is not None]
        worst = f"; largest relative difference {max(compared):.1e}" if compared else ""
        return f"{counted(len(self.rows), 'comparison')}: {', '.join(said) or 'none could be made'}{worst}"

    def to_dict(self) -> dict[str, Any]:
        """Give everything that JSON can hold."""
        return {
            "agrees": self.agrees,
            "counts": {verdict.value: count for verdict, count in sorted(self.counts.items())},
            "peers": [{"name": peer.name, "version": peer.version} for peer in self.peers],
            "environment": self.environment,
            "measured": METHOD,
            "rows": [{**dataclasses.asdict(row), "verdict": row.verdict.value} for row in self.rows],
        }

    def to_markdown(self) -> str:
        """Write the report as a page: what it comes to, the peers, a table for each case, how it was measured."""
        lines = ["# wdist beside its peers", "", f"{self!r}.", ""]
        lines += ["Peers: " + ", ".join(map(str, self.peers)) + "."]
        for case in dict.fromkeys(row.case for row in self.rows):
            lines += ["", f"## {case}", "", _line(HEADERS), _line(["---"] * len(HEADERS))]
            lines += [_line(row.cells()) for row in self.rows if row.case == case]
        told = "; ".join(f"{key} {value}" for key, value in self.environment.items())
        return "\n".join([*lines, "", METHOD, "", f"Environment: {told}.", ""])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def _both(ours: Any, theirs: Any, words: Any) -> str:
    """Write ours beside theirs, "" where neither is known."""
    if ours is None and theirs is None:
        return ""
    return " / ".join("-" if part is None else words(part) for part in (ours, theirs))


def _line(cells: Any) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def relative(ours: float, reference: float) -> float:
    """Relative difference of two numbers that are not negative; 0 where they are equal."""
    return 0.0 if ours == reference else abs(ours - reference) / max(abs(ours), abs(reference), math.ulp(0.0))
