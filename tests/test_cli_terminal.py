"""Sentences on a terminal and in a pipe: broken between words at the terminal's width, whole elsewhere."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from wdist.cli import app, terminal

WIDTH = 50
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def cli(line, **env):
    return CliRunner().invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": str(WIDTH), **env})


def shown(text):
    """What a terminal shows, without its escapes and the bars and spinners that are drawn anew."""
    lines = ESCAPES.sub("", text).splitlines()
    return [line.strip() for line in lines if line.strip() and not set("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏━") & set(line)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


COMMANDS = {
    "the run's first line": ("gan train --data ring --units 8 --batch 8 --steps 1 --out r", "a law of shape"),
    "the doctor": (
        "gan doctor --data ring --units 8 --batch 8",
        "signs of the losses: f goes up on real points",
    ),
}


@pytest.mark.parametrize(("line", "said"), COMMANDS.values(), ids=COMMANDS)
def test_sentences_are_broken_at_words_on_a_terminal_alone(line, said):
    piped = cli(line)
    assert piped.exit_code == 0, piped.output
    (whole,) = (text for text in shown(piped.output) if said in text)
    assert len(whole) > WIDTH
    seen = shown(cli(line.replace("--out r", "--out s"), FORCE_COLOR="1", NO_COLOR="1").output)
    assert max(map(len, seen)) <= WIDTH
    assert whole.removeprefix("r: ") in " ".join(seen)


def test_warnings_are_broken_too_and_paths_are_not(capsys, monkeypatch):
    path = "/" + "/".join(["long"] * 15)
    text = (
        f"warning: 3 of 61 images in {path} are grey; all are read as colour, which may not be what is meant"
    )
    terminal.say(text)
    assert capsys.readouterr().err == f"wdist: {text}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    terminal.say(text)
    lines = capsys.readouterr().err.splitlines()
    assert " ".join(lines) == f"wdist: {text}"
    assert [len(line) <= WIDTH for line in lines] == [path not in line for line in lines]
    assert len(lines) == 4
