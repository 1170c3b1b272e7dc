"""What can be proved of a critic's slope."""

from __future__ import annotations

import torch
from torch import nn

from wdist.critic.nets import ScalarMLP

__all__ = ["lipschitz_bound"]


def lipschitz_bound(net: nn.Module) -> float | None:
    """Upper bound on the Euclidean Lipschitz constant: the product of the layers' largest singular values, in float64.

    Valid for `ScalarMLP`, whose activations are all 1-Lipschitz (Szegedy et al. 2014, §4.3); usually far from
    tight. None for a network that this cannot read.
    """
    if not isinstance(net, ScalarMLP):
        return None
    bound = 1.0
    for layer in net.layers:
        if isinstance(layer, nn.Linear):
            bound *= float(torch.linalg.matrix_norm(layer.weight.detach().double(), ord=2))
    return bound * (1 + 1e-12)  # the singular values' own rounding
