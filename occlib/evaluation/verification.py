"""Whether completing a face keeps the person: `occlib evaluate verification`.

The ORL faces with a grey block, completed, and then compared with all other photos by G, which no loss of
contours or synthesis has seen. The share of true pairs that are accepted when one in a hundred false ones is
(TAR at 1 % FAR), with the block, with the face completed behind it, and by the mean of G over several guesses.

Any one guess of a hidden eye or mouth is wrong, and G takes it for evidence. Where guesses differ their mean says
little, and what they share is what is visible: nearly the expectation of G over what may be there. Half of the weight
is on guesses that know no face.

A block, or what fills it, also moves everybody's G the same way, and so away from photos that show all. Where it lies
is known, and two things help. *Centred*: from G is subtracted its mean over photos of other people treated in the same
way, as dlib's G has its mean over bare faces subtracted. *Treated alike*: the other photo gets the block at the same
place of its face, filled in the same way, so that what both show is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.stats import mannwhitneyu

from occlib.data.holes import greyed
from occlib.errors import DataError
from occlib.evaluation.photos import ORL_PEOPLE, orl_photo
from occlib.evaluation.processes import each
from occlib.faces import DlibFeatures, align_chip, face_transform, find_face, transform
from occlib.faces.alignment import CHIP_SIZE, chip_transform, crop
from occlib.faces.features import similarity
from occlib.guide import Errors, fitted_guide, model_guide, smooth_fill
from occlib.images import to_bytes
from occlib.synthesis import baselines, complete_aligned

SIZE = 256
SHOTS = 10
BLOCKS = {
    "mouth": (45, 92, 105, 120),
    "nose": (55, 55, 95, 95),
    "lower face": (20, 80, 130, 150),
    "eyes": (20, 30, 130, 70),
    "centre 75x75": (37, 37, 112, 112),
}
"""Name -> left, top, right, bottom in pixels of dlib's chip, 150 a side."""
FALSE_ACCEPTS = 0.01
COHORT_SHOTS = 4
"""How many photos of each person who isn't tested the means are of."""
FACES = 4
"""How many faces are drawn around the fitted one."""
Guess = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[list[np.ndarray], list[np.ndarray]]]
"""(photo (S, S, 3) uint8, hole (S, S) bool, generator) -> the photo with its hole filled, by what knows no face, first
as it is, and by what does, the best guess last."""


