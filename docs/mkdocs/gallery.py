"""The gallery: a page for every script in examples/, made of the script itself.

What a script owes the gallery: it is `examples/NAME.py`; its module docstring has the title in the first line (60
letters at most, a full stop at the end), then what was found, in numbers and in Markdown, whose links are right from
`examples/`; its figure is committed as `docs/gallery/NAME.png`. The page shows title, figure, finding, and the code
below the docstring. The index lists the scripts by name; `tests/test_docs_whole.py` holds every script to this.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

EXAMPLES = Path(__file__).parents[2] / "examples"
MARK = "<!-- a card for every script -->"


@dataclass(frozen=True)
class Example:
    """A script, read."""

    name: str
    title: str
    finding: str
    code: str

    @classmethod
    def read(cls, path: Path) -> Example:
        """Take a script apart into its docstring and what follows."""
        text = path.read_text(encoding="utf-8")
        first = ast.parse(text).body[0]
        title, _, finding = inspect.cleandoc(ast.literal_eval(first.value)).partition("\n")  # type: ignore[attr-defined]
        code = "\n".join(text.splitlines()[first.end_lineno :])
        return cls(path.stem, title.removesuffix("."), finding.strip(), code.strip())

    def page(self) -> str:
        """Title, figure, finding, code."""
        return (
            f"# {self.title}\n\n![{self.title}](../docs/gallery/{self.name}.png)\n\n{self.finding}\n\n"
            f"## `examples/{self.name}.py`\n\n```python\n{self.code}\n```\n"
        )

    def card(self) -> str:
        """Thumbnail and title, for the index."""
        return f"[![]({self.name}.png) {self.title}]({self.name}.md)"


def examples() -> list[Example]:
    """All scripts, by name."""
    return [Example.read(path) for path in sorted(EXAMPLES.glob("*.py"))]


def on_config(config: Any) -> Any:
    """Append the pages to the section of the gallery."""
    section = next(entry["Gallery"] for entry in config.nav if "Gallery" in entry)
    section += [{example.title: f"gallery/{example.name}.md"} for example in examples()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    for example in examples():
        files.append(File.generated(config, f"gallery/{example.name}.md", content=example.page()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Put the cards onto the index."""
    return markdown.replace(MARK, "\n\n".join(example.card() for example in examples()))
