"""Probes of a gradient penalty: on linear critics, whose slope is the same everywhere and known, it has known values.

A penalty on |∇f| − 1 is zero at slope one and goes with (s − 1)² from there. Where it does not, the wrong forms that
are often met are tried one after another: a norm over some of a point's axes, over the batch, a square for a norm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from wdist.gan.patient import Finding, Patient
from wdist.gan.probes import gradients

__all__ = ["penalty_axes", "penalty_graph"]

SLOPES = (1.0, 2.0, 3.0)
CLOSE, UNEVEN = 1e-3, 0.1
MEND = "take the Euclidean norm of each point's whole gradient: gradient.flatten(1).norm(dim=1)"
NONE = "there is no penalty"


class _Linear(nn.Module):
    """f(x) = <a, x>, in the shape that the critic gives its values in."""

    def __init__(self, a: Tensor, like: Tensor) -> None:
        super().__init__()
        self.a, self.shape = nn.Parameter(a), like.shape[1:]

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) -> (n, ...)."""
        return (x.flatten(1) @ self.a).reshape(len(x), *self.shape)


def penalty_axes(patient: Patient) -> Finding:
    """Whether the penalty is zero at slope one, and goes with (|∇f| − 1)², |∇f| taken over all axes of a point."""
    check, penalty = "norm of the penalty", patient.penalty
    if penalty is None:
        return Finding(check, seen=NONE)
    x, y = patient.x, patient.fakes
    with torch.no_grad():
        like = patient.critic(x)
    a = torch.linspace(1, 2, x[0].numel(), dtype=x.dtype, device=x.device)  # no two coordinates alike
    a = a / a.norm()
    price = [float(penalty(_Linear(s * a, like), x, y).detach()) for s in SLOPES]
    if not any(price):
        return Finding(check, "it costs nothing, at slopes of 1, 2 and 3", "let it grow with (|∇f| - 1)²")
    if _misfit(price, [(s - 1) ** 2 for s in SLOPES]) < CLOSE:
        n = len(x) // 2
        half = float(penalty(_Linear(3 * a, like), x[:n], y[:n]).detach()) / price[2]
        if abs(half - 1) > UNEVEN:
            return Finding(
                check, f"half the batch pays {half:.2g} of the whole", "take its mean over the batch"
            )
        return Finding(check, seen=f"zero at slope one; λ is {price[1]:.3g}")
    forms = list(_wrong_forms(a.reshape(x[0].shape), len(x)))
    misfits = [_misfit(price, [form(s) for s in SLOPES]) for _, _, form in forms]
    if min(misfits) < CLOSE:
        said, mend, _ = forms[misfits.index(min(misfits))]
        return Finding(check, said, mend)
    told = ", ".join(f"{p:.3g}" for p in price)
    return Finding(check, f"at slopes of 1, 2 and 3 it costs {told}, which is not λ times 0, 1 and 4", MEND)


def _wrong_forms(a: Tensor, n: int) -> Iterator[tuple[str, str, Callable[[float], float]]]:
    """Wrong penalties by name, with what each costs at slope s up to λ; a is the gradient at slope one."""

    def over(dims: tuple[int, ...]) -> Callable[[float], float]:
        kept = a.abs() if not dims else torch.linalg.vector_norm(a, dim=dims)
        return lambda s: float((s * kept - 1).square().mean())

    axes = range(a.ndim)
    for first in axes:
        for last in axes[first:]:
            if last - first + 1 < a.ndim:
                dims = tuple(range(first, last + 1))
                told = ", ".join(str(d + 1) for d in dims)
                said = f"its norm is over axis {told} of a batch of shape (n, {', '.join(map(str, a.shape))}) alone"
                yield said, MEND, over(dims)
    yield "it takes each coordinate's slope by itself, without a norm", MEND, over(())
    yield "its norm is over the whole batch", MEND, lambda s: (s * n**0.5 - 1) ** 2
    mean = "take the gradient of critic(x).sum(), or pass grad_outputs of ones"
    yield (
        "it takes the gradient of the mean over the batch, which is n times too small",
        mean,
        lambda s: (s / n - 1) ** 2,
    )
    root = "take the norm, not its square"
    yield "it holds the square of the slope to one: (|∇f|² - 1)²", root, lambda s: (s**2 - 1) ** 2
    zero = "subtract one from the norm, unless a penalty about zero (R1) is meant: then the value is no W1"
    yield "it draws the slope to zero, not to one", zero, lambda s: s**2


def _misfit(price: list[float], form: list[float]) -> float:
    """How far prices are from a positive multiple of a form's, as a share of the highest."""
    lam = sum(p * f for p, f in zip(price, form, strict=True)) / sum(f * f for f in form)
    away = max(abs(p - lam * f) for p, f in zip(price, form, strict=True))
    return away / max(map(abs, price)) if lam > 0 else math.inf


def penalty_graph(patient: Patient) -> Finding:
    """Whether the critic's weights can descend the penalty."""
    check = "gradient of the penalty"
    if patient.penalty is None:
        return Finding(check, seen=NONE)
    weights = [w for w in patient.critic.parameters() if w.requires_grad]
    price = patient.penalty(patient.critic, patient.x, patient.fakes)
    found = gradients(price, weights)
    if float(price.detach()) != 0 and not any(bool(g.abs().max() > 0) for g in found):
        return Finding(
            check, "it does not reach the critic's weights, so nothing is held to it",
            "take the critic's gradient with create_graph=True, and do not detach it",
        )  # fmt: skip
    return Finding(check, seen="it reaches the critic's weights")
