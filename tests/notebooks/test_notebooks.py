"""The course's notebooks as they are committed. That they run is nbval's business: `make test`."""

from pathlib import Path

import nbformat
import pytest

from tests.notebooks import rules

PATHS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
NOTEBOOKS = {path.name: nbformat.read(path, as_version=4) for path in PATHS}


@pytest.mark.parametrize("rule", rules.EVERY, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_rule(name, rule):
    if name.startswith("00") and rule in rules.LESSONS:
        pytest.skip("the tour asks for nothing")
    assert rule(NOTEBOOKS[name]) == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_size_and_format(path):
    assert rules.small(path) == []
    nbformat.validate(NOTEBOOKS[path.name])


def test_no_function_is_defined_in_two_notebooks():
    assert rules.defined_once(NOTEBOOKS) == []


def test_the_course_is_there():
    assert {name[:2] for name in NOTEBOOKS} >= {"00", "01", "02", "03", "04", "05", "06", "07"}
