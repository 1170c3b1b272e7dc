"""Wasserstein distances that say what they mean: `wdist.estimate(samples_a, samples_b)`."""

from wdist import datasets, functional, truth
from wdist.api import estimate
from wdist.bounds import bounds
from wdist.calibration import Calibrated, Calibration, calibrate
from wdist.critic.cones import Cones
from wdist.critic.constraints import Clip, Constraint, GradientPenalty, Orthonormal, Spectral
from wdist.critic.convolution import ConvNet
from wdist.critic.flats import Flats
from wdist.critic.nets import MLP
from wdist.critic.potential import Potential
from wdist.errors import InputError, NotConvergedError, WdistError, WdistWarning
from wdist.inference import (
    Comparison,
    Reference,
    Score,
    TwoSampleResult,
    Watch,
    compare,
    sampling_floor,
    two_sample_test,
)
from wdist.matrix import Pairwise
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
    Population,
    Sinkhorn,
    Sliced,
)
from wdist.methods.line_from_disk import line_from_disk
from wdist.pairwise import pairwise
from wdist.ranks import Ranks
from wdist.result import Bound, Estimate, Floor, Interval, Target
from wdist.sources import Source
from wdist.streaming import WassersteinMetric
from wdist.validation import ValidationReport, validate

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "MLP",
    "Bound",
    "Calibrated",
    "Calibration",
    "Circle",
    "Clip",
    "Comparison",
    "Cones",
    "Constraint",
    "ConvNet",
    "Critic",
    "Discrete",
    "Estimate",
    "Flats",
    "Floor",
    "Gaussian",
    "GradientPenalty",
    "InputError",
    "Interval",
    "Line",
    "MaxSliced",
    "Method",
    "NotConvergedError",
    "Orthonormal",
    "Pairwise",
    "Population",
    "Potential",
    "Ranks",
    "Reference",
    "Samples",
    "Score",
    "Sinkhorn",
    "Sliced",
    "Source",
    "Spectral",
    "Target",
    "TwoSampleResult",
    "ValidationReport",
    "WassersteinMetric",
    "Watch",
    "WdistError",
    "WdistWarning",
    "__version__",
    "bounds",
    "calibrate",
    "compare",
    "datasets",
    "estimate",
    "functional",
    "line_from_disk",
    "pairwise",
    "sampling_floor",
    "truth",
    "two_sample_test",
    "validate",
]
