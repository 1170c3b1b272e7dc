"""What samples say of the laws behind them: the sampling floor, whether there are two laws, and where they differ."""

from wdist.inference.comparison import Comparison, compare
from wdist.inference.floor import sampling_floor
from wdist.inference.two_sample import TwoSampleResult, two_sample_test

__all__ = ["Comparison", "TwoSampleResult", "compare", "sampling_floor", "two_sample_test"]
