"""Probes of a critic and a generator: each asks one thing of a `Patient`, by what comes out and not by what is written.

Whether f(x) is a function of x alone, what stands last, what gradients reach, which way the losses point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wdist.gan.layers import BATCH_NORMS
from wdist.gan.patient import Finding, Patient

__all__ = [
    "detached", "gradients", "independence", "last_layer", "makes_points", "one_number", "reached", "signs", "variety",
]  # fmt: skip

TOLERANCE = 1e-4
"""Relative size below which a number is rounding."""

SHAPING = ("View", "Reshape", "Squeeze", "Unsqueeze", "UnsafeView", "Alias", "Select", "Slice", "Expand", "Clone",
           "Permute", "Transpose", "ToCopy", "Split", "Crop")  # fmt: skip
"""Nodes of a graph that move numbers and do not change them."""

ACTIVATIONS = {
    "Sigmoid": "a sigmoid: values between 0 and 1", "Tanh": "a tanh: values between -1 and 1",
    "Relu": "a ReLU: no value below zero, and no gradient there", "Threshold": "a threshold",
    "LeakyRelu": "a leaky ReLU: slopes that differ with the sign of the value",
    "Softplus": "a softplus: values above zero",
    "Elu": "an ELU: values above -1", "LogSigmoid": "a log-sigmoid: values below zero",
    "Softmax": "a softmax: values that sum to one", "LogSoftmax": "a log-softmax",
    "Hardtanh": "a clamp", "Clamp": "a clamp: no gradient beyond it", "Gelu": "a GELU", "Silu": "a SiLU", "Abs": "|.|",
}  # fmt: skip
"""Nodes of a graph that are activations, and what a value behind one is."""

BOUNDS = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "Relu": (0.0, float("inf"))}


def one_number(patient: Patient) -> Finding:
    """Whether the critic gives one finite number a point."""
    check, n = "one number a point", len(patient.x)
    with torch.no_grad():
        f = patient.critic(patient.x)
    if not isinstance(f, Tensor) or f.numel() != n or f.shape[:1] != (n,):
        came = tuple(f.shape) if isinstance(f, Tensor) else type(f).__name__
        return Finding(check, f"the critic gives {came} for {n} points", "let it give (n,) or (n, 1)")
    if not bool(torch.isfinite(f).all()):
        return Finding(
            check, "the critic's values are not finite", "look at its weights and at the scale of the data"
        )
    return Finding(check, seen=f"{tuple(patient.x.shape)} -> {tuple(f.shape)}")


def makes_points(patient: Patient) -> Finding:
    """Whether generated points have the shape of real ones, and can be where those are."""
    check, real = "generated points", patient.x
    made = patient.generator(patient.z)
    if made.shape != real.shape:
        return Finding(
            check, f"the generator makes {tuple(made.shape)} and real points are {tuple(real.shape)}",
            "give both in one shape",
        )  # fmt: skip
    low, high = BOUNDS.get(_last(made), (-float("inf"), float("inf")))
    if float(real.min()) < low - TOLERANCE or float(real.max()) > high + TOLERANCE:
        return Finding(
            check, f"the generator is held between {low:g} and {high:g}, and real points go from "
            f"{float(real.min()):.3g} to {float(real.max()):.3g}",
            "bring the data into that range, or drop the generator's last activation",
        )  # fmt: skip
    return Finding(check, seen=f"{tuple(patient.z.shape)} -> {tuple(made.shape)}")


def independence(patient: Patient) -> Finding:
    """Whether f at one point, and its gradient there, depend on the other points of the batch."""
    check = "one point at a time"
    x = patient.x.clone().requires_grad_()
    slopes: tuple[Tensor | None, ...] = torch.autograd.grad(
        patient.critic(x).flatten()[0], x, allow_unused=True
    )
    (slope,) = slopes
    if slope is None:
        return Finding(
            check,
            "the critic does not depend on its points",
            "look for a detach() or no_grad() in its forward",
        )
    sizes = slope.flatten(1).norm(dim=1)
    others = float(sizes[1:].max())
    shifted = False
    if patient.steady():
        with torch.no_grad():
            f, g = (patient.critic(torch.cat([x[:1], scale * x[1:]])).flatten() for scale in (1.0, 2.0))
        shifted = bool((f[0] - g[0]).abs() > TOLERANCE * (f.abs().max() + g.abs().max()))
    if others <= TOLERANCE * float(sizes[0]) and not shifted:
        return Finding(check, seen="f(x) and its gradient depend on x alone")
    named = [f"{name} is {type(part).__name__}" for name, part in patient.critic.named_modules()
             if isinstance(part, BATCH_NORMS)]  # fmt: skip
    where = f" ({', '.join(named)})" if named else ""
    return Finding(
        check,
        f"f at one point depends on the others of its batch{where}: its gradient is {others:.2g} in another point and "
        f"{float(sizes[0]):.2g} in its own, so a penalty on the slope at x means nothing",
        "use layer normalisation or none, and no statistics over the batch",
    )


def last_layer(patient: Patient) -> Finding:
    """Whether an activation stands behind the critic's last layer."""
    check = "last layer of the critic"
    name = _last(patient.critic(patient.x))
    if name in ACTIVATIONS:
        return Finding(
            check, f"it ends in {ACTIVATIONS[name]}, and the difference of two means of such values is no W1",
            "drop it: a critic's value is any real number",
        )  # fmt: skip
    return Finding(check, seen="no activation behind it")


