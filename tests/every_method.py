"""For each method of `wdist.METHODS`, one small request that it answers in milliseconds."""

import itertools
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
    """Two samples, 1.5 apart and of different shape, the order, the method and the target."""

    a: np.ndarray[Any, Any]
    b: np.ndarray[Any, Any]
    p: float
    method: wdist.Method
    target: str

    def __call__(self, **options: Any) -> wdist.Estimate:
        """Ask `wdist.estimate`, with the options given in place of this request's own."""
        return wdist.estimate(**{**vars(self), **options})


def _request(name: str) -> Request:
    g = np.random.default_rng(7)
    a, b = g.normal(size=(40, 3)), 0.5 * g.normal(size=(40, 3)) + [1.5, 0, 0]
    method = QUICK.get(name) or wdist.METHODS[name]()
    for d, p, target in itertools.product((3, 1), (1, 2), ("sample", "population")):
        if method.refusal(ask(a[:, :d], b[:, :d], p=p, target=target, rng=as_rng(0))) is None:
            return Request(a[:, :d], b[:, :d], p, method, target)
    raise AssertionError(f"{name} answers none of the requests here; add one that it does")


REQUESTS = {name: _request(name) for name in wdist.METHODS}
