"""Each rule can fail: a good notebook passes all of them, and one fault breaks the rule it is about."""

import nbformat.v4 as v4
import pytest

from tests.notebooks import rules

PICTURE = {"image/png": "iVBORw0KGgo="}


@pytest.fixture
def good():
    cells = [v4.new_markdown_cell("# Title\n![a face behind a hand](face.jpg)")]
    for number in (1, 2, 3):
        printed = v4.new_output("stream", name="stdout", text=f"{number}\n")
        cells.append(
            v4.new_code_cell(
                f"# NBVAL_CHECK_OUTPUT\nprint({number})", execution_count=number, outputs=[printed]
            )
        )
    return v4.new_notebook(cells=cells)


def display(**parts):
    return v4.new_output("display_data", **parts)


def test_a_good_notebook_has_no_faults(good, tmp_path):
    for rule in (
        rules.run_in_order,
        rules.no_errors,
        rules.alt_texts,
        rules.no_widget_state,
        rules.enough_checks,
    ):
        assert rule(good) == []
    (tmp_path / "good.ipynb").write_text("{}")
    assert rules.small(tmp_path / "good.ipynb") == []
    assert rules.defined_once({"one": good, "two": good}) == []


def test_never_run(good):
    good.cells[2].execution_count = None
    assert rules.run_in_order(good) == ["code cell 2 was never run"]


@pytest.mark.parametrize("counts", [(1, 3, 2), (2, 3, 4), (1, 2, 4)])
def test_out_of_order(good, counts):
    for cell, count in zip(good.cells[1:], counts, strict=True):
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
