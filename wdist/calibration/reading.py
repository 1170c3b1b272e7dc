"""What a fit says, in standardised units and before any calibration: the number that kappa multiplies W1 to.

Kappa is a ratio, so it is the same in every unit; but what it depends on is W1 as the critic sees it, over the one
scale by which the data were standardised. So all here is in that unit, and only `scale` leads back to the data's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from wdist.critic.constraints import Clip
from wdist.errors import InputError
from wdist.methods.critic import Critic, CriticDetail
from wdist.question import Question
from wdist.result import Bound, Estimate
from wdist.rng import Rng

__all__ = ["PER", "Reading", "check_critic", "default_per", "read"]

PER = ("raw", "slope", "certificate")
"""What the raw dual value is divided by: nothing, the critic's own mean slope, or its certified Lipschitz constant."""

POINTS = 2048


@dataclass(frozen=True)
class Reading:
    """One fit in standardised units.

    Attributes:
        raw: Held-out dual value E_a f − E_b f.
        slope: Mean |∇f| at points uniform on the segments between random pairs of a and b.
        certificate: Proved Lipschitz constant of f; None where nothing is known.
        own: What the method itself reported as its value.
        scale: Unit of the data in these units: W1 = scale · w.
    """

    raw: float
    slope: float
    certificate: float | None
    own: float
    scale: float

    def by(self, per: str) -> float:
        """The raw value over what `per` names; 0 for a critic that is flat."""
        unit = {"raw": 1.0, "slope": self.slope, "certificate": self.certificate}[per]
        return self.raw / unit if unit else 0.0


def default_per(method: Critic) -> str:
    """What a card goes by: a clipped critic's slope, a certified critic's certificate, else the raw value."""
    if isinstance(method.constraint, Clip):
        return "slope"
    return "certificate" if method.constraint.bound is Bound.LOWER else "raw"


def read(found: Estimate, question: Question, rng: Rng) -> Reading:
    """Read a critic's estimate; the slope is taken at points drawn from both sides."""
    detail = found.detail
    assert isinstance(detail, CriticDetail)
    f, stream = detail.potential, rng.torch(question.device)
    x, y = (side.draw(POINTS, stream).double() for side in (question.a, question.b))
    t = torch.rand(POINTS, 1, generator=stream, dtype=x.dtype, device=x.device)
    slope = float(torch.linalg.vector_norm(f.gradient(torch.lerp(y, x, t)), dim=1).mean())
    unit = f.scaling.scale
    return Reading(detail.raw / unit, slope, detail.lipschitz_bound, found.value / unit, unit)


def check_critic(method: object) -> Critic:
    """Refuse what has no kappa."""
    if not isinstance(method, Critic):
        raise InputError(
            f"method is {method!r}; only a critic has a kappa: pass wdist.Critic(wdist.Clip(0.01)) or another critic"
        )
    if method.budget is not None:
        raise InputError(
            f"the critic has budget={method.budget!r} seconds, and what is reached in a time depends on the machine; "
            "calibrate one that is limited by steps"
        )
    return method
