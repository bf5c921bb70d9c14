"""How well the hole in a face is filled: `occlib evaluate synthesis`.

Every method gets the same photo, hole and guide; all is measured in the hole, against the photo that was
covered. A completion is a guess: a good one need not be the truth, but on the average nearer to it than a bad
one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity

from occlib.contours.stage import matches
from occlib.data import OccludedPhotos, World, aligned
from occlib.data.holes import greyed, own_hole
from occlib.data.sample import Sample, SampleSet, contours_of
from occlib.evaluation.parsing import face_region
from occlib.evaluation.photos import bench_photos
from occlib.evaluation.processes import each
from occlib.faces import detect, landmarks_68
from occlib.guide import Guide, fitted_guide, model_guide
from occlib.images import Photo, load_photo
from occlib.networks import LiteEncoder
from occlib.parsing.masks import whole_occluder
from occlib.pipeline import completed_by
from occlib.synthesis import baselines, complete_aligned

COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Borders of the bins of coverage, the share of the face that is hidden."""
MAPS = 4
"""Of the encoder, which the feature distance compares; the loss of the shipped networks saw the first
three."""
COLUMNS = ("PSNR", "SSIM", "L1", "features", "precision", "recall", "found", "landmarks")


@dataclass(frozen=True, eq=False)
class Case:
    """photo, clean (S, S, 3) uint8. hole (S, S) bool: the whole occluder, which is filled; area (S, S) bool: the part of
    it in the face, which is measured. The guide fitted to what is visible, the true contours (S, S) uint8, and the
    share of the face that is hidden."""

    photo: np.ndarray
    clean: np.ndarray
    hole: np.ndarray
    area: np.ndarray
    guide: Guide
    contours: np.ndarray
    coverage: float

    @classmethod
    def of(cls, sample: Sample) -> Case:
        """As the pipeline would meet the sample, had its face mask been perfect."""
        if sample.parts is None:
            sample = sample.replace(parts=face_region(sample).astype(np.uint8))
        area = own_hole(sample)
        hole = whole_occluder(area, own_hole(sample, face_only=False))
        clean = np.where(hole[..., None], sample.clean, sample.image)
        guide = fitted_guide(sample.image, hole)
        return cls(sample.image, clean, hole, area, guide, contours_of(clean), sample.coverage)


Method = Callable[[Case], np.ndarray]
Scores = tuple[str, dict[str, list[float]]]
"""The name of a bin of coverage; method -> its COLUMNS."""


@cache
def methods(others: tuple[Path, ...] = ()) -> dict[str, Method]:
    """Name -> what completes a case, (S, S, 3) uint8. others: weights of other runs, one more row for
    each."""

    def ours(case: Case) -> np.ndarray:
        return complete_aligned(case.photo, case.hole, case.guide).completed

    def one_side(case: Case) -> np.ndarray:
        """The face model without what the photo shows on the other side of the face."""
        guide = case.guide
        if guide.vector is not None:
            guide = model_guide(case.photo.astype(np.float32) / 255, case.hole, guide.vector, alike=0)
        return baselines.model_fill(case.photo, case.hole, guide)

    def without_guide(case: Case) -> np.ndarray:
        return complete_aligned(case.photo, case.hole).completed

    def without_contours(case: Case) -> np.ndarray:
        return _with_contours(case, np.zeros(case.hole.shape, np.float32))

    def with_true_contours(case: Case) -> np.ndarray:
        return _with_contours(case, case.contours / np.float32(255))

    return {
        "Telea": lambda case: baselines.telea(case.photo, case.hole),
        "Telea, in the face only": lambda case: baselines.telea(case.photo, case.area),
        "Navier-Stokes": lambda case: baselines.navier_stokes(case.photo, case.hole),
        "face model, one side": one_side,
        "face model": lambda case: baselines.model_fill(case.photo, case.hole, case.guide),
        "ours": ours,
        "ours, guide off": without_guide,
        "ours, contours off": without_contours,
        "ours, true contours": with_true_contours,
        **{Path(file).stem: _other(Path(file)) for file in others},
    }


