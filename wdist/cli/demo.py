"""`wdist demo`: every kind of answer on real data, in under a minute, with a table and a figure.

Two temperature records show the line, fours against nines show many dimensions. `_questions` says what is
asked; the rest is a table, a progress bar and a picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from wdist.cli.terminal import guarded, output, progress
from wdist.cli.writing import check_folder

if TYPE_CHECKING:
    from wdist.result import Estimate, Floor

__all__ = ["demo"]

RECORDS = "hourly_temp_seattle_vs_sf_2010"


@dataclass
class _Row:
    """One line of the table, filled in when its question is answered."""

    label: str
    ask: Callable[[Callable[[int, int], None]], Any]
    answer: Any = None
    seconds: float = 0.0


@dataclass
class _Story:
    """A pair of samples and what is asked of it."""

    title: str
    unit: str
    a: Any
    b: Any
    rows: list[_Row] = field(default_factory=list)


def demo(
    figure: Annotated[Path, typer.Option(help="Where to write the figure.")] = Path("wdist-demo.png"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
) -> None:
    """Show every kind of answer on real data: exact, sliced, entropic, a critic's, with bounds and the floor."""
    with guarded():
        check_folder("--figure", figure)
        started = time.perf_counter()
        with progress("importing"):
            stories = _questions(seed)
        _answer([row for story in stories for row in story.rows])
        console = output()
        for story in stories:
            console.print(_table(story))
        console.print(_reading(stories), width=min(console.width, 110))
        with progress("drawing"):
            _draw(stories, figure)
        console.print(f"\nFigure: {figure}   ({time.perf_counter() - started:.0f} s in all)")


def _questions(seed: int) -> list[_Story]:
    import wdist

    pair = wdist.datasets.pair(RECORDS)
    digits = wdist.datasets.mnist()
    fours, nines = digits.of(4), digits.of(9)

    def ask(
        method: Any, a: Any = fours, b: Any = nines, p: float = 1
    ) -> Callable[[Callable[[int, int], None]], Any]:
        return lambda _: wdist.estimate(a, b, p=p, method=method, seed=seed)

    def critic(tick: Callable[[int, int], None]) -> Any:
        return wdist.estimate(fours, nines, method=wdist.Critic(steps=200, progress=tick), seed=seed)

    weather = _Story("Hourly temperatures of 2010: Seattle and San Francisco", "°F", pair.a, pair.b)
    weather.rows = [
        _Row("exact, on the line", ask("line", pair.a, pair.b)),
        _Row("exact, p = 2", ask("line", pair.a, pair.b, 2)),
        _Row("Gaussian, p = 2", ask("gaussian", pair.a, pair.b, 2)),
        _Row("sampling floor", lambda _: wdist.sampling_floor(pair.a, pair.b, seed=seed)),
    ]
    title = f"Handwritten digits: {len(fours)} fours and {len(nines)} nines, {fours.shape[1]} pixels"
    mnist = _Story(title, "Euclidean distance of pixels in [0, 1]", fours, nines)
    mnist.rows = [
        _Row("exact", ask("discrete")),
        _Row("entropic (Sinkhorn)", ask("sinkhorn")),
        _Row("sliced", ask("sliced")),
        _Row("max-sliced", ask("max-sliced")),
        _Row("critic (neural)", critic),
        _Row("sampling floor", lambda _: wdist.sampling_floor(fours, nines, seed=seed)),
    ]
    return [weather, mnist]


