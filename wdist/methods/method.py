"""The one interface of everything that answers a `Question`.

A method is a frozen dataclass whose fields are its options. It says of a question whether it can answer it,
what that would take, and answers it; it never validates data (the border did) and never chooses another
method (`choose` does).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from wdist.question import Question
from wdist.result import Estimate
from wdist.rng import Rng

__all__ = ["Method"]


class Method(ABC):
    """An algorithm and its options.

    Attributes:
        name: Its key in `METHODS` and on the command line.
        when: When to use it, in one line.
        cost: What it takes in time and memory, in one line.
        besides: Why one would rather take another where both can answer, in one line.
        draws: How many points to draw from a Source before `estimate`; None if it draws for itself.
    """

    name: ClassVar[str]
    when: ClassVar[str]
    cost: ClassVar[str]
    besides: ClassVar[str]
    draws: ClassVar[int | None]

    @abstractmethod
    def refusal(self, question: Question) -> str | None:
        """Say why this method cannot answer and what would ("... ; use ..."), or None if it can."""

    @abstractmethod
    def memory(self, question: Question) -> int:
        """Predict the peak of working memory in bytes, inputs left out."""

    @abstractmethod
    def estimate(self, question: Question, rng: Rng) -> Estimate:
        """Answer a question that `refusal` lets pass."""
