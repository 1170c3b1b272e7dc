"""What samples can say of the laws behind them: the sampling floor, and the test whether there are two laws."""

from wdist.inference.floor import sampling_floor
from wdist.inference.two_sample import TwoSampleResult, two_sample_test

__all__ = ["TwoSampleResult", "sampling_floor", "two_sample_test"]
