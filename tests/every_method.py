"""For each method of `wdist.METHODS`, one small request that it answers in milliseconds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import wdist
from wdist.question import ask
from wdist.rng import as_rng

QUICK = {"critic": wdist.Critic(wdist.GradientPenalty(10.0), wdist.MLP((8,)), steps=40, batch=16, lr=0.05)}
"""Options where the defaults take long; every other method is asked with its own."""


@dataclass(frozen=True)
class Request:
    """Two samples, 1.5 apart and of different shape, the order, and the method."""

    a: np.ndarray[Any, Any]
    b: np.ndarray[Any, Any]
    p: float
    method: wdist.Method

    def __call__(self, **options: Any) -> wdist.Estimate:
        """Ask `wdist.estimate`, with the options given in place of this request's own."""
        return wdist.estimate(**{"a": self.a, "b": self.b, "p": self.p, "method": self.method, **options})


def _request(name: str) -> Request:
    g = np.random.default_rng(7)
    a, b = g.normal(size=(40, 3)), 0.5 * g.normal(size=(40, 3)) + [1.5, 0, 0]
    method = QUICK.get(name) or wdist.METHODS[name]()
    for d in (3, 1):
        for p in (1, 2):
            if method.refusal(ask(a[:, :d], b[:, :d], p=p, rng=as_rng(0))) is None:
                return Request(a[:, :d], b[:, :d], p, method)
    raise AssertionError(f"{name} answers none of the requests here; add one that it does")


REQUESTS = {name: _request(name) for name in wdist.METHODS}
