"""`wdist methods`: what there is to choose from, and when to choose which."""

from __future__ import annotations

from rich.table import Table

from wdist.cli.terminal import guarded, output

__all__ = ["methods"]


def methods() -> None:
    """List the methods: what each is for and what it costs."""
    with guarded():
        from wdist import METHODS

        table = Table(show_lines=True)
        table.add_column("method", style="bold", no_wrap=True)
        table.add_column("when to use it")
        table.add_column("what it costs")
        for name, method in METHODS.items():
            table.add_row(name, method.when, method.cost)
        output().print(table)