def evaluate_synthesis(
    count: int = 200, photos: int = 12, seed: int = 0, others: Iterable[Path] = (), *, workers: int = 0
) -> str:
    """The tables of the world's test split and of real photos; shows progress bars. workers: processes that share
    the samples; each needs about 1.5 GB."""
    lines = []
    for title, number in (("World, test split", count), ("Real photos", photos)):
        scores_of = partial(_scores_of, title, photos, seed, tuple(others))
        lines += [*table(title, each(scores_of, range(number), workers, title)), ""]
    return "\n".join(lines[:-1])


def _scores_of(title: str, photos: int, seed: int, others: tuple[Path, ...], index: int) -> Scores | None:
    return scores(covered_faces(title, photos, seed)[index], methods(others))


@cache
def covered_faces(title: str, photos: int, seed: int) -> SampleSet:
    """The samples of the table with that title: the world's test split, or so many photos of the bench."""
    bounds = (COVERAGES[0], COVERAGES[-1])
    if title == "Real photos":
        return OccludedPhotos(list(bench_photos(photos).values()), seed, coverage=bounds)
    return World(seed, split="test", coverage=bounds, bare=0)


def scores(sample: Sample, chosen: dict[str, Method]) -> Scores | None:
    """The bin of coverage of a sample, and each method's `measure`; None if it is in no bin or has no hole."""
    case = Case.of(sample)
    share = np.searchsorted(COVERAGES, case.coverage, side="right")
    if not (0 < share < len(COVERAGES) and case.area.any()):
        return None
    seen = _landmarks(case.clean)
    rows = {"as it is": lambda case: case.photo, **chosen}
    bin_name = f"coverage {COVERAGES[share - 1]:.0%} to {COVERAGES[share]:.0%}"
    return bin_name, {name: measure(case, method(case), seen) for name, method in rows.items()}


def table(title: str, measured: Iterable[Scores | None]) -> list[str]:
    """A block for all samples and one for each bin of coverage, with a row for each method."""
    bins: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for bin_name, rows in filter(None, measured):
        for name, row in rows.items():
            bins["all"][name].append(row)
            bins[bin_name][name].append(row)
    lines = []
    for bin_name, rows in sorted(bins.items()):
        lines.append(f"{title}, {bin_name}: {len(rows['as it is'])} samples, in the face's hole")
        lines.append(" " * 24 + "".join(f"{column:>11}" for column in COLUMNS))
        for name, values in rows.items():
            means = np.nanmean(np.array(values), axis=0)
            lines.append(f"{name:24}" + "".join(f"{mean:11.3f}" for mean in means))
    return lines


def measure(case: Case, done: np.ndarray, seen: np.ndarray | None) -> list[float]:
    """The COLUMNS of a completed photo (S, S, 3) uint8, in the case's area.

    PSNR in dB and L1 of colours in [0, 1]; SSIM, mean of its map; the distance of features; precision and
    recall of contours, a pixel more or less; whether FaceMesh finds the face, and how far its 51 inner
    landmarks are from those it sees in the clean photo, `seen`, over the distance of the outer eye corners.
    """
    error = (done.astype(np.float64) - case.clean)[case.area] / 255
    psnr = -10 * np.log10(max(np.square(error).mean(), 1e-10))
    ssim = structural_similarity(done, case.clean, channel_axis=2, full=True)[1].mean(-1)[case.area].mean()
    maps = [
        torch.from_numpy((x > 0).astype(np.float32))[None, None] for x in (contours_of(done), case.contours)
    ]
    right, made, near, true = matches(
        *maps, torch.from_numpy(case.area.astype(np.float32))[None, None]
    ).tolist()
    precision, recall = (a / b if b else np.nan for a, b in ((right, made), (near, true)))
    found = _landmarks(done)
    offset = np.nan
    if found is not None and seen is not None:
        apart = np.linalg.norm(seen[36] - seen[45])
        offset = float(np.linalg.norm(found[17:] - seen[17:], axis=1).mean() / apart)
    distance = feature_distance(done, case.clean, case.area)
    return [psnr, ssim, np.abs(error).mean(), distance, precision, recall, float(found is not None), offset]


