"""Pages that live outside docs/: README.md is the front page, CHANGELOG.md the changelog. One text, two places.

Links are written for the repository, as GitHub resolves them. Here those that leave docs/ are pointed at the page made
of the file that they name; the others are right as they are.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "CITATION.cff",
    "benchmarks/README.md": "measuring.md",
    "wdist/data/README.md": "data.md",
}
"""File in the repository -> its place on the site."""
SOURCES = {page: path for path, page in PAGES.items()}

FENCE_OR_LINK = re.compile(r"^ *```.*?^ *```|\]\((?![a-z]+:|#)([^)\s#]+)", re.DOTALL | re.MULTILINE)


def on_config(config: Any) -> Any:
    """Offer a choice of versions where `mike` builds one; elsewhere the page would ask in vain for their list."""
    if "MIKE_DOCS_VERSION" in os.environ:
        config.extra["version"] = {"provider": "mike"}
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the files from outside."""
    for path, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Point links at pages; hide the column of neighbours where there are none; let searches find the guide first."""
    if page.parent is None:
        page.meta["hide"] = ["navigation"]
    elif page.parent.title == "Project":
        page.meta["search"] = {"boost": 0.1}
    uri = page.file.src_uri
    home, here = posixpath.dirname(source(uri)), posixpath.dirname(uri) or "."

    def pointed(found: re.Match[str]) -> str:
        if found[1] is None:  # code
            return found[0]
        return f"]({posixpath.relpath(place(posixpath.normpath(posixpath.join(home, found[1]))), here)}"

    return FENCE_OR_LINK.sub(pointed, markdown)


def source(page: str) -> str:
    """File of the repository that a page is made of."""
    script = f"examples/{Path(page).stem}.py"
    if page.startswith("gallery/") and (ROOT / script).exists():
        return script
    return SOURCES.get(page, f"docs/{page}")


def place(path: str) -> str:
    """Where a file of the repository is on the site."""
    if path.startswith("examples/") and path.endswith(".py"):
        return f"gallery/{Path(path).stem}.md"
    return PAGES.get(path, path.removeprefix("docs/"))
