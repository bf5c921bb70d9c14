"""Where a face is hidden from the networks that complete it, and the examples that they learn from.

A hole is the sample's own occluder, another's, a random shape, or a grey block on eyes, nose or mouth. The
photo around it may still show the rest of an occluder, as a photo does whose face mask ends with the face.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from occlib.data.augmenting import Photography, exposed, random_shape, random_similarity, recorded
from occlib.data.fits import read_fits
from occlib.data.sample import Sample, SampleSet, contours_of
from occlib.errors import DataError
from occlib.guide import Errors, blank_guide, fitted_guide, model_guide
from occlib.inpainting import MARGIN

RIM = 8
"""Pixels of 256 around the face in which the face mask may still be."""
BLOCKS = {
    "eyes": slice(36, 48),
    "nose": slice(27, 36),
    "mouth": slice(48, 68),
    "centre": slice(30, 36),
    "lower face": slice(3, 14),
}
"""Name -> the landmarks that a block covers."""
LEAST, MOST = 0.02, 0.6
"""Shares of the face that a hole hides; outside of them it is drawn again, up to TRIES times."""
TRIES = 4
GREY = 128
"""What is seen in a hole that nothing covers."""


@dataclass(frozen=True)
class Incomplete:
    """How a sample becomes a face with a hole.

    crop: pixels a side of the piece of the photo, near the hole. scale: limits of pixels of the crop a pixel
    of the photo. turn: degrees, shift: share of the crop. own, other, shape, block: how often the hole is the
    sample's own occluder, another's, random shapes, a block. unguided: how often the guide is blank, as when
    no face is found. errors: of the guide. fits: file of `occlib fits` for the samples trained on; fitted: how
    often the example is one of those, with the errors that its fit really has. photography: what cameras do.
    """

    crop: int = 128
    scale: tuple[float, float] = (0.5, 0.8)
    turn: float = 8.0
    shift: float = 0.1
    own: float = 0.4
    other: float = 0.15
    shape: float = 0.2
    block: float = 0.25
    unguided: float = 0.1
    errors: Errors = field(default_factory=Errors)
    fits: Path | None = None
    fitted: float = 0.6
    photography: Photography = field(default_factory=Photography)


def incomplete_face(
    samples: SampleSet, index: int, rng: np.random.Generator | None, how: Incomplete, guide: bool
) -> dict[str, torch.Tensor]:
    """One example, pieces of `how.crop` pixels; without `rng` the whole sample as it is, behind its own mask.

    photo (3, S, S): what the camera recorded; only what is outside of the hole may be shown to a network.
    clean (3, S, S): the same with the complete face, without noise. mask (1, S, S): 1 in the hole.
    contours (1, S, S): edges of `clean`, 0 or 1. guide (5, S, S), if wanted: see `Guide.tensor`.
    """
    if rng is None:
        sample, rng = known(samples[index]), np.random.default_rng(index)
        hole, around = own_hole(sample), sample.image
        if not hole.any():
            hole, around = block_hole(sample, rng), sample.clean
        clean = np.where(hole[..., None], sample.clean, around).astype(np.float32) / 255
        return _tensors(clean, clean, hole, _imitated(sample, rng, how), guide)
    hole, around, sample, vector = _drawn(samples, index, rng, how)
    clean = np.where(hole[..., None], sample.clean, around).astype(np.float32) / 255
    matrix = _piece(hole, rng, how)
    clean = cv2.warpAffine(
        clean, matrix, 2 * (how.crop,), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    hole = cv2.warpAffine(hole.astype(np.uint8), matrix, 2 * (how.crop,), flags=cv2.INTER_NEAREST) > 0
    clean = exposed(clean, rng, how.photography)
    photo, clean = recorded(clean, rng, how.photography), np.clip(clean, 0, 1)
    if vector is not None:
        vector = moved(vector, matrix) if rng.random() >= how.unguided else None
    side = len(sample.clean) * np.sqrt(np.linalg.det(matrix[:, :2]))
    tensors = _tensors(photo, clean, hole, vector, guide, side)
    if rng.random() < 0.5:
        tensors = {name: tensor.flip(-1) for name, tensor in tensors.items()}
    return tensors


class FittedHoles:
    """A map-style dataset of what `write_fits` stores: a hole in each of the first `count` samples, drawn as `how`
    says, whether it is the sample's own occluder, and V_x (239,) fitted to what is visible."""

    def __init__(self, samples: SampleSet, count: int, how: Incomplete, seed: int = 0):
        self.samples, self.count, self.how, self.seed = samples, min(count, len(samples)), how, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, bool, np.ndarray]:
        sample, rng = known(self.samples[index]), np.random.default_rng([self.seed, index])
        hole, around = draw_hole(sample, self.samples, rng, self.how)
        own = around is sample.image
        return hole, own, fitted_guide(sample.image if own else greyed(around, hole), hole).vector


