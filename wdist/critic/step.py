"""One ascent step of a critic. The dual estimator and the WGAN trainer both loop over this one object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Constraint, Optimizer
from wdist.critic.gradient import Objective, descend, dual_value
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

    def __call__(self, x: Tensor, y: Tensor, rng: torch.Generator, warmth: float = 1.0) -> Tensor:
        """Take a step on batches x (n, d) and y (m, d); the objective before it, detached, 0-d.

        Where several `ranks` step together, x and y are this one's shares of the batches, and so is the value; the
        networks and the generators are alike in all, and the step is that of one process on the whole batches.
        `warmth` rises from 0 to 1 at the start of a fit; see `Constraint.penalty`.
        """
        self.optimizer.zero_grad(set_to_none=True)
        value = descend(self.net, self.constraint, self.objective, x, y, rng, warmth, self.ranks)
        self.ranks.average(self.net.parameters())
        self.optimizer.step()
        self.constraint.project(self.net)
        return value
