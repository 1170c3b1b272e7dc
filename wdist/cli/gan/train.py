"""`wdist gan train`: options in, a run folder out, with live progress between.

The options become a config (`asked.py`), the config a run (`wdist.gan.run`), which is shown as it goes (`live.py`).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from wdist.cli.gan.live import describe, show
from wdist.cli.processes import together
from wdist.cli.terminal import EXIT_CODES, guarded, progress, say
from wdist.errors import InputError

__all__ = ["EXAMPLES", "train"]

EXAMPLES = "\n\n".join(
    [
        "[bold]Examples[/bold]",
        "  wdist gan train --data mnist --classes 7 --loss wgan-gp --steps 2000 --out runs/seven",
        "  wdist gan train --resume runs/seven",
        "  wdist gan train --from runs/seven --lr 1e-4 --out runs/slower",
        "  torchrun --nproc-per-node=2 -m wdist gan train --data mnist --out runs/all",
        "  wdist gan train --data mnist --loss gan --stabiliser minibatch-discrimination --out runs/standard",
        "  wdist gan train --data photos/ --size 32 --generator dcgan --out runs/photos --dry-run",
        EXIT_CODES,
    ]
)

STABILISERS = (
    "For a standard GAN: feature-matching, minibatch-discrimination, historical-averaging, label-smoothing, "
    "virtual-batch-norm, instance-noise; repeatable."
)
CRITIC = (
    "mlp, dcgan, residual, or patches, which can be certified; an mlp also beside a convolutional generator."
)
CARD = (
    "Read a critic fitted from scratch to those points by this card of `wdist calibrate`: a folder, a file, or the "
    "name of one that ships."
)
OUT = "runs/ and the name of the data; FOLDER-2 with --from"
FROM = (
    "Begin another run from the nets of this one at its newest checkpoint (or of the checkpoint that is named), with "
    "its config but for what is given, as --lr after a NaN; optimisers and steps begin anew."
)
DATA, NETS, STEPS, JUDGE, FILES = "Data", "Nets", "Steps", "Evaluation", "Files"


def _option(text: str, panel: str, flag: str = "", **more: Any) -> Any:
    return typer.Option(*([flag] if flag else []), help=text, rich_help_panel=panel, **more)


def train(
    data: Annotated[
        str | None, _option("mnist, flags, flags64, ring, grid, swiss-roll, or a file or folder.", DATA)
    ] = None,
    classes: Annotated[str | None, _option("Only these labels: 7, or 3,5,7.", DATA)] = None,
    labels: Annotated[
        str | None, _option("File of the labels, one a row: text, .npy, .csv, IDX.", DATA, metavar="FILE")
    ] = None,
    conditional: Annotated[
        bool | None, _option("Train by class, so that sample --label makes one.", DATA, flag="--conditional")
    ] = None,
    size: Annotated[int | None, _option("Bring a folder's images to this side in pixels.", DATA)] = None,
    mode: Annotated[str | None, _option("Read them as RGB, L (grey) or RGBA.", DATA)] = None,
    on_bad: Annotated[
        str | None, _option("What to do about damaged images: refuse, or skip.", DATA, show_default="refuse")
    ] = None,
    on_disk: Annotated[
        bool | None, _option("Leave a folder's images there and decode them at their turn.", DATA, flag="--on-disk")
    ] = None,
    workers: Annotated[int | None, _option("Processes that read data on disk ahead.", DATA)] = None,
    held_out: Annotated[float | None, _option("Share that training never sees.", DATA, show_default="0.2")] = None,
    loss: Annotated[
        str | None, _option("wgan, wgan-gp, wgan-lp, wgan-orthonormal, wgan-spectral, gan, gan-minimax.", STEPS)
    ] = None,
    published: Annotated[
        bool, _option("Rates and rules as the paper has them, not those measured for small nets.", STEPS)
    ] = False,
    generator: Annotated[str | None, _option("mlp, dcgan, residual, palette (few flat colours).", NETS)] = None,
    critic: Annotated[str | None, _option(CRITIC, NETS, show_default="mlp")] = None,
    units: Annotated[str | None, _option("Hidden layers of an mlp: 100,100.", NETS)] = None,
    channels: Annotated[int | None, _option("Width of convolutional nets.", NETS)] = None,
    latent: Annotated[int | None, _option("Coordinates of the latent.", NETS)] = None,
    augment: Annotated[
        list[str] | None, _option("Of real and generated images alike: flip, shift, colour; repeatable.", DATA)
    ] = None,
    stabiliser: Annotated[list[str] | None, _option(STABILISERS, STEPS)] = None,
    steps: Annotated[int | None, _option("Steps of the generator.", STEPS)] = None,
    batch: Annotated[int | None, _option("Points of each side a step.", STEPS)] = None,
    n_critic: Annotated[int | None, _option("Critic steps for one of the generator.", STEPS)] = None,
    critic_warmup: Annotated[int | None, _option("Critic steps before the first one.", STEPS)] = None,
    lr: Annotated[float | None, _option("Learning rate of both.", STEPS)] = None,
    schedule: Annotated[str | None, _option("constant, linear, cosine.", STEPS)] = None,
    ema: Annotated[float | None, _option("Weight of the past in the averaged generator.", STEPS)] = None,
    accumulate: Annotated[
        int | None, _option("Pieces in which a batch goes through the nets, for want of memory.", STEPS)
    ] = None,
    autocast: Annotated[
        bool | None, _option("The critic's values in bfloat16, its penalty in float32.", STEPS, flag="--autocast")
    ] = None,
    dtype: Annotated[str | None, _option("float32 or float64.", STEPS)] = None,
    device: Annotated[str | None, _option("cpu, cuda, ...", STEPS)] = None,
    seed: Annotated[int | None, _option("The same seed gives the same run.", STEPS, show_default="0")] = None,
    out: Annotated[Path | None, _option("Folder of the run.", FILES, show_default=OUT)] = None,
    resume: Annotated[Path | None, _option("Go on with the run in this folder.", FILES, metavar="FOLDER")] = None,
    start: Annotated[Path | None, _option(FROM, FILES, flag="--from", metavar="FOLDER")] = None,
    checkpoint_every: Annotated[int, _option("Steps from one checkpoint to the next.", FILES)] = 500,
    sample_every: Annotated[int, _option("Steps from one sheet of samples to the next.", FILES)] = 500,
    evaluate_every: Annotated[
        int | None, _option("Steps from one look by points that training never saw to the next.", JUDGE)
    ] = None,
    stop: Annotated[
        bool, _option("End the run where those say that it brings nothing any more (--evaluate-every).", JUDGE)
    ] = False,
    card: Annotated[
        Path | None, _option(CARD, JUDGE, metavar="CARD")
    ] = None,
    log_every: Annotated[int, _option("Steps from one line of the log to the next.", FILES)] = 10,
    tensorboard: Annotated[bool, _option("Write TensorBoard events too.", FILES)] = False,
    dry_run: Annotated[bool, _option("Say what would be trained and how long; write nothing.", FILES)] = False,
) -> None:  # fmt: skip
    """Train a generator; its curve is in the data's units. Ctrl-C saves, and --resume goes on to the bit."""
    with guarded(), together("critic", device) as (ranks, device):
        _check_folders(out, resume, start, data, loss, published)
        with progress("importing"):
            from wdist.cli.gan.asked import (
                augmentations,
                begun_config,
                beside,
                changed,
                evaluation,
                kept,
                numbers,
            )
            from wdist.gan import run as runs
            from wdist.gan.folder import RunFolder
            from wdist.gan.origin import located
            from wdist.gan.recipes import rebuilt
            from wdist.gan.sets import Data
            from wdist.gan.trainer import Trainer
        nets = {
            "generator": generator, "critic": critic, "units": numbers("--units", units), "channels": channels,
            "latent": latent,
        }  # fmt: skip
        changes = {
            "steps": steps, "batch": batch, "n_critic": n_critic, "critic_warmup": critic_warmup, "lr": lr,
            "conditional": conditional, "schedule": schedule, "ema": ema, "dtype": dtype, "device": device,
            "accumulate": accumulate, "autocast": autocast, "workers": workers,
            "evaluate": evaluation(evaluate_every, stop, card), "augment": augmentations(augment),
        }  # fmt: skip
        read = {
            "classes": tuple(classes.split(",")) if classes else None, "labels": labels, "size": size, "on_bad": on_bad,
            "held_out": held_out, "mode": mode, "on_disk": on_disk,
        }  # fmt: skip
        pace = runs.Pace(log_every, sample_every, checkpoint_every)
        with progress("reading the data"):
            if resume is not None:
                folder = RunFolder(resume)
                config = changed(
                    rebuilt(folder.read_config()["config"]), nets, changes, stabiliser or (), read
                )
                if dry_run:
                    state, _ = folder.checkpoints().latest()
                    describe(runs.resumable(folder, config, seed=seed), 0 if state is None else state["step"])
                    return
                run = runs.resume(folder, config, pace, ranks=ranks, seed=seed)
            else:
                if start is not None:
                    written = runs.run_of(start).read_config()
                    seed = written["seed"] if seed is None else seed
                    config = changed(rebuilt(written["config"]), nets, changes, stabiliser or (), read)
                    config = dataclasses.replace(config, data=located(config.data, written))
                else:
                    source = Data(str(data), **kept(read))
                    config = begun_config(
                        loss or "wgan-gp", source, published, nets, changes, stabiliser or ()
                    )
                say(beside(config, nets) if ranks.first else "")
                if dry_run:
                    describe(Trainer(config, seed or 0))
                    return
                name = Path("runs") / Path(str(data)).expanduser().resolve().stem
                folder = RunFolder(out or (name if start is None else runs.free(runs.run_of(start).path)))
                run = runs.begin(folder, config, seed or 0, pace, ranks=ranks, start=start)
        show(run, tensorboard and ranks.first)


def _check_folders(
    out: Path | None, resume: Path | None, start: Path | None, data: str | None, loss: str | None, published: bool
) -> None:  # fmt: skip
    if resume is None and start is None and data is None:
        raise InputError(
            "pass --data (mnist, ring, a folder, ...) to begin a run, or --resume FOLDER to go on with one"
        )
    if resume is not None and start is not None:
        raise InputError("--resume goes on with a run, --from begins another from its nets; drop one of them")
    given: dict[str, Any] = {"--data": data, "--loss": loss, "--published": published or None}
    takes = "--from takes data, loss and rules"
    if resume is not None:
        takes, given["--out"] = "--resume takes data, loss, rules and folder", out
    drop = [name for name, value in given.items() if value is not None]
    if drop and (resume is not None or start is not None):
        raise InputError(f"{takes} from the run; drop {' and '.join(drop)}")
