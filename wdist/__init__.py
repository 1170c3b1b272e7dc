"""Wasserstein distances that say what they mean: `wdist.estimate(samples_a, samples_b)`."""

from wdist import datasets, functional, truth
from wdist.api import estimate
from wdist.critic.constraints import Clip, Constraint, GradientPenalty
from wdist.critic.nets import MLP
from wdist.errors import InputError, NotConvergedError, WdistError, WdistWarning
from wdist.inference import Floor, sampling_floor
from wdist.measures import Samples
from wdist.methods import (
    METHODS,
    Circle,
    Critic,
    Discrete,
    Gaussian,
    Line,
    MaxSliced,
    Method,
    Sinkhorn,
    Sliced,
)
from wdist.methods.line_from_disk import line_from_disk
from wdist.result import Bound, Estimate, Interval, Target
from wdist.sources import Source

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "MLP",
    "Bound",
    "Circle",
    "Clip",
    "Constraint",
    "Critic",
    "Discrete",
    "Estimate",
    "Floor",
    "Gaussian",
    "GradientPenalty",
    "InputError",
    "Interval",
    "Line",
    "MaxSliced",
    "Method",
    "NotConvergedError",
    "Samples",
    "Sinkhorn",
    "Sliced",
    "Source",
    "Target",
    "WdistError",
    "WdistWarning",
    "__version__",
    "datasets",
    "estimate",
    "functional",
    "line_from_disk",
    "sampling_floor",
    "truth",
]
