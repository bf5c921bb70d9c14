"""The course's tools: checks that explain, and notebooks run for publication."""

from dataclasses import replace

import nbformat
import nbformat.v4 as v4
import numpy as np
import pytest
import torch
from nbclient.exceptions import CellExecutionError

from occlib.course import NotYet, check, check_worn, copy, execute, verify
from occlib.data.occluders import shapes
from occlib.data.occluders.placing import Globe
from occlib.errors import NotebookError, OutputError
from occlib.exercises import attempts, exercises, names, needed, without_solution

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
        (None, "does your function end with `return`"),
        (EXPECTED[:, None], r"the shape is \(3, 1, 3\), expected \(3, 3\): axes of length 1 differ"),
        (EXPECTED * [1, np.nan, 1], "3 of 9 values are NaN"),
        (1 - EXPECTED, "1 minus"),
        (EXPECTED**2, "this is the square: take the root"),
        (EXPECTED**0.5, "this is the root"),
        (EXPECTED[[1, 0, 2]], "the right values in a wrong order"),
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


def test_a_transposed_answer_of_another_shape():
    with pytest.raises(NotYet, match=r"the shape is \(3, 2\), expected \(2, 3\): it is transposed"):
        check("A", EXPECTED[:2].T, EXPECTED[:2])


def test_a_matrix_that_should_be_symmetric():
    gram = EXPECTED @ EXPECTED.T
    crooked = np.stack([gram, gram + [[0, 1, 0], [0, 0, 0], [0, 0, 0]]])
    with pytest.raises(NotYet, match="the matrix is not symmetric"):
        check("G", crooked, np.stack([gram, gram]))


def test_one_number_is_not_explained_by_a_factor():
    with pytest.raises(NotYet, match="it is 3, expected 2$"):
        check("k", 3, 2)


def test_known_mistakes_are_named_and_come_first():
    mistakes = {"divide by 255": 255 * EXPECTED, "cut columns": np.zeros((0, 3)), "all is 0": 0 * EXPECTED}
    check("R", EXPECTED, EXPECTED, mistakes={"right all the same": EXPECTED})
    for hint, wrong in mistakes.items():
        with pytest.raises(NotYet, match=f"R: {hint}"):
            check("R", wrong, EXPECTED, mistakes=mistakes)


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
print(double(2))"""
CHECK = "from occlib.course import check\ncheck('two', double(1), 2, mistakes={'this is a third of it': 3})"


def course(path, *sources, heading="### Exercise 1: doubling (5 minutes)"):
    """A notebook at `path` with an exercise's heading and code cells."""
    cells = [v4.new_markdown_cell(heading, attachments={"cover.jpg": {"image/jpeg": "/9j/"}}),
             *map(v4.new_code_cell, sources)]
    nbformat.write(v4.new_notebook(cells=cells), path)


def test_a_copy_has_gaps_instead_of_solutions_and_no_outputs(tmp_path):
    path = tmp_path / "a.ipynb"
    course(path, SOLVED, CHECK, "print(half(4))")
    execute((path,))
    copy((path,), tmp_path / "students")
    original, copied = (nbformat.read(one, as_version=4) for one in (path, tmp_path / "students" / "a.ipynb"))
    assert copied.cells[0] == original.cells[0] and copied.cells[0].attachments
    assert [cell.source for cell in copied.cells[2:]] == [cell.source for cell in original.cells[2:]]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in copied.cells[1:])
    # What nbgrader's ClearSolutions leaves: the stub where the marker stood, and all that is around it.
    assert copied.cells[1].source == """def double(x):
    \"\"\"Twice x.\"\"\"
    # YOUR CODE HERE
    raise NotImplementedError("Exercise 1: your code here")


def half(x):
    for _ in range(1):
        # YOUR CODE HERE
        raise NotImplementedError("Exercise 1: your code here")
print(double(2))"""


def test_a_cell_without_solution_stays_as_it_is():
    assert without_solution("x = 1\n\ny = 2") == "x = 1\n\ny = 2"


