"""The course's own tools: checks of exercises that say what is wrong, and running notebooks for publication.

python -m occlib.course execute notebooks/07_fitting.ipynb
"""

import os
import re
from pathlib import Path

import numpy as np
import tyro

from occlib.errors import OutputError
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


def check(what: str, found, expected, *, tolerance: float = 1e-4) -> Passed:
    """Compare an answer with what is expected and, where they differ, say how.

    `found` and `expected` are numbers, arrays or tensors; two numbers agree when they differ by at most
    `tolerance`, or by that share of the largest expected value if this is more. Raises NotYet with one line
    of explanation.
    """
    try:
        found = np.asarray(found.detach().cpu() if hasattr(found, "detach") else found, dtype=np.float64)
    except (TypeError, ValueError):
        raise NotYet(f"{what}: expected numbers, found {type(found).__name__}") from None
    expected = np.asarray(
        expected.detach().cpu() if hasattr(expected, "detach") else expected, dtype=np.float64
    )
    if found.shape != expected.shape:
        raise NotYet(f"{what}: the shape is {found.shape}, expected {expected.shape}")
    if not np.isfinite(found).all():
        raise NotYet(f"{what}: {np.isnan(found).sum()} values are NaN and {np.isinf(found).sum()} infinite")
    tolerance = tolerance * max(1.0, np.abs(expected).max(initial=0.0))

    def agrees(other) -> bool:
        return other.shape == expected.shape and bool(np.abs(other - expected).max(initial=0.0) <= tolerance)

    if agrees(found):
        return Passed(what)
    if found.ndim == 2 and agrees(found.T):
        raise NotYet(f"{what}: it is transposed")
    if agrees(-found):
        raise NotYet(f"{what}: the sign is the wrong way round")
    for axis in range(found.ndim):
        if agrees(np.flip(found, axis)):
            raise NotYet(f"{what}: the order along axis {axis} is reversed")
    factor = (found * expected).sum() / max((found * found).sum(), 1e-300)
    if agrees(factor * found):
        raise NotYet(f"{what}: every value has to be multiplied by {factor:.4g}")
    shift = (expected - found).mean()
    if agrees(found + shift):
        raise NotYet(f"{what}: every value is too {'small' if shift > 0 else 'large'} by {abs(shift):.4g}")
    wrong = np.abs(found - expected) > tolerance
    worst = np.unravel_index(np.abs(found - expected).argmax(), found.shape)
    place = f" at {tuple(map(int, worst))}" if worst else ""
    raise NotYet(
        f"{what}: {wrong.mean():.0%} of the values are off, the worst{place} is {found[worst]:.5g}, "
        f"expected {expected[worst]:.5g}"
    )


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

    Args:
        notebooks: The course's notebooks, in which solutions stand between nbgrader's markers.
        out: Folder for the copies; it must not be the notebooks' own.
    """
    import nbformat

    out.mkdir(parents=True, exist_ok=True)
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source, cell.outputs, cell.execution_count = without_solution(cell.source), [], None
        if (out / path.name).resolve() == path.resolve():
            raise OutputError(f"{out} is where the notebooks are: choose another folder for the copies")
        with whole_file(out / path.name) as part:
            nbformat.write(notebook, part)


def without_solution(source: str) -> str:
    """A cell where all from ### BEGIN SOLUTION to ### END SOLUTION became one line that asks for it."""
    solution = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION(?:\n|\Z)", re.MULTILINE | re.DOTALL)
    return solution.sub(lambda match: match[1] + 'raise NotImplementedError("your code here")\n', source)


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"execute": execute, "copy": copy}, prog="python -m occlib.course")
