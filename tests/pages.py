"""The pages of the docs as tests read them: which there are, and their fenced blocks."""

import re
from dataclasses import dataclass
from pathlib import Path

import wdist

ROOT = Path(wdist.__file__).parents[1]
PAGES = ("README.md", *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")))
SHOWN = (*PAGES, "CHANGELOG.md", "benchmarks/README.md", "wdist/data/README.md")

FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: (.+) -->\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str
    excuse: str | None


def blocks(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        indent, tongue, body = found.groups()
        if tongue == language:
            before = text[: found.start()]
            excuse = NOT_RUN.search(before)
            body = "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
            yield Block(page, before.count("\n") + 2, tongue, body, excuse and excuse[1])
