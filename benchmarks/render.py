"""From the JSON under benchmarks/results/ to docs/benchmarks.md: `python -m benchmarks.render`.

`page` is a pure function of a folder of tables, so that a test can hold the committed page against the committed
figures; how a table is laid out is up to `layout.py`.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from pathlib import Path

import typer

from benchmarks import (
    cards,
    clipping,
    compiled,
    coverage,
    critic,
    crossovers,
    digits,
    games,
    gan,
    gan_curves,
    gpu,
    halvings,
    kappa,
    penalties,
    population,
    reading,
    recipes,
    scaling,
    steps,
    stops,
    toys,
    within,
)
from benchmarks.layout import engine_rules, lines, pivot, slopes
from benchmarks.promises import promises
from benchmarks.store import PACKAGES, QUICK, RESULTS, ROOT, write_whole
from benchmarks.tables import GROUPS
from benchmarks.verdict import Record

__all__ = ["PAGE", "page"]

PAGE = ROOT / "docs" / "benchmarks.md"

INTRODUCTION = """# Benchmarks

This page is made from `benchmarks/results/` by `python -m benchmarks.render`; no figure here was typed.

- Both sides of a row run in one process and take turns, after a run in small that imports and compiles. **CPU** is the
  processor time of all threads, **wall** the time that passed; medians. *Timings* says how many a side had: seeds ×
  repeats, fewer repeats where one run takes minutes. The seeds (101, 102, 103) are not those that wdist was tuned on.
- **Error** is the worst relative distance from a certified answer, which trusts no side: on the line and along
  directions the quantile functions in extended precision, in space the plan and the potentials that `wdist` hands out,
  checked once more over all pairs.
- **Memory** is what one run in a process of its own adds to what was resident before.
- **Times ours** is the peer's CPU time over that of the first line: the median over seeds and, in brackets, the worst.
  There is none where a side did not converge or is further off than the row's tolerance. `>` marks a peer that was
  stopped when its time was up.
- A side includes what its user has to do: cost matrices, copies, input checks. POT runs without an iteration limit,
  since at its default it returns wrong costs.

To measure again: `pip install -c constraints.txt -e '.[bench]'`, then `python -m benchmarks.run exact`, `scaling` and
`crossovers` (hours; `--only GROUP`, `--resume`), `python -m benchmarks.coverage`, `population`, then
`python -m benchmarks.render`.
"""


def page(results: Path) -> str:
    """The whole page as Markdown, from the tables in a folder."""
    sections = [
        (name, inspect.getdoc(group), pivot if name == "families" else lines)
        for name, group in GROUPS.items()
    ]
    sections += [("scaling", scaling.__doc__, slopes), ("crossovers", crossovers.__doc__, engine_rules)]
    sections += [("coverage", coverage.__doc__, promises), ("population", population.__doc__, promises)]
    sections += [("critic", critic.__doc__, critic.table), ("steps", steps.__doc__, steps.table)]
    sections += [("digits", digits.__doc__, digits.table), ("kappa", kappa.__doc__, kappa.table)]
    sections += [("clipping", clipping.__doc__, clipping.table), ("within", within.__doc__, within.table)]
    sections += [("penalties", penalties.__doc__, penalties.table), ("games", games.__doc__, games.table)]
    sections += [("recipes", recipes.__doc__, recipes.table), ("gan", gan.__doc__, gan.table)]
    sections += [("compiled", compiled.__doc__, compiled.table), ("reading", reading.__doc__, reading.table)]
    sections += [("toys", toys.__doc__, toys.table), ("halvings", halvings.__doc__, halvings.table)]
    sections += [("stops", stops.__doc__, stops.table), ("gpu", gpu.__doc__, gpu.table)]
    parts = [INTRODUCTION]
    for name, about, layout in sections:
        parts.append(
            f"## {name.upper() if name in ('gan', 'gpu') else name.capitalize()}\n\n{about.splitlines()[0]}\n"
        )
        path = results / f"{name}.json"
        if path.exists():
            table = json.loads(path.read_text())
            parts += [layout(table["rows"]), _environment(table)]
        else:
            parts.append("Not measured yet.\n")
    parts.append(f"## Curves\n\n{gan_curves.__doc__.splitlines()[0]}\n\n{gan_curves.ranks(results)}")
    parts.append(f"## Cards\n\n{cards.__doc__.splitlines()[0]}\n\n{cards.table()}")
    return "\n".join(parts)


def _environment(table: Record) -> str:
    facts = table["environment"]
    threads = ", ".join(f"{name} {count}" for name, count in facts["threads"].items())
    versions = ", ".join(f"{name} {facts[name]}" for name in ("python", *PACKAGES))
    load = max(row["load"] for row in table["rows"])
    others = Counter(row["code"] for row in table["rows"] if "code" in row)
    code = "".join(f"; {count} of the rows by code {other}" for other, count in others.items())
    return (
        f"\n{facts['date']}, commit {facts['commit']}, wdist {facts['wdist']} (code {facts['code']}{code}); "
        f"{facts['machine']}; threads: {threads}; {versions}. Load before a row: at most {load:g}.\n"
    )


def main(quick: bool = False) -> None:
    """Write the page from the tables; with --quick from those of trial runs, beside them."""
    results, path = (QUICK, QUICK / "benchmarks.md") if quick else (RESULTS, PAGE)
    write_whole(path, page(results))
    typer.echo(f"wrote {path}")


if __name__ == "__main__":
    typer.run(main)
