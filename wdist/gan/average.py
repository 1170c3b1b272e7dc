"""The moving average of a generator's weights, which is drawn from where there is one."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["Average"]


class Average:
    """An average that follows a network; with `keep` 0 it is the network itself.

    Attributes:
        net: The averaged network.
    """

    def __init__(self, net: nn.Module, keep: float) -> None:
        self.keep, self.followed = keep, net
        self.net = copy.deepcopy(net) if keep else net

    @torch.no_grad()
    def move(self, step: int) -> None:
        """Move on after a step, counted from 0; over few steps it forgets faster, so that the first do not linger."""
        if self.net is self.followed:
            return
        keep = min(self.keep, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.net.parameters()), list(self.followed.parameters()), 1 - keep)
        for mean, now in zip(self.net.buffers(), self.followed.buffers(), strict=True):
            mean.copy_(now)