@torch.inference_mode()
def feature_distance(one: np.ndarray, other: np.ndarray, hole: np.ndarray) -> float:
    """How different two photos (S, S, 3) look to a network in the hole: LPIPS (Zhang et al. 2018), raw.

        d = sum_n  mean over the hole of |phi_n(one) / |phi_n(one)| - phi_n(other) / |phi_n(other)||^2

    with the features of EfficientNet-Lite0, a unit vector in every place.
    """
    images = torch.from_numpy(np.stack([one, other])).permute(0, 3, 1, 2).float() / 255
    area = torch.from_numpy(hole.astype(np.float32))[None, None]
    total = 0.0
    for maps in _encoder()(images)[:MAPS]:
        unit = F.normalize(maps, dim=1)
        weights = F.adaptive_avg_pool2d(area, maps.shape[-2:])[0, 0]
        total += float((weights * (unit[0] - unit[1]).square().sum(0)).sum() / weights.sum())
    return total


class Step(NamedTuple):
    """One share of a face hidden, and what methods make of it.

    coverage: that share, in [0, 1]. photo (S, S, 3) uint8: the photo as far as it is seen. hole (S, S) bool: what
    is filled. completed: method -> (S, S, 3) uint8. errors: method -> how far its colours, in [0, 255], are from
    the photo's in the hole, in the mean.
    """

    coverage: float
    photo: np.ndarray
    hole: np.ndarray
    completed: dict[str, np.ndarray]
    errors: dict[str, float]


def errors_by_coverage(
    photo: Photo, coverages: Iterable[float] = COVERAGES, names: Iterable[str] = ("Telea", "face model", "ours")
) -> list[Step]:
    """Hide ever more of the face in a photo, grey and from the chin upwards, and let some of `methods` complete
    it: a Step for each share in `coverages`, in (0, 1).

    Raises ImageError for what is no photo, and NoFaceError.
    """
    pixels = load_photo(photo)
    bare = aligned(Sample(image=pixels, clean=pixels))
    face = face_region(bare)
    heights = np.sort(np.nonzero(face)[0])[::-1]  # rows of the face's pixels, from below
    steps = []
    for share in coverages:
        hidden = face & (np.arange(len(face))[:, None] >= heights[round(share * len(heights))])
        image = greyed(bare.clean, hidden)
        coverage = float(hidden.sum() / face.sum())
        case = Case.of(
            bare.replace(
                image=image, mask=255 * hidden.astype(np.uint8), parts=face.astype(np.uint8), coverage=coverage
            )
        )
        completed = {name: methods()[name](case) for name in names}
        errors = {
            name: float(np.abs(done.astype(float) - case.clean)[case.hole].mean())
            for name, done in completed.items()
        }
        steps.append(Step(coverage, image, case.hole, completed, errors))
    return steps


@cache
def _encoder() -> LiteEncoder:
    return LiteEncoder.pretrained().eval().requires_grad_(False)


def _with_contours(case: Case, contours: np.ndarray) -> np.ndarray:
    return complete_aligned(case.photo, case.hole, case.guide, draw_contours=lambda *_: contours).completed


def _other(file: Path) -> Method:
    complete = completed_by(file)
    return lambda case: complete(case.photo, case.hole, case.guide).completed


def _landmarks(photo: np.ndarray) -> np.ndarray | None:
    """(68, 2) of the largest face in a photo, None where none is found."""
    found = detect(photo)
    return landmarks_68(found[0].points)[:, :2] if found else None
