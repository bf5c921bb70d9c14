"""The course's own tools: checks of exercises that say what is wrong, and what lecturers do with notebooks.

python -m occlib.course execute notebooks/07_fitting.ipynb       run it, and store it with its outputs
python -m occlib.course copy notebooks/*.ipynb --out students    the students' copies, without solutions
python -m occlib.course verify notebooks/*.ipynb                 do stubs fail, do solutions pass?
"""

import os
import time
from pathlib import Path

import numpy as np
import tyro

from occlib.errors import NotebookError, OutputError
from occlib.exercises import attempts, exercises, stub
from occlib.files import whole_file


class NotYet(AssertionError):
    """An answer that is not right yet; a notebook shows its one line without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"\N{BALLOT X} {self}"]


class Passed:
    """What `check` returns, so that the last line of a cell shows it."""

    def __init__(self, what: str):
        self.what = what

    def __repr__(self) -> str:
        return f"\N{CHECK MARK} {self.what}"


def check(what: str, found, expected, *, tolerance: float = 1e-4, mistakes: dict | None = None) -> Passed:
    """Compare an answer with what is expected and, where they differ, say how.

    `found` and `expected` are numbers, arrays or tensors; two numbers agree when they differ by at most
    `tolerance`, or by that share of the largest expected value if this is more. `mistakes` holds known wrong
    answers: what to say -> what such a mistake finds. Raises NotYet with one line of explanation.
    """
    if found is None:
        raise NotYet(f"{what}: found None: does your function end with `return`?")
    try:
        found = _numbers(found)
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"{what}: expected numbers, found {type(found).__name__}") from None
    expected = _numbers(expected)
    tolerance = tolerance * max(1.0, np.abs(expected).max(initial=0.0))

    def agree(one, other) -> bool:
        return one.shape == other.shape and bool(np.abs(one - other).max(initial=0.0) <= tolerance)

    if agree(found, expected):
        return Passed(what)
    for hint, wrong in (mistakes or {}).items():
        if agree(found, _numbers(wrong)):
            raise NotYet(f"{what}: {hint}")
    if found.shape != expected.shape:
        why = (": it is transposed" if agree(found.T, expected)
               else ": axes of length 1 differ" if agree(found.squeeze(), expected.squeeze()) else "")
        raise NotYet(f"{what}: the shape is {found.shape}, expected {expected.shape}{why}")
    if not np.isfinite(found).all():
        count = (~np.isfinite(found)).sum()
        raise NotYet(f"{what}: {count} of {found.size} values are NaN or infinite")
    raise NotYet(f"{what}: {_difference(found, expected, lambda other: agree(other, expected), tolerance)}")


def _difference(found, expected, agrees, tolerance: float) -> str:
    """What is wrong with an answer of the right shape; `agrees` tells whether another one would be right."""
    square = found.ndim >= 2 and found.shape[-1] == found.shape[-2]
    if found.ndim == 2 and agrees(found.T):
        return "it is transposed"
    if square and _symmetric(expected, tolerance) and not _symmetric(found, tolerance):
        return "the matrix is not symmetric"
    if agrees(-found):
        return "the sign is the wrong way round"
    if agrees(1 - found):
        return "this is 1 minus the answer"
    if agrees(np.sqrt(np.abs(found))):
        return "this is the square: take the root"
    if agrees(found**2):
        return "this is the root of the answer"
    for axis in range(found.ndim):
        if agrees(np.flip(found, axis)):
            return f"the order along axis {axis} is reversed"
    worst = np.unravel_index(np.abs(found - expected).argmax(), found.shape)
    if found.size > 1:  # two numbers alone always differ by a factor and by a summand
        factor = (found * expected).sum() / max((found * found).sum(), 1e-300)
        if agrees(factor * found):
            return f"every value has to be multiplied by {factor:.4g}"
        shift = (expected - found).mean()
        if agrees(found + shift):
            return f"every value is too {'small' if shift > 0 else 'large'} by {abs(shift):.4g}"
        if agrees(np.sort(found, None)[np.argsort(np.argsort(expected, None))].reshape(found.shape)):
            return "these are the right values in a wrong order"
        share = (np.abs(found - expected) > tolerance).mean()
        place = f"{share:.0%} of the values are off, the worst at {tuple(map(int, worst))}"
    else:
        place = "it"
    return f"{place} is {found[worst]:.5g}, expected {expected[worst]:.5g}"


def _symmetric(matrices: np.ndarray, tolerance: float) -> bool:
    """Whether matrices (..., K, K) are symmetric."""
    return bool(np.abs(matrices - np.swapaxes(matrices, -1, -2)).max(initial=0.0) <= tolerance)


def _numbers(values) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)


def check_worn(what: str, surface, globe, *, reach: float = 15.0) -> Passed:
    """Check that a surface is an occluder that lies on a head, facing outwards, and say if not what is wrong.

    surface: `occlib.data.scene.Surface` in head space. globe: the head's `Globe`. reach: how far, in mm, it
    may stand off the head. Raises NotYet with one line of explanation.
    """
    points, faces = np.asarray(surface.vertices, np.float64), np.asarray(surface.faces)
    if not np.isfinite(points).all():
        raise NotYet(f"{what}: {(~np.isfinite(points)).any(1).sum()} vertices are not finite")
    if not surface.occluder:
        raise NotYet(f"{what}: the surface says occluder=False, so it would be part of the clean photo too")
    longitude, latitude = np.moveaxis(globe.angles(points), -1, 0)
    from_middle = points - globe.centre
    skin = globe.over(longitude, latitude, taut=False) - globe.centre
    height = np.linalg.norm(from_middle, axis=1) - np.linalg.norm(skin, axis=1)
    if height.min() < -0.5:
        share = (height < -0.5).mean()
        raise NotYet(
            f"{what}: {share:.0%} of its vertices are inside the head, up to {-height.min():.0f} mm deep"
        )
    if height.max() > reach:
        raise NotYet(f"{what}: it floats, up to {height.max():.0f} mm off the head")
    a, b, c = points[faces].transpose(1, 0, 2)
    outward = (np.cross(b - a, c - a) * (a + b + c - 3 * globe.centre)).sum(1)
    if (outward < 0).mean() > 0.5:
        raise NotYet(f"{what}: it faces the head: let rows run down, and columns to the viewer's right")
    return Passed(what)


def execute(notebooks: tyro.conf.Positional[tuple[Path, ...]]) -> None:
    """Run notebooks from top to bottom and store them in place with their outputs, ready to be committed.

    A notebook that raises is left as it was, and the error is raised on.

    Args:
        notebooks: Files to run, each in its own folder.
    """
    import nbformat
    from nbclient import NotebookClient

    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
        )
        client.execute(env={**os.environ, "TQDM_DISABLE": "1"})
        tidy(notebook)
        set_cover(notebook)
        with whole_file(path) as part:
            nbformat.write(notebook, part)


def tidy(notebook) -> None:
    """Keep of a notebook's metadata only what does not change from run to run, and no state of widgets.

    Widgets come alive again when their cell is run; their stored state can be megabytes.
    """
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("tags", "nbgrader") if key in cell.metadata}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def set_cover(notebook) -> None:
    """Attach what the cell tagged `cover` shows to the first cell, which shows it as `attachment:cover.jpg`.

    So the picture at the top of a notebook is always the one that the code below makes.
    """
    for cell in notebook.cells:
        if "cover" in cell.metadata.get("tags", []):
            (output,) = cell.outputs
            notebook.cells[0].attachments = {"cover.jpg": {"image/jpeg": output.data["image/jpeg"]}}


def copy(notebooks: tyro.conf.Positional[tuple[Path, ...]], out: Path) -> None:
    """Write the students' copies of notebooks: without outputs, and with a gap where each solution was.

    A gap raises NotImplementedError, with the exercise's name, as soon as a check cell or a later cell calls
    it. Outputs go, all of them: a printed number answers the question that stands before its cell, and a
    picture shows what a solution would give. The picture at the top, which is attached, stays.

    Args:
        notebooks: The course's notebooks, in which solutions stand between nbgrader's markers.
        out: Folder for the copies. None may be there already: it could hold a student's answers.
    """
    import nbformat

    taken = [path.name for path in notebooks if (out / path.name).exists()]
    if taken:
        raise OutputError(f"{out} holds {', '.join(taken)} already: choose another folder for the copies")
    out.mkdir(parents=True, exist_ok=True)
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        for exercise in exercises(notebook):
            notebook.cells[exercise.solution].source = stub(notebook, exercise)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        with whole_file(out / path.name) as part:
            nbformat.write(notebook, part)


def verify(notebooks: tyro.conf.Positional[tuple[Path, ...]]) -> None:
    """Check that no exercise passes without an answer, that its stub says so, and that its solution passes.

    Runs of each notebook only what its exercises need, seconds instead of minutes.

    Args:
        notebooks: The course's notebooks, in which solutions stand between nbgrader's markers.
    """
    wrong = []
    for path in notebooks:
        begin = time.perf_counter()
        tried = list(attempts(path))
        wrong += [f"{path.name}, {one.exercise.title}: {one.fault}" for one in tried if one.fault]
        count = len({one.exercise for one in tried})
        print(f"{path.name}: {count} exercises tried in {time.perf_counter() - begin:.0f} s")
    if wrong:
        raise NotebookError("\n".join(wrong))


if __name__ == "__main__":
    try:
        tyro.extras.subcommand_cli_from_dict(
            {"execute": execute, "copy": copy, "verify": verify}, prog="python -m occlib.course"
        )
    except (NotebookError, OutputError) as error:
        raise SystemExit(f"error: {error}") from None
