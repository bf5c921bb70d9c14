"""Each rule can fail: a good notebook passes all of them, and one fault breaks the rule it is about."""

import nbformat.v4 as v4
import pytest

from tests.notebooks import rules

PICTURE = {"image/png": "iVBORw0KGgo="}


@pytest.fixture
def good():
    opening = """# Title
![a face behind a hand](face.jpg)

**You will learn** something.

**Time** on a laptop with two cores: 15 minutes to read and solve, a minute to run.
**You need** nothing."""
    cells = [v4.new_markdown_cell(opening)]
    for number in (1, 2, 3):
        printed = v4.new_output("stream", name="stdout", text=f"{number}\n")
        cells.append(
            v4.new_code_cell(
                f"# NBVAL_CHECK_OUTPUT\nprint({number})", execution_count=number, outputs=[printed]
            )
        )
    for number in (4, 6):
        question = f"**Predict** (2 minutes). What is it?\n\n### Exercise {number}: a number (5 minutes)"
        solution = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
        answer = "<details><summary>Answer</summary>\n\nIt is even.\n\n</details>"
        codes = solution, "check('x', x, 1)"
        codes = [v4.new_code_cell(one, execution_count=number + i) for i, one in enumerate(codes)]
        cells += [v4.new_markdown_cell(question), *codes, v4.new_markdown_cell(answer)]
    return v4.new_notebook(cells=cells)


def display(**parts):
    return v4.new_output("display_data", **parts)


def test_a_good_notebook_has_no_faults(good, tmp_path):
    for rule in rules.EVERY:
        assert rule(good) == [], rule.__name__
    (tmp_path / "good.ipynb").write_text("{}")
    assert rules.small(tmp_path / "good.ipynb") == []
    assert rules.defined_once({"one": good, "two": good}) == []


def test_never_run(good):
    good.cells[2].execution_count = None
    assert rules.run_in_order(good) == ["code cell 2 was never run"]


@pytest.mark.parametrize("counts", [(1, 3, 2), (2, 3, 4), (1, 2, 4)])
def test_out_of_order(good, counts):
    for cell, count in zip(good.cells[1:4], counts, strict=True):
        cell.execution_count = count
    assert "out of order" in rules.run_in_order(good)[0]


def test_failing_cell(good):
    good.cells[3].outputs.append(v4.new_output("error", ename="ValueError", evalue="no", traceback=[]))
    assert rules.no_errors(good) == ["code cell 3 ended with ValueError"]


@pytest.mark.parametrize(
    "text",
    [
        "![](face.jpg)",
        "![face](face.jpg)",
        "![][face]",
        "<img src='face.jpg'>",
        "<img src='face.jpg' alt=''/>",
        "see ![a face behind a hand](a.jpg) and ![](b.jpg)",
    ],
)
def test_missing_alt_text_in_markdown(good, text):
    good.cells[0].source = text
    assert len(rules.alt_texts(good)) == 1


def test_alt_text_in_outputs(good):
    described = {"image/png": {"alt": "the mean face from the front"}}
    good.cells[1].outputs = [
        display(data=PICTURE, metadata=described),
        display(data={"text/html": "<p><img src='' alt='the mean face, turned'></p>"}),
    ]
    assert rules.alt_texts(good) == []
    for bad in (
        display(data=PICTURE),
        display(data=PICTURE, metadata={"image/png": {"alt": "figure"}}),
        display(data={"text/html": "<figure><img src='data:'></figure>"}),
    ):
        good.cells[1].outputs = [bad]
        assert len(rules.alt_texts(good)) == 1


def test_stored_widget_state(good):
    good.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    assert len(rules.no_widget_state(good)) == 1


def test_too_few_checked_outputs(good):
    good.cells[1].outputs = []
    assert "no output" in rules.enough_checks(good)[0]
    good.cells.pop(1)
    assert "2 cells" in rules.enough_checks(good)[0]


def test_too_large(tmp_path):
    (tmp_path / "a.ipynb").write_bytes(bytes(rules.MAX_BYTES + 1))
    assert len(rules.small(tmp_path / "a.ipynb")) == 1


def test_defined_twice(good):
    one = v4.new_notebook(cells=[v4.new_code_cell("%matplotlib inline\n!ls\ndef rotate(x):\n    return x")])
    two = v4.new_notebook(cells=[v4.new_code_cell("def rotate(x):\n    return -x")])
    assert rules.defined_once({"one": one, "good": good}) == []
    assert rules.defined_once({"one": one, "two": two}) == ["rotate is defined in one and two"]


@pytest.mark.parametrize("part", ["You will learn", "Time", "You need", "# Title"])
def test_opening(good, part):
    good.cells[0].source = good.cells[0].source.replace(part, "")
    assert len(rules.opening(good)) == 1


@pytest.mark.parametrize(
    "index, old, new, complaint",
    [
        (6, "check('x', x, 1)", "x", "Exercise 4: the cell after the solution checks nothing"),
        (4, " (5 minutes)", "", "no time estimate: Exercise 4: a number"),
        (5, "SOLUTION", "ANSWER", "1 exercises below 2 headings"),
    ],
)
def test_exercises(good, index, old, new, complaint):
    good.cells[index].source = good.cells[index].source.replace(old, new)
    assert complaint in rules.exercises_with_checks(good)[-1]


@pytest.mark.parametrize(
    "index, old, new, complaint",
    [
        (4, "**Predict** (2 minutes).", "**Predict.**", "cell 5: '**Predict** (2 minutes). ' is the way"),
        (4, "**Predict** (2 minutes).", "", "cell 8 answers nothing"),
        (7, "Answer", "Hint", "cell 5 asks what nobody answers"),
        (11, "Answer", "Hint", "cell 9 asks what nobody answers"),
        (8, "What", "\n<details><summary>Answer</summary> What", "no code stands between"),
    ],
)
def test_predictions(good, index, old, new, complaint):
    good.cells[index].source = good.cells[index].source.replace(old, new)
    assert any(complaint in one for one in rules.predictions(good))


def test_too_few_predictions(good):
    del good.cells[8:]
    assert rules.predictions(good) == ["1 questions to predict, at least 2 needed"]


@pytest.mark.parametrize("minutes", ["5", "40"])
def test_implausible_time(good, minutes):
    good.cells[0].source = good.cells[0].source.replace("15 minutes", f"{minutes} minutes")
    assert f"{minutes} minutes are promised" in rules.plausible_time(good)[0]


def test_long_cells(good):
    for cell in good.cells[1:3]:
        cell.source = "\n".join(["x = 1"] * 31)
    assert "31 and 31 lines" in rules.short_cells(good)[0]
    for cell in rules.code_cells(good):
        cell.source = "\n".join(["x = 1"] * 13)
    assert "median" in rules.short_cells(good)[0]