@pytest.mark.parametrize("markers", ["B", "E", "BB", "BBEE", "BEE"])
def test_markers_without_a_partner(markers):
    lines = {"B": "### BEGIN SOLUTION", "E": "### END SOLUTION"}
    with pytest.raises(NotebookError, match="no partner"):
        without_solution("\n".join(lines[one] for one in markers))


def test_a_copy_never_replaces_a_notebook(tmp_path):
    path = tmp_path / "a.ipynb"
    course(path, SOLVED, CHECK)
    before = path.read_bytes()
    copy((path,), tmp_path / "students")
    for taken in (tmp_path, tmp_path / "students"):  # the course, and where a student may have worked
        with pytest.raises(OutputError, match="another folder"):
            copy((path,), taken)
    assert path.read_bytes() == before


def test_names_that_a_cell_binds_and_uses():
    source = """%matplotlib inline
import numpy as np
from a.b import c as d
first, rest[2] = old, [x for x in things]
for name, value in pairs:
    print(name, value + offset)
def f(x):
    local = x + first
    return lambda y: local + y + later
class A(Base):
    z = f(1)
"""
    bound, used = names(source)
    assert bound == {"np", "d", "first", "name", "value", "f", "A"}
    assert used - {"get_ipython", "print"} == {"old", "rest", "things", "pairs", "offset", "later", "Base"}


def test_only_what_exercises_need_is_run():
    sources = ["a = 1", "slow = a", "b = a + 1\nfor i in range(3): pass", "i = slow", "a = 5",
               "### BEGIN SOLUTION\nc = b\n### END SOLUTION", "check(c, 2)", "d = c"]
    cells = [v4.new_markdown_cell("### Exercise 1: x (1 minute)"), *map(v4.new_code_cell, sources)]
    notebook = v4.new_notebook(cells=cells)
    assert needed(notebook, exercises(notebook)) == [1, 3, 6]


def test_stub_wrong_answer_and_solution_are_tried_in_this_order(tmp_path):
    course(tmp_path / "a.ipynb", "1 / 0", SOLVED.replace("print(double(2))", ""), CHECK)
    wrong = {"Exercise 1": {"thrice": SOLVED.replace("2 * x", "3 * x")}}
    found = [(one.answer, one.error, one.fault) for one in attempts(tmp_path / "a.ipynb", wrong)]
    assert found == [("stub", "NotImplementedError: Exercise 1: your code here", None),
                     ("thrice", "NotYet: two: this is a third of it", None), ("solution", None, None)]


@pytest.mark.parametrize(
    "cells, complaint",
    [
        ((SOLVED, "double(1)"), None),
        ((SOLVED, "print('fine')"), "its check passes with the stub"),
        ((SOLVED, CHECK.replace("double(1), 2", "double(1), 3")), "its solution fails with NotYet: two"),
        (("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "x"), None),
        (("x = 2\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "assert x == 1"), None),
        (("def f():\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION", "forgotten = f\ng()"),
         "ends with NameError"),
        (("x = 1 / 0", "### BEGIN SOLUTION\ny = x\n### END SOLUTION", "y"),
         "cell 2, which exercises need: Zero"),
        ((SOLVED,), "a code cell below it that checks it"),
    ],
)
def test_what_verify_finds(tmp_path, cells, complaint):
    course(tmp_path / "a.ipynb", *[cell.replace("print(double(2))", "") for cell in cells])
    if complaint is None:
        verify((tmp_path / "a.ipynb",))
    else:
        with pytest.raises(NotebookError, match=complaint):
            verify((tmp_path / "a.ipynb",))


def test_a_solution_needs_a_heading(tmp_path):
    course(tmp_path / "a.ipynb", SOLVED, CHECK, heading="## Section")
    with pytest.raises(NotebookError, match="needs a heading"):
        copy((tmp_path / "a.ipynb",), tmp_path / "students")
