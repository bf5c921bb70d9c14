"""Every `occlib` command that the README, the docs and the cards name: the command line takes it."""

import functools
import re
import shlex
import shutil
from pathlib import Path

import pytest

from occlib import cli
from occlib.training import PRESETS

ROOT = Path(__file__).parent.parent
CODE = re.compile(r"^ {4}(occlib [a-z](?:\\\n|.)*)$", re.MULTILINE)
INLINE = re.compile(r"`(occlib (?:evaluate|bench) [^`|]+)`")
OPTION = re.compile(r"`(--(?:stage|training|data)\.[^`]+)`")


def texts() -> list[str]:
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("assets/**/*.md")]
    return [file.read_text(encoding="utf-8") for file in files]


def commands() -> list[str]:
    return sorted({one for text in texts() for pattern in (CODE, INLINE) for one in pattern.findall(text)})


def words(command: str) -> list[str]:
    """As a shell would split it."""
    command = re.sub(r"\$\(\(.*?\)\)|\$\w+", "1", command.replace("\\\n", " "))
    return shlex.split(command, comments=True)[1:]


def options() -> list[str]:
    """Options of training that stand alone in the text."""
    return sorted({one for text in texts() for one in OPTION.findall(text)})


@pytest.fixture
def parsed(monkeypatch, planned_runs, tmp_path):
    """The names of the commands, but `train`, that would have run: a list that fills."""
    made = []
    for name in ("reconstruct", "world", "fits", "evaluate", "bench", "doctor"):
        command = getattr(cli, name)

        @functools.wraps(command)
        def instead(*arguments, _name=name, **options):
            made.append(_name)
            return 0

        monkeypatch.setattr(cli, name, instead)
    for weights in (ROOT / "assets" / "checkpoints").glob("*.safetensors"):
        shutil.copy(weights, tmp_path)
    monkeypatch.chdir(tmp_path)
    return made


def test_there_are_commands():
    assert len(commands()) > 15
    assert {"reconstruct", "world", "fits", "train", "evaluate"} <= {words(one)[0] for one in commands()}


@pytest.mark.parametrize("command", commands())
def test_the_command_line_takes_what_is_written(command, parsed, planned_runs):
    arguments = words(command)
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 0 and parsed + ["train"] * len(planned_runs) == [arguments[0]]


@pytest.mark.parametrize("option", options())
def test_some_stage_takes_the_option(option, planned_runs, tmp_path):
    codes = []
    for stage in PRESETS:
        with pytest.raises(SystemExit) as stopped:
            cli.main(["train", stage, "--out", str(tmp_path), *shlex.split(option)])
        codes.append(stopped.value.code)
    assert 0 in codes
