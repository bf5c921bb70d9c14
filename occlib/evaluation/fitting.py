"""How well the fit recovers a face: `occlib evaluate fitting`.

Heads with known truth, from the image alone. Four ways to deal with an occluder over 30 % of the face stand
beside the unoccluded photo, and so do strange heads, which no coefficients describe.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy.spatial import cKDTree
from tqdm import tqdm
from trimesh.registration import procrustes

from occlib.errors import NoFaceError
from occlib.evaluation.heads import draw_head
from occlib.evaluation.processes import processes
from occlib.morphable import MorphableModel, open_model
from occlib.pipeline import reconstruct
from occlib.reconstruction import FitSettings, face_vertices
from occlib.rendering import vertex_normals


@dataclass
class FittingReport:
    """Errors in mm, each condition -> (count,); NaN = no face found.

    vertex: mean face-region vertex error after similarity, on heads of the model. surface: median
    point-to-surface distance after similarity and ICP, on strange heads.
    """

    vertex: dict[str, np.ndarray]
    surface: dict[str, np.ndarray]

    def ratio(self, condition: str, reference: str) -> float:
        """Mean vertex error of one condition over that of another, on the heads that both have."""
        return _ratio(self.vertex[condition], self.vertex[reference])

    def __str__(self) -> str:
        lines = [f"{'vertex error, heads of the model':38}{'mm':>6}{'of mean face':>14}{'of unoccluded':>15}{'not found':>11}"]
        for name, errors in self.vertex.items():
            lines.append(
                f"  {name:36}{np.nanmean(errors):6.2f}{self.ratio(name, 'mean face'):14.1%}"
                f"{self.ratio(name, 'unoccluded'):14.2f}x{int(np.isnan(errors).sum()):11d}"
            )
        lines.append(f"{'distance to surface, strange heads':38}{'mm':>6}{'of mean face':>14}")
        for name, errors in self.surface.items():
            lines.append(f"  {name:36}{np.nanmean(errors):6.2f}{_ratio(errors, self.surface['mean face']):14.1%}")
        return "\n".join(lines)


def _ratio(errors: np.ndarray, reference: np.ndarray) -> float:
    both = ~np.isnan(errors) & ~np.isnan(reference)
    return float(errors[both].mean() / reference[both].mean())


def vertex_error(fitted: np.ndarray, truth: np.ndarray, face: np.ndarray) -> float:
    """Mean distance in mm of fitted and true vertices (V, 3) in the (V,) bool face region, after similarity."""
    _, moved, _ = procrustes(fitted[face], truth[face], reflection=False)
    return float(np.linalg.norm(moved - truth[face], axis=1).mean())


def surface_error(
    fitted: np.ndarray, truth: np.ndarray, faces: torch.Tensor, face: np.ndarray, *, iterations: int = 15
) -> float:
    """Median distance in mm of fitted face vertices from the true surface, after similarity and ICP
    (Besl & McKay 1992).

    fitted, truth: (V, 3) mm. faces: (F, 3). face: (V,) bool, the face region.

    The surface near its vertices is taken as their tangent planes: vertices are 2 to 3 mm apart. ICP leaves out the
    tenth of the vertices that is farthest off.
    """
    normals = vertex_normals(torch.from_numpy(truth)[None], faces)[0].numpy()[face]
    surface = truth[face]
    tree = cKDTree(surface)
    _, moved, _ = procrustes(fitted[face], surface, reflection=False)

    def offsets() -> tuple[np.ndarray, np.ndarray]:
        distance, nearest = tree.query(moved)
        along = ((surface[nearest] - moved) * normals[nearest]).sum(1, keepdims=True)
        return along * normals[nearest], distance

    for _ in range(iterations):
        offset, distance = offsets()
        near = distance <= np.quantile(distance, 0.9)
        matrix, _, _ = procrustes(moved[near], (moved + offset)[near], reflection=False)
        moved = moved @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.median(np.linalg.norm(offsets()[0], axis=1)))


def face_region(model: MorphableModel) -> np.ndarray:
    """(V,) bool: the vertices of the five parts of §3.1."""
    return face_vertices(model).cpu().numpy()


def evaluate_fitting(
    count: int = 100, *, seed: int = 0, settings: FitSettings = FitSettings(), workers: int = 1
) -> FittingReport:
    """Fit `count` drawn heads under every condition and `count` strange heads; shows progress bars.

    workers: processes that share the heads, with one thread each, so that their number changes nothing in the
    result.
    """
    with processes(workers) as pool:

        def rows(errors_of: Callable[..., dict[str, float]], what: str) -> dict[str, np.ndarray]:
            found = []
            bar = tqdm(pool.map(partial(errors_of, seed=seed, settings=settings), range(count)), what, count)
            for row in bar:
                found.append(row)
                means = {name: np.nanmean(errors) for name, errors in _columns(found).items()}
                bar.set_postfix_str(", ".join(f"{name} {mean:.2f}" for name, mean in means.items()) + " mm")
            return _columns(found)

        return FittingReport(rows(vertex_errors, "heads of the model"), rows(surface_errors, "strange heads"))


def vertex_errors(index: int, *, seed: int, settings: FitSettings) -> dict[str, float]:
    """Vertex error in mm of one drawn head under each condition."""
    model = open_model("cpu")
    face = face_region(model)
    head = draw_head(model, index, seed=seed)
    jobs = {
        "landmarks only": (head.photo, None, replace(settings, gauss_newton=(), levels=())),
        "unoccluded": (head.photo, None, settings),
        "30 % covered, known mask": (head.occluded, head.mask, settings),
        "30 % covered, found mask": (head.occluded, None, settings),
        "30 % covered, no defence": (head.occluded, None, replace(settings, robust=False)),
    }
    row = {"mean face": vertex_error(_mean_face(model), head.vertices, face)}
    for name, (photo, mask, chosen) in jobs.items():
        found = _reconstructed(photo, mask, model, chosen)
        row[name] = np.nan if found is None else vertex_error(found, head.vertices, face)
    return row


def surface_errors(index: int, *, seed: int, settings: FitSettings) -> dict[str, float]:
    """Distance in mm of the mean face and of the fit to the surface of one strange head."""
    model = open_model("cpu")
    face = face_region(model)
    head = draw_head(model, index, seed=seed, strange=True)
    found = _reconstructed(head.photo, None, model, settings)
    return {
        "mean face": surface_error(_mean_face(model), head.vertices, model.faces, face),
        "unoccluded": np.nan if found is None else surface_error(found, head.vertices, model.faces, face),
    }


def _mean_face(model: MorphableModel) -> np.ndarray:
    return model.shape(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))[0].numpy()


def _reconstructed(photo, mask, model: MorphableModel, settings: FitSettings) -> np.ndarray | None:
    try:
        return reconstruct(photo, mask, model=model, settings=settings).vertices
    except NoFaceError:
        return None


def _columns(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
