"""How well the fit recovers a face: `occlib evaluate fitting`.

Heads with known truth, from the image alone. Four ways to deal with an occluder over 30 % of the face stand
beside the unoccluded photo: the known mask, robust weights, and no defence at all.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from tqdm import tqdm
from trimesh.registration import procrustes

from occlib.errors import NoFaceError
from occlib.evaluation.heads import Head, draw_heads
from occlib.morphable import MorphableModel
from occlib.pipeline import reconstruct
from occlib.reconstruction import FACE_REGIONS, FitSettings

CONDITIONS = ("mean face", "landmarks only", "unoccluded", "known mask", "robust weights", "no defence")


@dataclass
class FittingReport:
    """errors: condition -> (count,) mean face-region vertex error in mm after similarity; NaN = no face found."""

    errors: dict[str, np.ndarray]

    def ratio(self, condition: str, reference: str) -> float:
        """Mean error of one condition over that of another, on the heads that both have."""
        a, b = self.errors[condition], self.errors[reference]
        both = ~np.isnan(a) & ~np.isnan(b)
        return float(a[both].mean() / b[both].mean())

    def __str__(self) -> str:
        lines = [f"{'':16}{'mm':>7}{'of mean face':>14}{'of unoccluded':>15}{'not found':>11}"]
        for name, errors in self.errors.items():
            lines.append(
                f"{name:16}{np.nanmean(errors):7.2f}{self.ratio(name, 'mean face'):14.1%}"
                f"{self.ratio(name, 'unoccluded'):15.2f}{int(np.isnan(errors).sum()):11d}"
            )
        return "\n".join(lines)


def face_error(fitted: np.ndarray, truth: np.ndarray, face: np.ndarray) -> float:
    """Mean distance in mm of fitted and true vertices (V, 3) in the (V,) bool face region, after similarity."""
    _, moved, _ = procrustes(fitted[face], truth[face], reflection=False)
    return float(np.linalg.norm(moved - truth[face], axis=1).mean())


def face_region(model: MorphableModel) -> np.ndarray:
    """(V,) bool: the vertices of the five parts of §3.1."""
    compared = torch.tensor([model.region_names.index(name) for name in FACE_REGIONS])
    return torch.isin(model.regions.cpu(), compared).numpy()


def evaluate_fitting(
    count: int = 100, *, seed: int = 0, model: MorphableModel | None = None, settings: FitSettings = FitSettings()
) -> FittingReport:
    """Fit `count` drawn heads under every condition; shows a progress bar."""
    model = model or MorphableModel.load("open")
    face, mean = face_region(model), model.shape(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))
    rows = []
    for head in tqdm(draw_heads(model, count, seed=seed), total=count, desc="heads"):
        rows.append({"mean face": face_error(mean[0].numpy(), head.vertices, face)})
        for name, vertices in _reconstructions(head, settings).items():
            rows[-1][name] = np.nan if vertices is None else face_error(vertices, head.vertices, face)
    return FittingReport({name: np.array([row[name] for row in rows]) for name in CONDITIONS})


def _reconstructions(head: Head, settings: FitSettings) -> dict[str, np.ndarray | None]:
    plain = replace(settings, robust=False)
    jobs = {
        "landmarks only": (head.photo, None, replace(settings, levels=())),
        "unoccluded": (head.photo, None, settings),
        "known mask": (head.occluded, head.mask, settings),
        "robust weights": (head.occluded, None, settings),
        "no defence": (head.occluded, None, plain),
    }
    vertices = {}
    for name, (photo, mask, chosen) in jobs.items():
        try:
            vertices[name] = reconstruct(photo, mask, settings=chosen).vertices
        except NoFaceError:
            vertices[name] = None
    return vertices
