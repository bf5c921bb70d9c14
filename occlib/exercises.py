"""Exercises in notebooks: taking out their solutions, and trying what their check cells say.

An exercise is a code cell in which a solution stands between nbgrader's markers, ### BEGIN SOLUTION and
### END SOLUTION. It stands below a heading "### Exercise 2: ...", and the code cell after it checks it.
"""

import ast
import copy
import os
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from occlib.errors import NotebookError

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"  # anywhere in a line, as in nbgrader: no slip shows a solution


@dataclass(frozen=True)
class Exercise:
    """Where an exercise stands in its notebook."""

    title: str  # "Exercise 2"
    solution: int  # index of the cell with the solution in notebook.cells
    check: int  # index of the cell that checks it


@dataclass(frozen=True)
class Attempt:
    """An exercise's check, run on one answer to it."""

    exercise: Exercise
    answer: str  # "stub", "solution", or the name of a wrong answer
    error: str | None  # what answer or check ended with, as "NotYet: it is transposed", or None

    @property
    def fault(self) -> str | None:
        """What is wrong with this outcome: a solution has to pass, all else to fail, and helpfully."""
        if self.answer == "solution":
            return self.error and f"its solution fails with {self.error}"
        if self.error is None:
            return f"its check passes with the {self.answer}"
        if self.error.split(":")[0] not in ("NotYet", "NotImplementedError"):
            return f"the {self.answer} ends with {self.error}, which does not say what is missing"
        return None


def exercises(notebook) -> list[Exercise]:
    """The exercises of a notebook, in order. Raises NotebookError for one without heading or check cell."""
    found, title = [], None
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            title = (re.findall(r"^### (Exercise \d+)", cell.source, re.MULTILINE) or [title])[-1]
        elif cell.cell_type == "code" and BEGIN in cell.source:
            check = next((i for i in range(index + 1, len(notebook.cells))
                          if notebook.cells[i].cell_type == "code"), None)
            if title is None or check is None:
                raise NotebookError(
                    f"cell {index + 1}: a solution needs a heading '### Exercise 1: ...' above it and a code "
                    "cell below it that checks it"
                )
            found.append(Exercise(title, index, check))
    return found


def without_solution(source: str, task: str = "your code here") -> str:
    """A cell in which each solution, with its markers, became a line that raises NotImplementedError(task).

    This is what nbgrader's ClearSolutions does: the stub stands as far to the right as the marker did, and
    what is above and below stays. Raises NotebookError where markers do not come in pairs.
    """
    lines, inside = [], False
    for line in source.splitlines():
        if BEGIN in line or END in line:
            if inside == (BEGIN in line):
                raise NotebookError(f"{line.strip()!r} has no partner: markers come in pairs, not nested")
            inside = not inside
            if inside:
                indent = line[: len(line) - len(line.lstrip())]
                lines += [f"{indent}# YOUR CODE HERE", f'{indent}raise NotImplementedError("{task}")']
        elif not inside:
            lines.append(line)
    if inside:
        raise NotebookError(f"'### {BEGIN}' has no partner: markers come in pairs, not nested")
    return "\n".join(lines)


def stub(notebook, exercise: Exercise) -> str:
    """The cell of an exercise as students get it."""
    return without_solution(notebook.cells[exercise.solution].source, f"{exercise.title}: your code here")


def attempts(path: Path, wrong: dict[str, dict[str, str]] | None = None) -> Iterator[Attempt]:
    """Try every exercise of a notebook, in one kernel: first its stub, then wrong answers, then its solution.

    Of the other cells only those run that exercises need (`needed`): the whole notebook is nbval's business.

    Args:
        path: The notebook, with its solutions.
        wrong: Title of an exercise -> name of a wrong answer -> its cell.

    Raises NotebookError when a cell that exercises need does not run.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(copy.deepcopy(notebook), timeout=600, kernel_name="python3",
                            resources={"metadata": {"path": str(path.parent)}})

    def error_of(index: int, source: str | None = None) -> str | None:
        cell = copy.deepcopy(notebook.cells[index])
        cell.source = cell.source if source is None else source
        try:
            client.execute_cell(cell, index)
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}"

    found = {exercise.solution: exercise for exercise in exercises(notebook)}
    with client.setup_kernel(env={**os.environ, "TQDM_DISABLE": "1"}):
        for index in needed(notebook, found.values()):
            if index in found:
                exercise = found[index]
                answers = {"stub": stub(notebook, exercise), **(wrong or {}).get(exercise.title, {}),
                           "solution": None}
                for name, source in answers.items():
                    yield Attempt(exercise, name, error_of(index, source) or error_of(exercise.check))
            elif error := error_of(index):
                raise NotebookError(f"{path.name}: cell {index + 1}, which exercises need: {error}")


def needed(notebook, found) -> list[int]:
    """Which code cells have to run to try exercises: in order, their own, and those whose names they use.

    From the last cell to the first, a cell is needed if it binds a name that a needed cell below it uses.
    (A cell that only changes an object that another one made is not noticed: its solution fails then.)
    """
    targets = {index for exercise in found for index in (exercise.solution, exercise.check)}
    wanted, chosen = set(), []
    for index, cell in reversed(list(enumerate(notebook.cells))):
        if cell.cell_type == "code":
            bound, used = names(cell.source)
            if index in targets or bound & wanted:
                wanted = (wanted - bound) | used
                chosen.append(index)
    checks = {exercise.check for exercise in found}
    return [index for index in reversed(chosen) if index not in checks]


def names(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell binds, and those of other cells that it uses, in functions too."""
    from IPython.core.inputtransformer2 import TransformerManager

    bound, used = set(), set()
    for statement in ast.parse(TransformerManager().transform_cell(source)).body:  # %magics became calls
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        binds = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
        uses, tables = {one.get_name() for one in table.get_symbols() if one.is_referenced()}, [table]
        while tables:
            inner = tables.pop().get_children()
            uses |= {one.get_name() for table in inner for one in table.get_symbols() if one.is_global()}
            tables += inner
        if hasattr(statement, "body"):  # a loop binds its variable before it uses it
            uses -= binds
        used |= uses - bound
        bound |= binds
    return bound, used
