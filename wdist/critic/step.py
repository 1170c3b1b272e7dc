"""One ascent step of a critic. The dual estimator and the WGAN trainer both loop over this one object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Constraint, Optimizer
from wdist.critic.gradient import Objective, added, descend, dual_value
from wdist.ranks import ALONE, Ranks

__all__ = ["CriticStep", "dual_value"]


@dataclass(frozen=True, eq=False)
class CriticStep:
    """Ascend E_a f − E_b f − penalty by one step of the optimiser, then project.

    The WGAN literature's critic loss is the negative of what is ascended here (Arjovsky et al. 2017, eq.
    (2)). `objective(net, x, y)` puts something else in the place of E_a f − E_b f, as the discriminator of a
    standard GAN does.
    """

    net: nn.Module
    constraint: Constraint
    optimizer: Optimizer
    ranks: Ranks = ALONE
    objective: Objective = dual_value

    def __call__(
        self, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0, pieces: int = 1
    ) -> Tensor:
        """Take a step on batches x (n, d) and y (m, d); the objective before it, detached, 0-d.

        Where several `ranks` step together, x and y are this one's shares of the batches, and so is the value; the
        networks and the generators are alike in all, and the step is that of one process on the whole batches.
        `warmth` rises from 0 to 1 at the start of a fit; see `Constraint.penalty`. In `pieces`, the batches go through
        the network one after another, for want of memory, and their gradients are added: the step is the same.
        """
        self.optimizer.zero_grad(set_to_none=True)
        asked = self.net, self.constraint, self.objective
        if pieces == 1:
            value = descend(*asked, x, y, rng, warmth, self.ranks)
        else:
            parts = zip(x.chunk(pieces), y.chunk(pieces), strict=True)
            value = sum(
                (added(*asked, px, py, rng, warmth, self.ranks, len(px) / len(x)) for px, py in parts),
                x.new_zeros(()),
            )
        self.ranks.average(self.net.parameters())
        self.optimizer.step()
        self.constraint.project(self.net)
        return value