def _drawn(samples: SampleSet, index: int, rng: np.random.Generator, how: Incomplete):
    """A hole, the photo around it, its sample, and V_x (239,) as a fit finds it, None where the truth is unknown."""
    if how.fits and rng.random() < how.fitted:
        fits = read_fits(how.fits)
        index = int(rng.integers(len(fits)))
        sample = known(samples[index])
        return fits.hole(index), sample.image if fits.own[index] else sample.clean, sample, fits.vectors[index]
    sample = known(samples[index])
    hole, around = draw_hole(sample, samples, rng, how)
    return hole, around, sample, _imitated(sample, rng, how)


def _imitated(sample: Sample, rng: np.random.Generator, how: Incomplete) -> np.ndarray | None:
    """V_x (239,) with imitated errors of a fit, None where the truth is unknown."""
    if sample.coefficients is None:
        return None
    return how.errors.applied(sample.coefficients, len(sample.clean), rng)


def known(sample: Sample) -> Sample:
    """The sample, if a face can be completed in it. Raises DataError."""
    if sample.clean is None or sample.mask is None or sample.landmarks is None:
        raise DataError("completing a face is learnt from samples with clean, mask and landmarks")
    return sample


def draw_hole(
    sample: Sample, samples: SampleSet, rng: np.random.Generator, how: Incomplete
) -> tuple[np.ndarray, np.ndarray]:
    """A hole (S, S) bool, and the photo (S, S, 3) uint8 that is seen around it."""
    kinds: dict[str, Callable[[], np.ndarray]] = {
        "own": lambda: own_hole(sample, int(rng.integers(1, 2 * MARGIN)), face_only=rng.random() < 0.7),
        "other": lambda: _moved_hole(samples[int(rng.integers(len(samples)))], rng),
        "shape": lambda: _shapes(rng, len(sample.clean)),
        "block": lambda: block_hole(sample, rng),
    }
    chances = np.array([getattr(how, kind) for kind in kinds])
    for _ in range(TRIES):
        kind = list(kinds)[rng.choice(len(kinds), p=chances / chances.sum())]
        hole = kinds[kind]()
        if LEAST <= hidden_share(sample, hole) <= MOST:
            return hole, sample.image if kind == "own" else sample.clean
    return block_hole(sample, rng), sample.clean


def own_hole(sample: Sample, margin: int = MARGIN, face_only: bool = True) -> np.ndarray:
    """(S, S) bool: the occluder and `margin` pixels of 256 around it; in the face and its rim only, as the
    face mask of section 3.1, or everywhere."""
    size = len(sample.mask)
    hole = grown(sample.mask > 0, margin * size / 256)
    if face_only and sample.face is not None:
        hole &= grown(sample.face, RIM * size / 256)
    return hole


