"""A fitted critic as its user holds it: a function of points in the data's own units, in float64.

It gives values, witnesses (where the two laws differ most), the direction in which mass is to move, and a file from
which the same function comes back to the last bit: tensors by safetensors, the rest as JSON in that file's header.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from wdist.arrays import as_tensor
from wdist.critic.cones import ConeNet
from wdist.critic.convolution import ConvNet, ScalarConvNet
from wdist.critic.flats import FlatNet
from wdist.critic.nets import ACTIVATIONS, ScalarMLP
from wdist.errors import InputError
from wdist.writing import write_tensors

__all__ = ["Potential", "Scaling", "rows_at_once", "standard_radius"]

ROWS, FEWEST_ROWS, COORDINATES = 4096, 64, 2**22
"""Points that are evaluated at a time: so many, or fewer where their coordinates would be more."""
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x − shift) / scale, one scale for all coordinates, so that distances are only divided by it."""

    shift: Tensor  # (d,)
    scale: float

    def __call__(self, x: Tensor) -> Tensor:
        """Standardise points (n, d)."""
        return (x.to(self.shift) - self.shift) / self.scale

    @staticmethod
    def of(x: Tensor, y: Tensor) -> Scaling:
        """Centre between the two means; scale to root mean square distance min(√d, 4) from there.

        Up to 16 coordinates that is unit variance. Beyond, W1 would grow like √d in standard units and with
        it the slope that a gradient penalty yields to; bounded radius keeps that within a few per cent. Both sides
        count alike, whichever has more points.
        """
        x, y = x.double(), y.double()
        shift = (x.mean(0) + y.mean(0)) / 2
        sides = x - shift, y - shift  # (n, d), (m, d)
        top = (
            max(float(side.abs().max()) for side in sides) or 1.0
        )  # keeps the squares of extreme units in range
        radius = top * math.sqrt(sum(float((side / top).square().sum(dim=1).mean()) for side in sides) / 2)
        return Scaling(shift, radius / standard_radius(x.shape[1]) or 1.0)


def standard_radius(dim: int) -> float:
    """Root mean square distance from the centre, in standardised units."""
    return min(math.sqrt(dim), 4.0)