def _answer(rows: list[_Row]) -> None:
    """Answer every question under a progress bar on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(rows))
        for k, row in enumerate(rows):
            bar.update(task, description=f"{row.label:<22}", completed=k)
            start = time.perf_counter()
            row.answer = row.ask(lambda step, steps, k=k: bar.update(task, completed=k + step / steps))  # type: ignore[misc]
            row.seconds = time.perf_counter() - start


def _table(story: _Story) -> Table:
    table = Table(title=f"\n{story.title}", title_style="bold", title_justify="left", caption_justify="left")
    table.caption = f"unit: {story.unit}"
    table.add_column("how")
    table.add_column("distance", justify="right")
    table.add_column("what it is")
    table.add_column("certified of the samples")
    table.add_column("time", justify="right")
    for row in story.rows:
        table.add_row(row.label, *_cells(row.answer), f"{row.seconds:.2f} s")
    return table


def _cells(answer: Any) -> tuple[Text, str, str]:
    """The number, what it is, and what is certified of it."""
    from wdist.result import Bound, Floor

    if isinstance(answer, Floor):
        return Text(f"{answer.value:.4g}", style="dim"), "what noise alone would show", ""
    number = Text(f"{answer.value:.4g}", style="bold green" if answer.bound is Bound.EXACT else "bold yellow")
    if answer.bound is Bound.EXACT:
        return number, f"{answer.quantity} {answer.target.words}", f"{answer.quantity} = {answer.value:.4g}"
    lower, upper = _sample_bracket(answer)
    name = f"W{answer.p:g}"
    bracket = f"{name} ≥ {lower:.4g}" if upper is None else f"{lower:.4g} ≤ {name} ≤ {upper:.4g}"
    what = f"{answer.quantity} {answer.target.words}"
    if answer.interval is not None:
        interval = f"{answer.interval.low:.3g} to {answer.interval.high:.3g}"
        what += f", {interval} ({100 * answer.interval.confidence:g} %, {answer.interval.source})"
    return number, what, bracket


def _sample_bracket(answer: Estimate) -> tuple[float | None, float | None]:
    """Certified bounds between the samples; a critic, whose value is of the laws, keeps them in its detail."""
    if hasattr(answer.detail, "sample_lower"):
        return answer.detail.sample_lower, answer.detail.sample_upper
    return answer.lower, answer.upper


def _reading(stories: list[_Story]) -> str:
    """What the figures say, in words made of the figures."""
    weather, mnist = ({row.label: row.answer for row in story.rows} for story in stories)
    mnist_dim = stories[1].a.shape[1]
    line, line_floor = weather["exact, on the line"], weather["sampling floor"]
    exact, critic, floor = mnist["exact"], mnist["critic (neural)"], mnist["sampling floor"]
    return (
        f"The temperatures are {line.value:.3g} °F apart; two records of one climate, hours taken for "
        f"independent, would be {line_floor.value:.2g}. The digits' samples are {exact.value:.3g} apart, but "
        f"in {mnist_dim} dimensions two samples of one law would already be {floor.value:.3g}. The critic, "
        f"read on digits that it never saw, puts the laws at least {critic.value:.3g} apart, but for its interval; "
        "without solving the transport problem it also brackets the exact figure between the samples."
    )


def _draw(stories: list[_Story], path: Path) -> None:
    """Left the line, right the digits' answers, below the pairs that the optimal plan joins."""
    import numpy as np

    from wdist.plots import draw_estimates, draw_line, draw_matches, new_figure, save

    weather, mnist = stories
    answers = {row.label: row.answer for row in mnist.rows}
    figure = new_figure(12, 7.2)
    top, bottom = figure.subfigures(2, 1, height_ratios=[3.1, 1], squeeze=False)[:, 0]
    left, right = top.subplots(1, 2, width_ratios=[1, 1.25])
    draw_line(left, weather.a, weather.b, ("Seattle", "San Francisco"), "hourly temperature of 2010, °F")
    left.set_title(
        f"Temperatures {weather.rows[0].answer.value:.2g} °F apart: $W_1$ is the area between", fontsize=11
    )
    floor: Floor = answers.pop("sampling floor")
    draw_estimates(right, list(_for_figure(answers)), floor.value, f"fours against nines, {mnist.unit}")
    title = (
        f"Samples {answers['exact'].value:.3g} apart, where two samples of one law would be {floor.value:.2g}"
    )
    right.set_title(title, fontsize=11)
    plan = answers["exact"].detail.plan
    cost = np.linalg.norm(mnist.a[plan.rows] - mnist.b[plan.cols], axis=1)
    order = np.argsort(cost)
    picks = order[np.linspace(0, len(order) - 1, 10).astype(int)]
    draw_matches(bottom.subplots(1, 10), mnist.a, mnist.b, plan, picks, (28, 28))
    bottom.suptitle(
        "Fours and the nines that the optimal plan sends them to, nearest to farthest", fontsize=11
    )
    save(figure, path)


def _for_figure(answers: dict[str, Estimate]) -> Any:
    """Split the critic's two answers, the laws' and the samples', into a row each."""
    from dataclasses import replace

    from wdist.result import Bound, Target

    for label, est in answers.items():
        if label != "critic (neural)":
            yield label, est
            continue
        lower, upper = _sample_bracket(est)
        if lower is not None and upper is not None:
            yield (
                "critic's bracket",
                replace(
                    est,
                    value=lower,
                    lower=lower,
                    upper=upper,
                    interval=None,
                    bound=Bound.LOWER,
                    target=Target.SAMPLE,
                ),
            )
        yield "critic, between the laws", replace(est, lower=None)
