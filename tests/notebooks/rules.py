"""What a committed notebook has to be, beyond running: each rule returns its complaints, one line each."""

import ast
import re
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from statistics import median

from occlib.exercises import exercises

MAX_BYTES = 2 * 2**20
MIN_CHECKED_CELLS = 3
MIN_ALT_WORDS = 3  # "figure 1" tells nobody what is to be seen
MIN_EXERCISES, MIN_PREDICTIONS = 2, 2
WORDS_A_MINUTE = 120  # of prose with formulas and pictures, in which code is read, too
TIME_TOLERANCE = 0.3
MEDIAN_LINES, MANY_LINES = 12, 30
ESTIMATE = r" \((\d+) minutes?\)"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def run_in_order(notebook) -> list[str]:
    """Every code cell was run once, from top to bottom: their numbers are 1, 2, 3, ..."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    complaints = [
        f"code cell {number} was never run" for number, count in enumerate(counts, 1) if count is None
    ]
    if not complaints and counts != list(range(1, len(counts) + 1)):
        complaints.append(f"cells were run out of order: {counts}")
    return complaints


def no_errors(notebook) -> list[str]:
    return [
        f"code cell {number} ended with {output.ename}"
        for number, cell in enumerate(code_cells(notebook), 1)
        for output in cell.outputs
        if output.output_type == "error"
    ]


def alt_texts(notebook) -> list[str]:
    """Every picture, in text or output, says in words what is to be seen.

    Counted are Markdown images, <img> in Markdown and HTML outputs, and outputs of type image/*, whose alt
    text is in the output's metadata, as IPython.display.Image(alt=...) puts it there.
    """
    complaints = []
    for number, cell in enumerate(notebook.cells, 1):
        alts = []
        if cell.cell_type == "markdown":
            alts += re.findall(r"!\[(.*?)\]", cell.source, re.DOTALL)
            alts += _html_alts(cell.source)
        for output in cell.get("outputs", []):
            data, metadata = output.get("data", {}), output.get("metadata", {})
            alts += _html_alts(data.get("text/html", ""))
            alts += [metadata.get(kind, {}).get("alt", "") for kind in data if kind.startswith("image/")]
        complaints += [
            f"cell {number} has a picture with the alt text {alt!r}"
            for alt in alts
            if len(alt.split()) < MIN_ALT_WORDS
        ]
    return complaints


def no_widget_state(notebook) -> list[str]:
    return (
        ["the state of widgets is stored: run `python -m occlib.course execute`"]
        if "widgets" in notebook.metadata
        else []
    )


def enough_checks(notebook) -> list[str]:
    """nbval compares the output of at least three cells, and each of those has one."""
    checked = [cell for cell in code_cells(notebook) if "# NBVAL_CHECK_OUTPUT" in cell.source]
    complaints = [
        f"a cell with NBVAL_CHECK_OUTPUT has no output: {cell.source[:40]!r}"
        for cell in checked
        if not cell.outputs
    ]
    if len(checked) < MIN_CHECKED_CELLS:
        complaints.append(
            f"{len(checked)} cells have # NBVAL_CHECK_OUTPUT, at least {MIN_CHECKED_CELLS} needed"
        )
    return complaints


def opening(notebook) -> list[str]:
    """The first cell says what there is to learn, how long it takes, and what it needs."""
    start = notebook.cells[0].source
    wanted = ("# ", "**You will learn**", "**Time** on a laptop with two cores: ", "**You need**")
    return [f"the first cell has no {part!r}" for part in wanted if part not in start]


def exercises_with_checks(notebook) -> list[str]:
    """At least two exercises, each with a time estimate and a check cell, and pairs of solution markers."""
    found = exercises(notebook)
    complaints = [
        f"{exercise.title}: the cell after the solution checks nothing"
        for exercise in found
        if not re.search(r"\bcheck\w*\(", notebook.cells[exercise.check].source)
    ]
    headings = re.findall(r"^### (Exercise.*)$", _prose(notebook), re.MULTILINE)
    complaints += [
        f"no time estimate: {heading}"
        for heading in headings
        if not re.fullmatch(rf".*: .*{ESTIMATE}", heading)
    ]
    if len(found) < MIN_EXERCISES or len({exercise.title for exercise in found}) < len(headings):
        complaints.append(f"{len(found)} exercises below {len(headings)} headings, {MIN_EXERCISES} needed")
    return complaints


def predictions(notebook) -> list[str]:
    """At least two questions to answer before running: time, then code that tells, then a folded answer."""
    complaints, count, open_question, code = [], 0, None, 0
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            code += 1
            continue
        for part in re.findall(r"\*\*Predict.*|<summary>Answer</summary>", cell.source):
            if part.startswith("<"):
                if open_question is None:
                    complaints.append(f"cell {number} answers nothing")
                elif code == 0:
                    complaints.append(f"cell {number}: no code stands between question and answer")
                open_question = None
                continue
            if open_question:
                complaints.append(f"cell {open_question} asks what nobody answers")
            if not re.match(rf"\*\*Predict\*\*{ESTIMATE}\. ", part):
                complaints.append(f"cell {number}: '**Predict** (2 minutes). ' is the way, not {part[:24]!r}")
            count, open_question, code = count + 1, number, 0
    if open_question:
        complaints.append(f"cell {open_question} asks what nobody answers")
    if count < MIN_PREDICTIONS:
        complaints.append(f"{count} questions to predict, at least {MIN_PREDICTIONS} needed")
    return complaints


def plausible_time(notebook) -> list[str]:
    """The time that the first cell promises is about that of reading, and of the exercises and questions."""
    prose = _prose(notebook)
    promised = int((re.findall(r"\*\*Time\*\*.*?(\d+) minutes", prose) or ["0"])[0])
    reading = len(prose.split("## Further reading")[0].split()) / WORDS_A_MINUTE
    needed = sum(map(int, re.findall(rf"{ESTIMATE}", prose))) + reading
    if abs(promised - needed) > TIME_TOLERANCE * needed:
        return [f"{promised} minutes are promised, about {needed:.0f} needed, {reading:.0f} of them to read"]
    return []


def short_cells(notebook) -> list[str]:
    """Half of the code cells have a dozen lines at most, and all but one fit on a screen."""
    lines = sorted(len(cell.source.strip().splitlines()) for cell in code_cells(notebook))
    complaints = []
    if median(lines) > MEDIAN_LINES:
        complaints.append(f"the median code cell has {median(lines):.0f} lines, at most {MEDIAN_LINES}")
    if lines[-2] > MANY_LINES:
        complaints.append(f"code cells of {lines[-2]} and {lines[-1]} lines, one may have over {MANY_LINES}")
    return complaints


def small(path: Path) -> list[str]:
    size = path.stat().st_size
    return (
        [f"{path.name} has {size / 2**20:.1f} MiB, at most {MAX_BYTES / 2**20:.0f}"]
        if size > MAX_BYTES
        else []
    )


def defined_once(notebooks: dict) -> list[str]:
    """No function or class is defined in two of `notebooks`, by name: what two need belongs in occlib."""
    homes = defaultdict(set)
    for name, notebook in notebooks.items():
        for cell in code_cells(notebook):
            for node in ast.parse(_without_magics(cell.source)).body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    homes[node.name].add(name)
    return [
        f"{function} is defined in {' and '.join(sorted(names))}"
        for function, names in homes.items()
        if len(names) > 1
    ]


# Those that take one notebook.
LESSONS = (exercises_with_checks, predictions, plausible_time)
"""Rules for notebooks that teach; the tour only shows."""
EVERY = (run_in_order, no_errors, alt_texts, no_widget_state, enough_checks, opening, short_cells, *LESSONS)


def _prose(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


class _Images(HTMLParser):
    def __init__(self):
        super().__init__()
        self.alts = []

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.alts.append(dict(attributes).get("alt") or "")


def _html_alts(html: str) -> list[str]:
    parser = _Images()
    parser.feed("".join(html))
    return parser.alts


def _without_magics(source: str) -> str:
    """Python that can be parsed: lines with %magics or !commands become `pass`, cell magics nothing."""
    if source.startswith("%%"):
        return ""
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)
