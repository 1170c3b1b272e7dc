"""The doctor: what is wrong with a critic, a generator and their losses, found by probing them before they are trained.

`doctor` takes torch modules and the user's own losses, `doctor_of` a config. Both ask every probe (`probes.py` for the
networks, `penalty_probes.py` for the penalty) and hand back a `Checkup`: what was asked, what was seen, and how to
mend what is wrong. Networks are probed as copies in training mode, and no generator of random numbers is moved.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from textwrap import shorten

import torch
from torch import Tensor, nn

from wdist.critic.constraint import Unpenalised
from wdist.errors import InputError
from wdist.gan.augment_probes import augmented
from wdist.gan.config import TrainConfig
from wdist.gan.matching import FeatureMatching
from wdist.gan.minibatch import MinibatchDiscrimination
from wdist.gan.parity_probes import compiled_parity, half_precision, halves
from wdist.gan.patient import CriticLoss, Finding, GeneratorLoss, Patient, Penalty
from wdist.gan.penalty_probes import penalty_axes, penalty_graph
from wdist.gan.probes import (
    detached,
    independence,
    last_layer,
    makes_points,
    one_number,
    reached,
    signs,
    variety,
)  # fmt: skip
from wdist.gan.stabilisers import whole_batches
from wdist.gan.trainer import Trainer
from wdist.rng import Seed

__all__ = ["Checkup", "doctor", "doctor_of"]

FEWEST = 4
Probe = Callable[[Patient], Finding]


@dataclass(frozen=True)
class Checkup:
    """Everything that was asked, sound or not.

    Attributes:
        findings: One a probe, in the order in which they were asked.
    """

    findings: tuple[Finding, ...]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return tuple(finding for finding in self.findings if finding.wrong)

    @property
    def sound(self) -> bool:
        """Whether nothing is."""
        return not self.faults

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


def doctor(
    critic: nn.Module, generator: nn.Module, x: Tensor, z: Tensor, *, penalty: Penalty | None = None,
    critic_loss: CriticLoss | None = None, generator_loss: GeneratorLoss | None = None, compiler: str = "",
    parts: bool = False,
) -> Checkup:  # fmt: skip
    """Probe two networks, and the losses that they are to be trained by, for the usual faults of a WGAN.

    Args:
        critic: Points (n, ...) -> (n,), or (n, 1).
        generator: Latents z -> points.
        x: Real points (n, ...), n >= 4, scaled as the critic will see them.
        z: Latents, as many.
        penalty: (critic, x, y) -> 0-d, what is added to the critic's loss; tried on linear critics of known slope.
        critic_loss: (critic, generator, x, z) -> 0-d, what the critic descends, without the penalty; None for
            −E f(x) + E f(g(z)) on detached points.
        generator_loss: (critic, generator, x, z) -> 0-d, what the generator descends; None for −E f(g(z)).
        compiler: A backend of `torch.compile` to try, such as "inductor", which takes a while; "" for none.
        parts: Whether batches will go through the networks in parts, by several processes or accumulated gradients, for
            which batch normalisation in the generator is a fault too.

    Returns:
        Findings, sound or not. The modules, their buffers and the global generators are as they were.

    Raises:
        InputError: if there are fewer than four points, or not as many latents, or a network cannot take its own.

    Example:
        >>> net = lambda *sizes: nn.utils.skip_init(nn.Linear, *sizes)
        >>> rng = torch.Generator().manual_seed(0)
        >>> critic, generator = nn.Sequential(net(2, 1), nn.Sigmoid()), net(3, 2)
        >>> for weight in [*critic.parameters(), *generator.parameters()]:
        ...     _ = nn.init.normal_(weight, generator=rng)
        >>> x, z = torch.randn(8, 2, generator=rng), torch.randn(8, 3, generator=rng)
        >>> [finding.check for finding in doctor(critic, generator, x, z).faults]
        ['last layer of the critic']
    """
    return _probed(critic, generator, x, z, (penalty, critic_loss, generator_loss), compiler, {}, parts)


def _probed(
    critic: nn.Module, generator: nn.Module, x: Tensor, z: Tensor,
    losses: tuple[Penalty | None, CriticLoss | None, GeneratorLoss | None], compiler: str, meant: Mapping[Probe, str],
    parts: bool = False,
) -> Checkup:  # fmt: skip
    """Ask all; where a probe finds what a config means to have, its reason stands in place of the fault."""
    if len(x) < FEWEST or len(z) != len(x):
        raise InputError(
            f"x has {len(x)} points and z {len(z)} latents; pass as many of both, at least {FEWEST}"
        )
    critic, generator = (copy.deepcopy(net).train() for net in (critic, generator))
    for weight in [*critic.parameters(), *generator.parameters()]:
        weight.grad = None
    patient = Patient(critic, generator, x.detach(), z.detach(), *losses, parts)
    with torch.random.fork_rng(devices=[]):
        return Checkup(tuple(_asked(patient, compiler, meant)))


def _asked(patient: Patient, compiler: str, meant: Mapping[Probe, str]) -> list[Finding]:
    findings = [
        _fitting("critic", "x", patient.x, lambda: one_number(patient)),
        _fitting("generator", "z", patient.z, lambda: makes_points(patient)),
    ]
    if any(finding.wrong for finding in findings):
        return findings  # nothing else can be asked
    probes = [independence, last_layer, reached, detached, signs, variety, penalty_axes, penalty_graph]
    for probe in [*probes, halves, half_precision]:
        finding = probe(patient)
        as_meant = finding.wrong and probe in meant
        findings.append(Finding(finding.check, seen=meant[probe]) if as_meant else finding)
    if compiler:
        findings.append(compiled_parity(patient, compiler))
    return findings


def _fitting(side: str, name: str, given: Tensor, probe: Callable[[], Finding]) -> Finding:
    """What the first probe of a network finds, unless the network cannot take what it is given."""
    try:
        return probe()
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise InputError(
            f"the {side} cannot take {name}, of shape {tuple(given.shape)} ({shorten(str(error), 120)}); build it for "
            f"{tuple(given.shape[1:])}, or give {name} as it takes it"
        ) from None


def doctor_of(config: TrainConfig, seed: Seed = 0, compiler: str = "") -> Checkup:
    """Probe what a config would train, on its own data; a config that is refused is a finding too.

    Example:
        >>> from wdist.gan import preset
        >>> doctor_of(preset("wgan-gp", "ring", batch=8)).sound
        True
    """
    try:
        trainer = Trainer(config, seed)
    except InputError as error:
        return Checkup((Finding("config", str(error), "as it says"),))
    x, y, z = trainer.probe()
    loss, constraint = config.loss, config.constraint
    rng = torch.Generator(device=x.device).manual_seed(0)

    def penalty(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return constraint.penalty(critic, x, y, rng)

    found = _probed(
        trainer.critic.net, y, x, z,
        (
            None if isinstance(constraint, Unpenalised) else penalty,
            lambda critic, generator, x, z: -loss.objective(critic, x, generator(z).detach()),
            lambda critic, generator, x, z: loss.generator(critic, generator(z), x),
        ),
        compiler, _meant(config),
    )  # fmt: skip
    more = (augmented(trainer.augment, x),) if config.augment else ()
    return Checkup((*found.findings, *more))


def _meant(config: TrainConfig) -> dict[Probe, str]:
    """What a config's stabilisers want to be so, though it would be a fault elsewhere."""
    meant: dict[Probe, str] = {}
    if reason := whole_batches(config.critic, config.loss):
        meant[halves] = f"{reason}; train in one process, without accumulation"
    if isinstance(config.critic, MinibatchDiscrimination):
        meant[independence] = "f depends on the batch, as minibatch discrimination wants; no penalty is taken"
    if isinstance(config.loss, FeatureMatching):
        meant[signs] = "the generator follows the mean features and not f"
    return meant
