"""What samples say of the laws behind them: the floor, whether there are two laws, where they differ, and drift."""

from wdist.inference.comparison import Comparison, compare
from wdist.inference.floor import sampling_floor
from wdist.inference.monitoring import Reference, Score
from wdist.inference.two_sample import TwoSampleResult, two_sample_test
from wdist.inference.watch import Watch

__all__ = [
    "Comparison",
    "Reference",
    "Score",
    "TwoSampleResult",
    "Watch",
    "compare",
    "sampling_floor",
    "two_sample_test",
]