def guesses(
    photo: np.ndarray, hole: np.ndarray, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The aligned photo (S, S, 3) uint8 with its hole (S, S) bool as given, filled by Telea's method, and smoothly; and
    by FACES faces, as far from the fitted one as a fit errs (`Errors`), and by the networks that ship."""
    pixels, guide = photo.astype(np.float32) / 255, fitted_guide(photo, hole)
    smooth = to_bytes(np.where(hole[..., None], smooth_fill(pixels, ~hole), pixels))
    vectors = [Errors().applied(guide.vector, SIZE, rng) for _ in range(FACES)]
    faces = [to_bytes(model_guide(pixels, hole, vector).image) for vector in vectors]
    faces.append(complete_aligned(photo, hole, guide).completed)
    return [photo, baselines.telea(photo, hole), smooth], faces


def evaluate_verification(
    people: int = ORL_PEOPLE // 2, shots: int = SHOTS, guess: Guess = guesses, *, workers: int = 0
) -> str:
    """The tables: AUC and TAR at 1 % FAR by block, with it, completed, and halfway between the mean of G over guesses
    without a face and that over guesses with one; shows a progress bar. One for other photos as they are, one with
    both centred, and one for other photos treated alike.

    people: 1 to 39, the first ones of ORL. They are centred on as many of the next ones, or as many as there are, by
    COHORT_SHOTS photos of each. Raises DataError when nobody is left for that.

    Faces are aligned by the landmarks of the photo without its block, so that what differs is the face. workers:
    processes that share the photos; each needs about 1.5 GB.
    """
    if not 0 < people < ORL_PEOPLE:
        raise DataError(f"{people} people: 1 to {ORL_PEOPLE - 1} of {ORL_PEOPLE} can be tested, others are needed too")
    tested = [(person, shot) for person in range(1, people + 1) for shot in range(1, shots + 1)]
    cohort = [
        (person, shot)
        for person in range(people + 1, min(2 * people, ORL_PEOPLE) + 1)
        for shot in range(1, min(shots, COHORT_SHOTS) + 1)
    ]
    looks = torch.stack(each(partial(_looks, guess=guess), tested + cohort, workers, "photos"))
    looks, means = looks[: len(tested)], looks[len(tested) :].mean(0)
    names = np.repeat(np.arange(people), shots)

    def rows(looks: torch.Tensor, alike: bool = False) -> list[str]:
        clean, *others = looks.unbind(1)
        kinds = zip(others[::3], others[1::3], others[2::3], strict=True)
        return [
            f"{name:16}" + "".join(_cell(kind, kind if alike else clean, names) for kind in probes)
            for name, probes in zip(BLOCKS, kinds, strict=True)
        ]

    lines = [
        f"ORL: {len(tested)} photos of {people} people; TAR at {FALSE_ACCEPTS:.0%} FAR, and AUC",
        f"{'block':16}{'with the block':>22}{'completed':>22}{'mean of guesses':>22}",
        "the other photo as it is",
        f"{'none':16}" + _cell(looks[:, 0], looks[:, 0], names),
        *rows(looks),
        f"the other photo as it is, both centred on {len(cohort)} photos of other people",
        *rows(looks - means),
        "the other photo treated alike",
        *rows(looks, alike=True),
    ]
    return "\n".join(lines)


def _looks(shot: tuple[int, int], guess: Guess) -> torch.Tensor:
    """G of one photo as it is, and for each of BLOCKS with it, completed, and in the mean: (1 + 3 B, 128)."""
    photo, points = aligned_orl(*shot)
    looks, rng = [embed([photo], [points])], np.random.default_rng(shot)
    for name in BLOCKS:
        hole = block(name, points)
        blank, faces = (embed(made, [points] * len(made)) for made in guess(greyed(photo, hole), hole, rng))
        looks.append(torch.stack([blank[0], faces[-1], (blank.mean(0) + faces.mean(0)) / 2]))
    return torch.cat(looks)


def aligned_orl(person: int, shot: int) -> tuple[np.ndarray, np.ndarray]:
    """An ORL face as the networks expect it, (256, 256, 3) uint8, and its FaceMesh points (468, 2)."""
    photo = orl_photo(person, shot)
    points = torch.from_numpy(find_face(photo).points[None, :, :2].astype(np.float64))
    matrix = face_transform(points, SIZE)
    return crop(photo, matrix[0].numpy(), SIZE), transform(matrix, points)[0].numpy()


def block(name: str, points: np.ndarray) -> np.ndarray:
    """(S, S) bool: where a block of BLOCKS lies in an aligned photo with FaceMesh points (468, 2)."""
    left, top, right, bottom = BLOCKS[name]
    to_chip = chip_transform(torch.from_numpy(points)[None], CHIP_SIZE)
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    pixels = torch.from_numpy(np.stack([x, y], -1).reshape(1, -1, 2))
    u, v = transform(to_chip, pixels)[0].T.numpy().reshape(2, SIZE, SIZE)
    return (left <= u) & (u < right) & (top <= v) & (v < bottom)


@torch.inference_mode()
def embed(photos: list[np.ndarray], points: list[np.ndarray]) -> torch.Tensor:
    """G of aligned photos (S, S, 3) uint8 with FaceMesh points (468, 2): (N, 128)."""
    images = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float() / 255
    return DlibFeatures.load()(align_chip(images, torch.from_numpy(np.stack(points)).float()))


def verified(probes: torch.Tensor, gallery: torch.Tensor, names: np.ndarray) -> tuple[float, float]:
    """TAR at FALSE_ACCEPTS and AUC of all pairs of a probe and another photo of the gallery, (N, D) each.

    TAR: the share of pairs of one person above the threshold that FALSE_ACCEPTS of the pairs of two exceed.
    """
    table = similarity(probes[:, None], gallery[None]).numpy()
    one_person = names[:, None] == names
    same, others = table[one_person & ~np.eye(len(names), dtype=bool)], table[~one_person]
    threshold = np.quantile(others, 1 - FALSE_ACCEPTS)
    auc = mannwhitneyu(same, others).statistic / (len(same) * len(others))
    return float((same > threshold).mean()), float(auc)


def _cell(probes: torch.Tensor, gallery: torch.Tensor, names: np.ndarray) -> str:
    rate, auc = verified(probes, gallery, names)
    return f"{rate:14.1%} {auc:7.4f}"
