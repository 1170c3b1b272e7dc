"""The docs hang together: commands have the options shown, links lead somewhere, scripts and names have their pages."""

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer
from pages import FENCE, ROOT, SHOWN, blocks

import wdist
from wdist.cli import app

COMMAND = re.compile(r"`((?:torchrun|python|pip|wdist|\.venv/bin/\w+) [^`]+)`")


def commands():
    """Every command that a page shows: the lines of its blocks, and what stands between backticks elsewhere."""
    for page in SHOWN:
        shown = [line for block in blocks(page, "sh") for line in block.text.replace("\\\n", "").splitlines()]
        shown += COMMAND.findall(FENCE.sub("", (ROOT / page).read_text(encoding="utf-8")))
        for part in (part.strip() for line in shown for part in re.split(r"&&|;", line)):
            yield page, part


def wdist_options(words):
    """Options of the command that the words lead to; a word that leads nowhere is an argument."""
    command = typer.main.get_command(app)
    assert not words or words[0] in command.commands or words[0].startswith("-"), f"no command {words[0]}"
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}


def check_command(command):
    """Refuse an option that the program does not have, and an extra of `pip install` that wdist does not have."""
    words = shlex.split(command.partition("#")[0])
    if "pip" in Path(words[0]).name:
        extras = set(re.findall(r"\[(\w+)\]", command))
        assert extras <= set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    ours = [k for k, word in enumerate(words) if PROGRAM.fullmatch(word)]
    if ours:
        program, rest = words[ours[0]], words[ours[0] + 1 :]
        given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert given <= (wdist_options(rest) if program.endswith("wdist") else module_options(program))


PROGRAM = re.compile(r"(\.venv/bin/)?wdist|benchmarks\.\w+|examples/\w+\.py")


def module_options(program):
    """Options of a script or module, by argparse (a string) or typer (an annotated parameter)."""
    path = program if program.endswith(".py") else f"{program.replace('.', '/')}.py"
    text = (ROOT / path).read_text(encoding="utf-8")
    parameters = re.findall(r"\b(\w+): ", text)
    return {*re.findall(r"\"(--?[\w-]+)\"", text), *(f"--{name.replace('_', '-')}" for name in parameters)}


@pytest.mark.parametrize("command", sorted({command for _, command in commands()}))
def test_a_command_and_its_options_exist(command):
    check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        "wdist estimat a.csv b.csv",
        "wdist estimate a.csv b.csv --colum flow",
        "torchrun --nproc-per-node=2 -m wdist gan train --los wgan",
        "python -m benchmarks.run steps --devise cuda",
        "python examples/kappa_example_1.py --step 700",
        "pip install 'wdist[doc]'",
    ],
)
def test_an_option_that_does_not_exist_is_found(command):
    with pytest.raises(AssertionError):
        check_command(command)


def slug(heading):
    """Anchor that GitHub, and the site, give a heading."""
    text = re.sub(r"[*`]|\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\s-]", "", text).replace(" ", "-")


def links():
    for page in SHOWN:
        text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
        for target in re.findall(r"\]\((?![a-z]+:)([^)\s]+)\)", text):
            yield page, target


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_a_link_leads_somewhere_on_github(page, target):
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    assert file.exists(), f"{page} links to {target}"
    if anchor:
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", file.read_text(encoding="utf-8")), re.MULTILINE)
        assert anchor in map(slug, headings), f"{page} links to {target}"


class TestGallery:
    """The contract of docs/mkdocs/gallery.py."""

    @pytest.mark.parametrize("script", sorted(path.name for path in ROOT.glob("examples/*.py")))
    def test_a_script_has_title_finding_and_figure(self, script):
        title, _, finding = ast.get_docstring(ast.parse((ROOT / "examples" / script).read_text())).partition(
            "\n"
        )
        assert title.endswith(".")
        assert len(title) <= 60
        assert re.search(r"\d", finding), "a finding is in numbers"
        assert (ROOT / f"docs/gallery/{Path(script).stem}.png").exists()

    def test_every_figure_has_its_script(self):
        figures = {path.stem for path in ROOT.glob("docs/gallery/*.png")}
        assert figures == {path.stem for path in ROOT.glob("examples/*.py")}


def test_the_reference_has_every_public_name():
    shown = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("docs/api/*.md"))
    described = set(re.findall(r"::: wdist\.(\w+)", shown))
    modules = {name for name in wdist.__all__ if inspect.ismodule(getattr(wdist, name))}
    assert set(wdist.__all__) - described - modules == {"METHODS", "__version__"}
    for name in ("truth", "functional"):
        inside = set(re.findall(rf"::: wdist\.{name}\.(\w+)", shown))
        assert inside == set(getattr(wdist, name).__all__)
