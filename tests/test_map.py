"""docs/map.md names functions, tests and headings that exist, and every equation of the paper; docs/syllabus.md
has the notebooks' own times."""

import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (DOCS / "map.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
][1:]
NEXT = "*next*"


def test_every_equation_has_its_row():
    named = {row[0] for row in ROWS}
    assert {f"Eq. {number}" for number in range(1, 13)} <= named
    assert all(len(row) == 5 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}, {row[1]}")
def test_row(row):
    _, _, code, tests, sections = row
    if NEXT in row:
        assert [code, tests, sections] == [NEXT] * 3
        return
    names = re.findall(r"`([\w.]+)`", code)
    files = re.findall(r"\]\((\S+?)\)", tests)
    links = re.findall(r"\]\((\S+?)#(\S+?)\)", sections)
    assert names and files and links
    for name in names:
        module, _, member = name.rpartition(".")
        assert getattr(import_module(module), member).__module__ == module, "not where it is defined"
    for file in files:
        assert (DOCS / file).is_file()
    for notebook, heading in links:
        assert heading in anchors(DOCS / notebook)


def test_the_syllabus_has_the_notebooks_times():
    text = (DOCS / "syllabus.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| (\d\d) [^|]*\| (\d+) \|", text, re.MULTILINE))
    for path in sorted((ROOT / "notebooks").glob("0[1-9]*.ipynb")):
        first = nbformat.read(path, as_version=4).cells[0].source
        assert said.pop(path.name[:2]) == re.search(r"\*\*Time\*\*.*?(\d+) minutes", first)[1], path.name
    assert said == {}


def anchors(path: Path) -> set[str]:
    """Of a notebook's headings, as MyST makes them: without formulas."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"\$.*?\$|[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
