"""The course's tools: checks that explain, and notebooks run for publication."""

from dataclasses import replace

import nbformat
import nbformat.v4 as v4
import numpy as np
import pytest
import torch
from nbclient.exceptions import CellExecutionError

from occlib.course import NotYet, check, check_worn, copy, execute, without_solution
from occlib.data.occluders import shapes
from occlib.data.occluders.placing import Globe
from occlib.errors import OutputError

EXPECTED = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0], [0.5, 6.0, 9.0]])


def test_right_answers_pass():
    assert repr(check("R", torch.tensor(EXPECTED, requires_grad=True), EXPECTED)) == "\N{CHECK MARK} R"
    check("R", EXPECTED + 5e-5, torch.tensor(EXPECTED))
    check("k", 2, 2.00001)


@pytest.mark.parametrize(
    "found, explanation",
    [
        ("three", "expected numbers, found str"),
        (EXPECTED[0], r"the shape is \(3,\), expected \(3, 3\)"),
        (EXPECTED * [1, np.nan, 1], "3 values are NaN"),
        (EXPECTED.T, "transposed"),
        (-EXPECTED, "sign"),
        (EXPECTED[::-1], "axis 0 is reversed"),
        (EXPECTED / 2, "multiplied by 2"),
        (EXPECTED + 1.5, "too large by 1.5"),
        (
            EXPECTED + np.eye(3)[1] * [[0], [0], [9]],
            r"11% of the values are off, the worst at \(2, 1\) is 15, expected 6",
        ),
    ],
)
def test_wrong_answers_are_explained(found, explanation):
    with pytest.raises(NotYet, match=explanation) as error:
        check("R", found, EXPECTED)
    assert error.value._render_traceback_() == [f"\N{BALLOT X} {error.value}"]


@pytest.fixture(scope="module")
def globe():
    """Of a ball, 100 mm in radius."""
    ball = shapes.ball(100.0, 33, 64)
    whole = np.ones(len(ball.vertices), bool)
    return Globe(ball.vertices.astype(np.float32), ball.faces, whole, [0.0, 0.0, 0.0])


def patch(globe, offset=1.0, *, columns=1, **material):
    longitude, latitude = np.linspace(-20, 20, 9)[::columns], np.linspace(15, -15, 7)[:, None]
    points = globe.over(longitude, latitude, offset, taut=False)
    return shapes.occluder(shapes.sheet(points), color=(0, 0, 0), **material)


def test_a_patch_on_the_head_passes(globe):
    assert repr(check_worn("patch", patch(globe), globe)) == "\N{CHECK MARK} patch"


def test_what_is_wrong_with_a_patch_is_said(globe):
    broken = patch(globe)
    broken.vertices[3] = np.nan
    for surface, explanation in (
        (broken, "1 vertices are not finite"),
        (replace(patch(globe), occluder=False), "occluder=False"),
        (patch(globe, -6.0), "100% of its vertices are inside the head, up to 6 mm deep"),
        (patch(globe, 40.0), "floats, up to 40 mm"),
        (patch(globe, columns=-1), "faces the head"),
    ):
        with pytest.raises(NotYet, match=explanation):
            check_worn("patch", surface, globe)


def test_execute_stores_outputs_but_nothing_that_changes(tmp_path):
    path = tmp_path / "a.ipynb"
    code = "import os, ipywidgets\nprint(os.environ['TQDM_DISABLE'], os.getcwd())\nipywidgets.IntSlider()"
    notebook = v4.new_notebook(cells=[v4.new_code_cell(code, metadata={"tags": ["x"], "scrolled": True})])
    nbformat.write(notebook, path)
    execute((path,))
    stored = nbformat.read(path, as_version=4)
    assert set(stored.metadata) == {"kernelspec", "language_info"}
    assert stored.cells[0].metadata == {"tags": ["x"]}
    assert stored.cells[0].execution_count == 1
    assert stored.cells[0].outputs[0].text == f"1 {tmp_path}\n"
    assert set(stored.cells[0].outputs[1].data) == {"text/plain"}
    first = path.read_bytes()
    execute((path,))
    assert path.read_bytes() == first


def test_a_notebook_that_raises_is_left_as_it_was(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError):
        execute((path,))
    assert path.read_bytes() == before


def test_the_picture_at_the_top_is_what_the_cover_cell_shows(tmp_path):
    path = tmp_path / "a.ipynb"
    code = "from IPython.display import Image\nImage(data=b'\\xff\\xd8\\xff', format='jpeg', alt='three grey dots')"
    cells = [v4.new_markdown_cell("![three grey dots](attachment:cover.jpg)"),
             v4.new_code_cell(code, metadata={"tags": ["cover"]})]
    nbformat.write(v4.new_notebook(cells=cells), path)
    execute((path,))
    stored = nbformat.read(path, as_version=4)
    shown = stored.cells[1].outputs[0].data["image/jpeg"]
    assert stored.cells[0].attachments["cover.jpg"]["image/jpeg"] == shown


SOLVED = """def double(x):
    \"\"\"Twice x.\"\"\"
    ### BEGIN SOLUTION
    twice = 2 * x
    return twice
    ### END SOLUTION


def half(x):
    for _ in range(1):
        ### BEGIN SOLUTION
        return x / 2
        ### END SOLUTION
"""


def test_a_copy_has_gaps_instead_of_solutions_and_no_outputs(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(SOLVED + "print(double(2))")]), path)
    execute((path,))
    copy((path,), tmp_path / "students")
    cell = nbformat.read(tmp_path / "students" / "a.ipynb", as_version=4).cells[0]
    assert cell.outputs == [] and cell.execution_count is None
    assert "SOLUTION" not in cell.source and "twice = " not in cell.source and "return x / 2" not in cell.source
    names = {}
    exec(cell.source.replace("print(double(2))", ""), names)
    for function in (names["double"], names["half"]):
        with pytest.raises(NotImplementedError, match="your code here"):
            function(1)


def test_a_cell_without_solution_stays_as_it_is():
    assert without_solution("x = 1\n\ny = 2") == "x = 1\n\ny = 2"


def test_a_copy_never_replaces_the_course(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(SOLVED)]), path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="another folder"):
        copy((path,), tmp_path)
    assert path.read_bytes() == before
