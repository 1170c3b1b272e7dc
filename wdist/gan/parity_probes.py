"""Probes of whether a step is the same step elsewhere: in parts of a batch, in bfloat16, compiled."""

from __future__ import annotations

import torch
from torch import Tensor

from wdist.gan.layers import BATCH_NORMS
from wdist.gan.patient import Finding, Patient
from wdist.gan.probes import gradients

__all__ = ["compiled_parity", "half_precision", "halves"]

CLOSE = 1e-3
COARSE = 0.05
"""Relative difference that eight bits of a mantissa may make."""
UNSTEADY = "not asked: two passes over one batch differ (dropout, or noise of the network's own)"


def halves(patient: Patient) -> Finding:
    """Whether the gradient of a batch is the mean of those of its halves, as several processes have it.

    Batch normalisation in the generator alone, as published nets have it, trains well on whole batches; it is a fault
    where parts are asked for.
    """
    check, n = "parts of a batch (processes, accumulation)", len(patient.x) // 2 * 2
    if not patient.steady():
        return Finding(check, seen=UNSTEADY)
    x, z, worst = patient.x[:n], patient.z[:n], 0.0
    for net, loss in ((patient.critic, patient.critic_loss), (patient.generator, patient.generator_loss)):
        weights = [w for w in net.parameters() if w.requires_grad]
        whole, *parts = (
            torch.cat([g.flatten() for g in gradients(loss(x[rows], z[rows]), weights)])
            for rows in (slice(None), slice(0, n // 2), slice(n // 2, None))
        )
        worst = max(worst, float((whole - (parts[0] + parts[1]) / 2).norm() / whole.norm().clamp_min(1e-30)))
    if worst > CLOSE:
        named = [f"{side}.{name} is {type(part).__name__}"
                 for side, net in (("critic", patient.critic), ("generator", patient.generator))
                 for name, part in net.named_modules() if isinstance(part, BATCH_NORMS)]  # fmt: skip
        if named and not patient.parts and all(name.startswith("generator.") for name in named):
            return Finding(
                check, seen=f"on whole batches in one process only: {', '.join(named)}; in parts the gradient is "
                f"{worst:.2g} from that of the whole",
            )  # fmt: skip
        where = f" ({', '.join(named)})" if named else ""
        return Finding(
            check, f"the gradient of a batch is {worst:.2g} from the mean over its halves{where}: several processes or "
            "accumulated gradients take other steps than one process",
            "use no statistics over the batch, or train in one process with whole batches",
        )  # fmt: skip
    return Finding(check, seen=f"gradients of halves agree with the whole to {worst:.1g}")


def half_precision(patient: Patient) -> Finding:
    """Whether the slopes of the critic survive bfloat16: half of them, as rounding moves a few points past a kink."""
    check = "bfloat16"
    if not patient.steady():
        return Finding(check, seen=UNSTEADY)
    device = patient.x.device.type
    try:
        exact = _slopes(patient)
        with torch.autocast(device, torch.bfloat16):
            coarse = _slopes(patient)
    except RuntimeError as error:
        return Finding(
            check, f"the critic does not run under autocast: {_short(error)}", "train it in float32"
        )
    away = float((coarse / exact.clamp_min(1e-30) - 1).abs().median())
    if not away <= COARSE:
        return Finding(
            check, f"slopes are {away:.0%} off (median) under autocast, so a penalty there holds wrong lengths",
            "keep the penalty, or all of it, in float32",
        )  # fmt: skip
    return Finding(
        check,
        seen=f"the critic's slopes change by {_percent(away)} under autocast (median; {COARSE:.0%} is too much); keep "
        "the penalty in float32 all the same",
    )


def compiled_parity(patient: Patient, backend: str) -> Finding:
    """Whether the critic gives the same compiled, and can be differentiated twice as a penalty needs."""
    check = f"torch.compile ({backend})"
    if not patient.steady():
        return Finding(check, seen=UNSTEADY)
    eager = patient.critic(patient.x).detach()
    try:
        compiled = torch.compile(patient.critic, backend=backend)
        values = compiled(patient.x)
    except Exception as error:  # a compiler may fail in any way
        return Finding(check, f"it cannot be compiled: {_short(error)}", "train it as it is")
    away = float((values.detach() - eager).abs().max() / (eager.max() - eager.min()).clamp_min(1e-30))
    if away > CLOSE:
        return Finding(check, f"its values are {away:.1%} of their range off", "train it as it is")
    try:
        z = patient.x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(compiled(z).sum(), z, create_graph=True)
        gradients(slope.square().sum(), [w for w in patient.critic.parameters() if w.requires_grad])
    except RuntimeError as error:
        return Finding(
            check, f"its values agree, and it cannot be differentiated twice: {_short(error)}",
            "compile it for clipping only, or write the penalty's gradient out",
        )  # fmt: skip
    return Finding(check, seen=f"values agree to {away:.1g}, and a second derivative is there")


def _slopes(patient: Patient) -> Tensor:
    x = patient.x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(patient.critic(x).float().sum(), x)
    length: Tensor = slope.float().flatten(1).norm(dim=1)
    return length


def _percent(share: float) -> str:
    """A share in percent, to a tenth; what rounds to none of them is less than one."""
    return f"{share:.1%}" if share >= 0.0005 else "less than 0.1%"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