def block_hole(sample: Sample, rng: np.random.Generator, name: str | None = None) -> np.ndarray:
    """(S, S) bool: an upright block over one of BLOCKS, a random one without a name; the centre's is as wide
    as the outer corners of the eyes are apart."""
    name = name or list(BLOCKS)[rng.integers(len(BLOCKS))]
    points = sample.landmarks
    apart = np.linalg.norm(points[36] - points[45])
    chosen = points[BLOCKS[name]]
    low, high = chosen.min(0), chosen.max(0)
    if name == "centre":
        low, high = chosen.mean(0) - apart / 2, chosen.mean(0) + apart / 2
    else:
        low, high = low - 0.15 * apart, high + 0.15 * apart
    low, high = (edge + rng.normal(0, 0.05, 2) * apart for edge in (low, high))
    y, x = np.mgrid[: len(sample.clean), : len(sample.clean)] + 0.5
    return (low[0] < x) & (x < high[0]) & (low[1] < y) & (y < high[1])


def greyed(photo: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The photo (S, S, 3) uint8 with GREY in its hole (S, S) bool."""
    return np.where(hole[..., None], np.uint8(GREY), photo)


def hidden_share(sample: Sample, hole: np.ndarray) -> float:
    """Share of the face that the hole (S, S) bool hides, in [0, 1]; of the landmarks, where no face is
    labelled."""
    if sample.face is not None and sample.face.any():
        return float(hole[sample.face].mean())
    x, y = np.clip(sample.landmarks, 0, len(hole) - 1).astype(int).T
    return float(hole[y, x].mean())


def moved(vector: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """V_x (239,) of a photo moved by a similarity (2, 3), as OpenCV has it (pixel centres on integers)."""
    linear, moved = matrix[:, :2], vector.copy()
    moved[-4] -= np.arctan2(linear[1, 0], linear[0, 0])  # clockwise to the eye, since y points down
    moved[-3] *= np.sqrt(np.linalg.det(linear))
    moved[-2:] = linear @ (vector[-2:] - 0.5) + matrix[:, 2] + 0.5
    return moved


def _moved_hole(other: Sample, rng: np.random.Generator) -> np.ndarray:
    """Another sample's occluder, somewhere else."""
    size = len(known(other).mask)
    matrix = random_similarity(rng, size, turn=20, shift=0.1, scale=(0.8, 1.25), mirror=rng.random() < 0.5)
    return grown(cv2.warpAffine(other.mask, matrix, (size, size)) > 0, int(rng.integers(1, 2 * MARGIN)))


def _shapes(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.any([random_shape(rng, size) > 0 for _ in range(rng.integers(1, 4))], axis=0)


def grown(area: np.ndarray, radius: float) -> np.ndarray:
    """(S, S) bool: the area and what is within `radius` pixels of it."""
    side = 2 * round(radius) + 1
    return cv2.dilate(area.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0


def _piece(hole: np.ndarray, rng: np.random.Generator, how: Incomplete) -> np.ndarray:
    """(2, 3): a similarity from the photo to a piece of it near the hole."""
    size = len(hole)
    matrix = random_similarity(rng, size, how.turn, 0.0, how.scale, mirror=False)
    rows, columns = np.nonzero(hole)
    pick = rng.integers(len(rows))
    window = how.crop / np.sqrt(np.linalg.det(matrix[:, :2]))
    center = np.array([columns[pick], rows[pick]]) + rng.uniform(-how.shift, how.shift, 2) * window
    reach = min(window / 2, (size - 1) / 2)  # the window stays in the photo
    center = np.clip(center, reach, size - 1 - reach)
    matrix[:, 2] = (how.crop - 1) / 2 - matrix[:, :2] @ center
    return matrix


def _tensors(photo, clean, hole, vector, guide: bool, side=None) -> dict[str, torch.Tensor]:
    contours = contours_of((255 * clean + 0.5).astype(np.uint8), side=side)
    tensors = {
        "photo": torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1), np.float32)),
        "clean": torch.from_numpy(np.ascontiguousarray(clean.transpose(2, 0, 1), np.float32)),
        "mask": torch.from_numpy(hole[None].astype(np.float32)),
        "contours": torch.from_numpy(contours[None].astype(np.float32) / 255),
    }
    if guide:
        drawn = blank_guide(photo, hole, side) if vector is None else model_guide(photo, hole, vector, side)
        tensors["guide"] = drawn.tensor()
    return tensors
