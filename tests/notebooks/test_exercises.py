"""Stubs fail, solutions pass, and check cells name the mistakes that students make; one kernel a notebook."""

import nbformat
import pytest

from occlib.course import copy
from occlib.exercises import attempts, exercises
from tests.notebooks.mistakes import MISTAKES
from tests.notebooks.test_notebooks import PATHS


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_exercises(path):
    notebook, known = nbformat.read(path, as_version=4), MISTAKES.get(path.stem, {})
    wrong = {}
    for exercise in exercises(notebook):
        solved, table = notebook.cells[exercise.solution].source, known[exercise.title]
        for part, _, _ in table.values():
            assert part in solved, f"{exercise.title} has no {part!r} any more"
        wrong[exercise.title] = {name: solved.replace(part, slip) for name, (part, slip, _) in table.items()}
    assert set(known) == set(wrong)

    for attempt in attempts(path, wrong):
        where = f"{attempt.exercise.title}, {attempt.answer}: {attempt.error}"
        assert attempt.fault is None, where
        if attempt.answer not in ("stub", "solution"):
            message = known[attempt.exercise.title][attempt.answer][2]
            assert message in attempt.error, where


def test_students_copies_hold_no_solution(tmp_path):
    copy(tuple(PATHS), tmp_path)
    for path in PATHS:
        notebook, copied = (nbformat.read(one, as_version=4) for one in (path, tmp_path / path.name))
        for exercise in exercises(notebook):
            solved = notebook.cells[exercise.solution].source
            body = solved.split("### BEGIN SOLUTION\n")[1].split("### END SOLUTION")[0]
            for line in body.strip().splitlines():
                assert line.strip() not in copied.cells[exercise.solution].source, f"{path.name}: {line}"
        assert "BEGIN SOLUTION" not in (tmp_path / path.name).read_text(encoding="utf-8")
        assert not any(cell.get("outputs") for cell in copied.cells)
        assert copied.cells[0].attachments == notebook.cells[0].attachments  # the picture at the top stays
        assert [cell.source for cell in copied.cells if cell.cell_type == "markdown"] == [
            cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
