"""The card: kappa where it was measured, how far it holds, and a refusal beyond.

A `Calibration` keeps its trials, so that everything on it can be computed again: by another divisor (`by`), or at
another confidence. What it says is a `Model` of those trials; how it looks is in `page.py` and `figure.py`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wdist.calibration.model import FEWEST_FAMILIES, Model, Point
from wdist.calibration.reading import PER
from wdist.calibration.trials import Trial
from wdist.critic.potential import standard_radius
from wdist.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from wdist.methods.critic import Critic

__all__ = ["Calibration", "Kappa", "mend"]

FORMAT = 1
CARD, PAGE, FIGURE = "card.json", "card.md", "card.png"
CARDS = Path(__file__).parents[1] / "data" / "cards"
SETTLED = 0.02
"""Change of kappa under twice the steps up to which a budget counts as enough."""


@dataclass(frozen=True)
class Kappa:
    """Kappa, and the range in which that of one more fit is expected."""

    value: float
    low: float
    high: float
    confidence: float

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, repr=False)
class Calibration:
    """What a way of training critics reads, as a multiple of W1: kappa = reading / W1.

    Made by `wdist.calibrate`. Everything is told over w, W1 in standardised units, as the critic sees it: W1 over
    `est.detail.potential.scaling.scale`.

    Attributes:
        fingerprint: What was calibrated.
        per: What the raw dual value is divided by before kappa is: "raw" for nothing, as the paper has it; "slope" for
            the critic's own mean slope between the samples; "certificate" for its proved Lipschitz constant.
        trials: The fits behind the card.
        seed: Of those.
        versions: What they ran on.
    """

    fingerprint: Mapping[str, str]
    per: str
    trials: tuple[Trial, ...]
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.per not in PER:
            raise InputError(f"per is {self.per!r}; choose one of {', '.join(PER)}")
        if not self.points:
            raise InputError("no trial read anything above zero; give the critic more steps or a larger c")

    def by(self, per: str) -> Calibration:
        """The same trials, read by another divisor; no fit is repeated."""
        if per == "certificate" and any(trial.said.certificate is None for trial in self.trials):
            raise InputError("nothing is proved of the slope of these critics; read them by raw or by slope")
        return dataclasses.replace(self, per=per)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return int(self.fingerprint["dim"])

    @property
    def steps(self) -> int:
        """Ascent steps of every critic."""
        return int(self.fingerprint["steps"])

    @property
    def families(self) -> tuple[str, ...]:
        """Manners of transport that were calibrated."""
        return tuple(self.points)

    @cached_property
    def points(self) -> dict[str, list[Point]]:
        """Fits by family, but for those of longer budget and those that read nothing."""
        found: dict[str, list[Point]] = {}
        for trial in self.trials:
            reading = trial.said.by(self.per)
            if trial.steps == self.steps and reading > 0:
                found.setdefault(trial.family, []).append(Point(trial.level, trial.w, reading))
        return found

    @cached_property
    def model(self) -> Model:
        """Curves and spreads."""
        return Model(self.points)

    @property
    def lost(self) -> int:
        """Fits that read nothing above zero."""
        return sum(trial.said.by(self.per) <= 0 for trial in self.trials)

    def kappa(self, w: float, family: str | None = None, confidence: float = 0.9) -> Kappa:
        """Kappa at W1 = w, with the range for one more fit.

        Args:
            w: W1 in standardised units, within `range_of(family)`.
            family: One of `families`, or None for a family that was not calibrated.
            confidence: Level of the range.

        Raises:
            InputError: if w is outside what was calibrated, or there is no such family.
        """
        low, high = self.range_of(family)
        if not w >= 0:
            raise InputError(f"w is {w!r}; pass a W1, in standardised units")
        if not low <= w <= high:
            raise InputError(
                f"w is {w!r}, and {family or 'most families'} were calibrated from {low:.3g} to {high:.3g} (W1 in "
                f"standardised units); {mend(w, self.dim)}"
            )
        value, reach = self.model.curve(family).at(w), self.model.half_width(family, confidence)
        return Kappa(math.exp(value), math.exp(value - reach), math.exp(value + reach), confidence)

    def range_of(self, family: str | None = None) -> tuple[float, float]:
        """The w that were calibrated: of a family, or, for None, those that at least half of the families reach."""
        self.check_family(family)
        return self.model.reach(family)

    def check_family(self, family: str | None) -> None:
        """Refuse a family that is not on the card, and a new one where too few are."""
        if family is not None and family not in self.points:
            raise InputError(f"family is {family!r}; the card has {', '.join(self.points)}")
        if family is None and len(self.points) < FEWEST_FAMILIES:
            raise InputError(
                f"the card has {len(self.points)} families, too few to speak of others; name one "
                f"({', '.join(self.points)}), or calibrate with at least {FEWEST_FAMILIES}"
            )

    @property
    def valid_range(self) -> tuple[float, float]:
        """The w, W1 in standardised units, for which the card speaks of families that it has not seen."""
        return self.range_of(None)

    @property
    def spread(self) -> float:
        """Root mean square relative error of the calibrated W1 in a family left out of the card."""
        self.check_family(None)
        return self.model.spread

    @property
    def cpu(self) -> float:
        """Seconds of processor time that all its fits took together, on however many cores."""
        return sum(trial.cpu for trial in self.trials)

    @property
    def budget_effect(self) -> float | None:
        """Largest relative change of kappa in any family under twice the steps; None where that was not tried."""
        longer: dict[str, list[float]] = {}
        base = {(t.family, t.level, t.replicate): t for t in self.trials if t.steps == self.steps}
        for trial in self.trials:
            before = base.get((trial.family, trial.level, trial.replicate))
            if trial.steps > self.steps and before is not None:
                pair = [one.said.by(self.per) / one.w for one in (before, trial)]
                if min(pair) > 0:
                    longer.setdefault(trial.family, []).append(math.log(pair[1] / pair[0]))
        changes = [math.expm1(float(np.mean(logs))) for logs in longer.values()]
        return max(changes, key=abs) if changes else None

    @property
    def settled(self) -> bool:
        """Whether twice the steps were tried and changed no family's kappa by more than two per cent."""
        return self.budget_effect is not None and abs(self.budget_effect) <= SETTLED

    def critic(self) -> Critic:
        """The critic that was calibrated, with every setting, for `Calibrated(card.critic(), card)`.

        Raises:
            InputError: if the card cannot say it all, as of a net of the user's own.
        """
        from wdist.calibration.settings import critic_of

        return critic_of(self.fingerprint)

    @property
    def verdict(self) -> str:
        """For what it is usable and for what not, in words."""
        from wdist.calibration.page import verdict

        return verdict(self)

    def to_markdown(self) -> str:
        """The card as a page."""
        from wdist.calibration.page import page

        return page(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw kappa over w: every family, and the band for a new one."""
        from wdist.calibration.figure import draw

        return draw(self, ax)

    def __repr__(self) -> str:
        return f"Calibration of {self.fingerprint['constraint']} in d = {self.dim}: {self.verdict}"

    def save(self, path: str | Path) -> None:
        """Write the card: to a .json file, or to a folder as JSON, as a page and as a figure.

        Raises:
            InputError: if it cannot be written.
        """
        path = Path(path)
        kept = {"format": FORMAT, **dataclasses.asdict(self)}
        folder = path.parent if path.suffix == ".json" else path
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(
                path if path.suffix == ".json" else folder / CARD, json.dumps(kept, allow_nan=False) + "\n"
            )
            if path.suffix != ".json":
                _write(folder / PAGE, self.to_markdown())
                from wdist.calibration.figure import new_figure

                self.plot((figure := new_figure()).subplots())
                figure.savefig(folder / FIGURE, dpi=150)
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}); choose another") from None

    @staticmethod
    def load(path: str | Path) -> Calibration:
        """Read what `save` wrote, or, by its name, one of the cards of `Calibration.shipped()`.

        Raises:
            InputError: if there is no card.
        """
        path = Path(path)
        if str(path) in Calibration.shipped():
            path = CARDS / f"{path}.json"
        try:
            kept: dict[str, Any] = json.loads((path / CARD if path.is_dir() else path).read_text("utf-8"))
            version, trials = kept.pop("format"), kept.pop("trials")
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise InputError(
                f"{path} is no card that wdist saved ({getattr(error, 'strerror', None) or error}); those that come "
                f"with wdist are {', '.join(Calibration.shipped())}"
            ) from None
        if version != FORMAT:
            raise InputError(f"{path} has format {version}, and this version of wdist reads {FORMAT}")
        return Calibration(trials=tuple(map(Trial.of, trials)), **kept)

    @staticmethod
    def shipped() -> tuple[str, ...]:
        """Names of the cards that come with wdist; `load` takes them."""
        return tuple(sorted(path.stem for path in CARDS.glob("*.json")))


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def mend(w: float, dim: int) -> str:
    """What helps where W1 = w, in standardised units, is beyond a card."""
    if w < (farthest := 2 * standard_radius(dim)):
        return "calibrate with scale=(low, high) that holds it"
    return f"no two laws are more than {farthest:.4g} apart there, so the reading itself is wrong"