def reached(patient: Patient) -> Finding:
    """Whether every weight matrix of both gets a gradient from its player's loss."""
    check, dead = "gradients reach every layer", []
    for side, net, loss in (("critic", patient.critic, patient.critic_loss),
                            ("generator", patient.generator, patient.generator_loss)):  # fmt: skip
        named = [(name, w) for name, w in net.named_parameters() if w.requires_grad and w.ndim > 1]
        found = gradients(loss(patient.x, patient.z), [w for _, w in named])
        dead += [
            f"{side}.{name}" for (name, _), g in zip(named, found, strict=True) if not bool(g.abs().max() > 0)
        ]
    if dead:
        return Finding(
            check, f"no gradient comes to {', '.join(dead)}",
            "look for a detach(), a layer that is not used, or units that are all off",
        )  # fmt: skip
    return Finding(check, seen="it does, in both networks")


def detached(patient: Patient) -> Finding:
    """Whether a step of the critic leaves gradients in the generator."""
    check = "detached fakes"
    if patient.given_critic_loss is None:
        return Finding(check, seen="not asked: pass critic_loss")
    weights = list(patient.generator.parameters())
    found = gradients(patient.critic_loss(patient.x, patient.z), weights)
    largest = max((float(g.abs().max()) for g in found), default=0.0)
    if largest > 0:
        return Finding(
            check, f"the critic's loss goes back into the generator (gradients up to {largest:.2g}): half the time of "
            "the step is lost, and the generator's own step goes wrong where they are not zeroed",
            "draw the fakes under torch.no_grad(), or detach() them",
        )  # fmt: skip
    return Finding(check, seen="the critic's loss stops at the generated points")


def signs(patient: Patient) -> Finding:
    """Whether the generator goes where the critic says that real points are."""
    check, rises = "signs of the losses", []
    games: tuple[tuple[nn.Module, Callable[[Tensor, Tensor], Tensor], Callable[[], Tensor]], ...] = (
        (patient.critic, patient.critic_loss,
         lambda: patient.critic(patient.x).mean() - patient.critic(patient.generator(patient.z).detach()).mean()),
        (patient.generator, patient.generator_loss, lambda: patient.critic(patient.generator(patient.z)).mean()),
    )  # fmt: skip
    for net, loss, value in games:
        weights = [w for w in net.parameters() if w.requires_grad]
        down, slope = gradients(loss(patient.x, patient.z), weights), gradients(value(), weights)
        rises.append(-sum(float((a * b).sum()) for a, b in zip(down, slope, strict=True)))
    critic, generator = ("up" if rise > 0 else "down" for rise in rises)
    if critic != generator:
        return Finding(
            check, f"the critic's loss drives f on real points {critic}, and the generator's drives f on generated "
            f"ones {generator}: away from them", "turn the sign of one of the losses",
        )  # fmt: skip
    return Finding(check, seen=f"f goes {critic} on real points, and generated ones follow it")


def variety(patient: Patient) -> Finding:
    """Whether different latents make different points."""
    check, made = "different latents, different points", patient.fakes.flatten(1)
    spread = float((made - made.mean(dim=0)).norm(dim=1).mean())
    size = float(made.norm(dim=1).mean())
    if spread <= TOLERANCE * max(size, 1e-30):
        return Finding(
            check,
            "the generator makes one point of all latents",
            "look at its first layer and at the latents' scale",
        )
    return Finding(check, seen=f"they are {spread:.2g} from their mean")


def gradients(loss: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """Of a loss, zeros where there are none."""
    if not loss.requires_grad or not weights:
        return [torch.zeros_like(w) for w in weights]
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def _last(values: Tensor) -> str:
    """Name of the last operation of a graph that changes numbers, such as "Sigmoid"; "" without a graph."""
    node: Any = values.grad_fn
    while node is not None:
        name = type(node).__name__.split("Backward")[0].lstrip("_")
        if name not in SHAPING or not node.next_functions:
            return name
        node = node.next_functions[0][0]
    return ""
