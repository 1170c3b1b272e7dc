"""Pages of every kind, small, for the tests that read them and for the one that opens them in a browser."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

import wdist
from wdist import gan, report
from wdist.gan.coverage import Coverage, Neighbours
from wdist.gan.distance import Debiased
from wdist.gan.evaluation import Evaluation
from wdist.gan.folder import RunFolder
from wdist.gan.run import Pace, begin
from wdist.plans.dense import Coupling
from wdist.result import Bound, Estimate, Floor, Interval, Target

HOSTILE = "<script>alert(1)</script>", "\"><img src=x onerror='alert(2)'>", "</script><!--", "{{ 7 * 7 }}"


def normal(n, d=2, shift=0.0, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def estimate(**changes):
    """An estimate made up for the page's sake."""
    given = {
        "value": 2.0, "p": 1.0, "method": "discrete", "bound": Bound.EXACT, "target": Target.SAMPLE, "quantity": "W1",
    }  # fmt: skip
    return Estimate(**{**given, **changes})


STOPPED = estimate(converged=False, lower=1.5, upper=2.0, bound=Bound.UPPER, message="time ran out")
OF_LAWS = estimate(
    target=Target.POPULATION, bound=Bound.NONE, lower=1.25, upper=3.5, interval=Interval(1.25, 3.5, 0.95, "bootstrap"),
    floor=Floor(0.5, 0.625, 1.0),
)  # fmt: skip


MAYBE_ONE = replace(OF_LAWS, lower=0.0, interval=Interval(0.0, 3.5, 0.95, "bootstrap"))


def of_pair(x, y, **options):
    found = wdist.estimate(x, y, floor="auto", **options)
    return found, report.of_estimate(found, x, y, permutations=39)


def train(path):
    """A run of six steps, in a folder; the last of them judged."""
    folder = RunFolder(path)
    nets = {"generator": gan.MLPGenerator((8,), 4), "critic": wdist.MLP((8,)), "batch": 8, "ema": 0.9}
    config = gan.preset("wgan-gp", "ring", n_critic=2, steps=6, held_every=2, **nets)
    for _ in (run := begin(folder, config, 7, Pace(log=1, samples=3, checkpoint=0))).train():
        pass
    run.log({"step": 6, "debiased": 0.75})
    return folder.path


JUDGED = Evaluation(
    Debiased(1.0, 0.25, 0.25, 40, Coupling(np.zeros(1, int), np.zeros(1, int), np.ones(1))),
    Coverage(("a", HOSTILE[0]), (0.5, 0.5), (0.75, 0.25), (0.875, 0.375), (0.5, 1.5), 40),
    Neighbours(0.5, 0.25, math.inf), 0.625, None, None, "", 0.5,
)  # fmt: skip


def one_of_each(run_folder):
    """One page of each kind, by its name."""
    columns = [*HOSTILE, *(f"c{k}" for k in range(12))]
    wide = [pd.DataFrame(normal(24, 16, shift, k), columns=columns) for k, shift in enumerate((0.0, 0.8))]
    weights = np.arange(1, 31) / 465
    weighted = wdist.estimate(normal(30), normal(20, shift=1), weights_a=weights)
    card = wdist.Calibration.load(wdist.Calibration.shipped()[0])
    sliced = wdist.estimate(normal(20, 5), normal(20, 5, 1, 1), method="sliced")
    return {
        "plane": of_pair(normal(40), normal(30, 2, 1.0, 1))[1],
        "wide": of_pair(*wide)[1],
        "line": of_pair(normal(60, 1)[:, 0], normal(50, 1, 1, 1)[:, 0], target="population")[1],
        "equal": of_pair(normal(20), normal(20))[1],
        "weighted": report.of_estimate(weighted, normal(30), normal(20, shift=1), weights_a=weights),
        "sliced": report.of_estimate(sliced, normal(20, 5), normal(20, 5, 1, 1), permutations=39),
        "stopped": report.of_estimate(STOPPED),
        "laws": report.of_estimate(OF_LAWS, names=HOSTILE[:2]),
        "run": report.of_run(run_folder, JUDGED),
        "unjudged": report.of_run(run_folder),
        "card": report.of_card(card),
    }


KINDS = ("plane", "wide", "line", "equal", "weighted", "sliced", "stopped", "laws", "run", "unjudged", "card")
ESTIMATES = KINDS[:8]
