"""Differentiable kernels under plain names, for use as losses: tensors in, a tensor out, batched.

Each is the mathematics of the method of the same name in `wdist.METHODS`, without the report. All return W_p
or its relative in the unit of the data (never a p-th power), in the dtype and on the device of `x`.
"""

from wdist.methods.discrete import emd
from wdist.methods.line import wasserstein_1d
from wdist.methods.max_sliced import max_sliced_wasserstein
from wdist.methods.sinkhorn import sinkhorn_divergence
from wdist.methods.sliced import sliced_wasserstein

__all__ = ["emd", "max_sliced_wasserstein", "sinkhorn_divergence", "sliced_wasserstein", "wasserstein_1d"]