@dataclass(frozen=True, eq=False)
class Potential:
    """A fitted critic in the data's own units: f(x), high on a and low on b.

    Attributes:
        net: The network, float64, over standardised points.
        scaling: The standardisation.
    """

    net: nn.Module
    scaling: Scaling

    @torch.no_grad()
    def __call__(self, x: Any) -> Tensor:
        """Value at each point, (n, d) -> (n,), float64, in the unit of the data; defined up to a constant."""
        points = self._points(x)
        parts = torch.split(points, rows_at_once(points.shape[1]))
        return self.scaling.scale * torch.cat([self.net(self.scaling(part)) for part in parts])

    def gradient(self, x: Any) -> Tensor:
        """∇f at each point, (n, d) -> (n, d), float64, without unit: at most the critic's Lipschitz constant long."""
        points = self._points(x)
        parts = torch.split(points, rows_at_once(points.shape[1]))
        return torch.cat([self._gradient(part) for part in parts])

    def direction(self, x: Any) -> Tensor:
        """−∇f: which way an optimal plan moves the mass of a that is at x, (n, d) -> (n, d).

        A maximiser falls at slope one along every ray that mass moves on (Villani 2009, Thm 5.10); how far it
        moves, a potential does not say.
        """
        return -self.gradient(x)

    def witnesses(self, x: Any, k: int = 10) -> tuple[Tensor, Tensor]:
        """Rows of x where the laws differ most by this critic: the k of highest f (more of a there), the k of lowest.

        Args:
            x: Points (n, d), from anywhere.
            k: How many of each.

        Returns:
            Row numbers, both (k,): highest first, lowest first.
        """
        order = torch.argsort(self(x))
        if not 1 <= k <= len(order):
            raise InputError(f"k is {k!r} for {len(order)} points; pass 1 to {len(order)}")
        return order[-k:].flip(0), order[:k]

    def save(self, path: str | Path) -> None:
        """Write the potential to one file (safetensors), from which `load` gives the same function, to the bit.

        Raises:
            InputError: if it cannot be written.
        """
        header = {"format": FORMAT, "scale": self.scaling.scale, "net": _described(self.net)}
        tensors = {"shift": self.scaling.shift, **{f"net.{k}": v for k, v in self.net.state_dict().items()}}
        held = {name: tensor.contiguous() for name, tensor in tensors.items()}
        try:
            write_tensors(Path(path), held, {"wdist": json.dumps(header)})
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} cannot be written ({error}); choose another") from None

    @staticmethod
    def load(path: str | Path) -> Potential:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is not such a one.
        """
        try:
            with safe_open(path, "pt") as file:
                header = json.loads((file.metadata() or {})["wdist"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} is no potential that wdist saved ({type(error).__name__}: {error})"
            ) from None
        if header["format"] != FORMAT:
            raise InputError(
                f"{path} has format {header['format']}, and this version of wdist reads {FORMAT}"
            )
        shift = tensors.pop("shift")
        net = _rebuilt(header["net"], {name.removeprefix("net."): t for name, t in tensors.items()})
        return Potential(net, Scaling(shift, header["scale"]))

    def _points(self, x: Any) -> Tensor:
        points = x if isinstance(x, Tensor) else as_tensor(x, "x")[0]
        d = len(self.scaling.shift)
        if points.ndim == 1 and d == 1:
            points = points[:, None]
        points = points.flatten(1) if points.ndim > 2 else points
        if points.ndim != 2 or points.shape[1] != d:
            raise InputError(
                f"x has shape {tuple(points.shape)}; this critic is a function of points (n, {d})"
            )
        return points

    def _gradient(self, x: Tensor) -> Tensor:
        z = self.scaling(x).requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.net(z).sum(), z)
        return gradient


def rows_at_once(d: int) -> int:
    """How many points of d coordinates are put through a network at a time, as it holds some numbers for each."""
    return min(ROWS, max(FEWEST_ROWS, COORDINATES // d))


def _described(net: nn.Module) -> dict[str, Any]:
    """What a network is, but for its tensors."""
    if isinstance(net, ScalarMLP):
        return {"kind": "mlp", "sizes": list(net.sizes), "activation": net.activation}
    if isinstance(net, ScalarConvNet):
        return {"kind": "convolutions", **asdict(net.recipe)}
    if isinstance(net, ConeNet):
        return {"kind": "cones", "projections": len(net.bases)}
    if isinstance(net, FlatNet):
        return {"kind": "flats", "flats": net.scales.shape[0] // 2}
    raise InputError(f"a {type(net).__name__} cannot be saved; its state_dict can")


def _rebuilt(about: dict[str, Any], state: dict[str, Tensor]) -> nn.Module:
    net: nn.Module
    if about["kind"] == "mlp":
        assert about["activation"] in ACTIVATIONS
        net = ScalarMLP(tuple(about["sizes"]), about["activation"], torch.Generator(), torch.float64)
    elif about["kind"] == "convolutions":
        fields = {name: value for name, value in about.items() if name != "kind"}
        recipe = ConvNet(**{"channels_last": False, **fields})  # as files had it before they said so
        net = ScalarConvNet(recipe, torch.Generator(), torch.float64)
    elif about["kind"] == "flats":
        heights, levels = torch.tensor_split(state["offsets"], [about["flats"]], dim=1)
        across, scales, points = state["bases"], state["scales"], state["centres"]
        net = FlatNet(across, scales, points, heights, state["normals"], levels)
    else:
        spaces = range(about["projections"])
        bases = [state[f"bases.{k}"] for k in spaces]
        centres = [state[f"centres.{k}"] for k in range(about["projections"] + 1)]
        net = ConeNet(bases, centres, state["offsets"], state["normals"])
    net.load_state_dict(state)
    return net.eval().requires_grad_(False)
