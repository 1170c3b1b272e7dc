"""A generator network pushed through noise: a Source in the data's unit, which can be saved and loaded.

Latents are drawn on the caller's generator, mapped without gradients in evaluation mode, and turned from standard
units into the data's; so `wdist.estimate(real, generator)` measures it as it would any law.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wdist.errors import InputError
from wdist.gan.conditional import latent
from wdist.gan.data import Scale
from wdist.gan.form import Form
from wdist.gan.networks import GeneratorNet
from wdist.gan.recipes import described, rebuilt
from wdist.gan.tensors import read_tree, write_tree

__all__ = ["Generator", "load"]

Label = int | str | Sequence[int | str] | None
"""A class, one a point, or none."""
ROWS = 4096
"""Points that are made at a time."""


@dataclass(frozen=True, eq=False)
class Generator:
    """The law of g(z), z standard Gaussian.

    Attributes:
        net: The network (n, latent + classes) -> (n, d), in standard units.
        recipe: What it was built from.
        form: What it makes.
        scale: From standard units to the data's.
        names: What its classes are called; () if it is not conditional.
        shares: How often each was seen in training; () for all alike.
    """

    net: nn.Module
    recipe: GeneratorNet
    form: Form
    scale: Scale
    names: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()

    @property
    def dim(self) -> int:
        """Number of coordinates of a point."""
        return self.form.dim

    def draw(self, n: int, rng: torch.Generator, label: Label = None) -> Tensor:
        """Draw `n` points, shape (n, dim), in the data's unit, on the network's device.

        Args:
            n: How many.
            rng: Where the latents come from.
            label: Of which class, such as 7 or "seven", or n of them; None for each as often as in training.

        Raises:
            InputError: for a class that there is not.
        """
        first = next(self.net.parameters())
        z = torch.randn(n, self.recipe.latent, generator=rng, device=rng.device, dtype=first.dtype)
        classes = self._classes(n, rng, label)
        scale = self.scale.to(first.device, first.dtype)
        was = self.net.training
        self.net.eval()
        with torch.no_grad():
            parts = torch.split(latent(z, classes, self.form).to(first.device), ROWS)
            x = torch.cat([scale.data(self.net(part)) for part in parts])
        self.net.train(was)
        return x

    def images(self, n: int, rng: torch.Generator, label: Label = None) -> Tensor:
        """Draw `n` images, uint8, as the data have them: (n, H, W), (n, H, W, C) or (n, C, H, W)."""
        levels = self.draw(n, rng, label).reshape(n, *self.form.shape)
        return levels.mul(255).round().clamp(0, 255).byte()

    def save(self, path: str | Path) -> None:
        """Write network, form and units to one file (safetensors), from which `load` gives the same law, to the bit."""
        write_tree(Path(path), {**self.about(), "net": dict(self.net.state_dict())})

    def about(self) -> dict[str, Any]:
        """All but the weights, as a tree of tensors and plain values."""
        about = {
            "recipe": described(self.recipe), "form": described(self.form), "names": list(self.names),
            "shares": list(self.shares),
        }  # fmt: skip
        dtype = str(next(self.net.parameters()).dtype).removeprefix("torch.")
        return {
            "kind": "generator", "about": json.dumps(about), "dtype": dtype, "shift": self.scale.shift,
            "scale": self.scale.scale,
        }  # fmt: skip

    @staticmethod
    def of(tree: dict[str, Any], weights: dict[str, Tensor]) -> Generator:
        """Build the one that `about` describes, with these weights."""
        about = json.loads(tree["about"])
        recipe, form = rebuilt(about["recipe"]), rebuilt(about["form"])
        net = recipe.build(form, torch.Generator().manual_seed(0), getattr(torch, tree["dtype"]))
        net.load_state_dict(weights)
        shares = tuple(about.get("shares", ()))  # older files have none
        return Generator(
            net, recipe, form, Scale(tree["shift"], tree["scale"]), tuple(about["names"]), shares
        )

    def _classes(self, n: int, rng: torch.Generator, label: Label) -> Tensor | None:
        k = self.form.classes
        if label is None:
            if not k:
                return None
            shares = torch.tensor(self.shares or (1.0,) * k, device=rng.device)
            return torch.multinomial(shares, n, replacement=True, generator=rng)
        known = self.names or tuple(str(c) for c in range(k))
        asked = [label] * n if isinstance(label, int | str) else list(label)
        if unknown := [one for one in asked if not k or str(one) not in known]:
            there = f"its classes are {', '.join(known)}" if k else "it was not trained by class"
            raise InputError(f"label is {unknown[0]!r}; this generator cannot make it: {there}")
        if len(asked) != n:
            raise InputError(f"there are {len(asked)} labels for {n} points; pass one, or one a point")
        return torch.tensor([known.index(str(one)) for one in asked], device=rng.device)


def load(path: str | Path) -> Generator:
    """Read what `Generator.save` wrote.

    Raises:
        InputError: if the file is not such a one.
    """
    tree: dict[str, Any] = read_tree(Path(path))
    if tree.get("kind") != "generator":
        raise InputError(
            f"{path} holds no generator; those are written by Generator.save and `wdist gan train`"
        )
    return Generator.of(tree, tree["net"])
