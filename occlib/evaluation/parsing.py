"""How well the parser finds what covers a face: `occlib evaluate parsing`.

Counts of pixels are summed over samples before they are divided, so that large and small occluders weigh by
their pixels, as in the masks that later stages see. Masks are cut at one half.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from occlib.data import OccludedPhotos, World
from occlib.data.occluders import FAMILIES, HELD_OUT
from occlib.data.sample import OCCLUDER, PARTS, Sample, SampleSet
from occlib.evaluation.photos import bare_photos, drawn_hair
from occlib.faces import find_face
from occlib.parsing import Parse, parse_aligned

COVERAGES = (0.05, 0.1, 0.2, 0.3, 0.4)
"""Borders of the bins of coverage."""
HANDS = ("palm", "fingers")
DRAWS = 5
"""How often every photo is covered by each group of families: by one draw the IoU of all was 0.883 to 0.906."""
Parser = Callable[[np.ndarray], Parse]


class Counts:
    """Pixels that are found, true, and both, for each of several things."""

    def __init__(self):
        self.pixels: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(3, np.int64))
        self.samples: dict[str, int] = defaultdict(int)

    def add(self, name: str, found: np.ndarray, true: np.ndarray) -> None:
        """Count one more sample of the thing `name`: found and true pixels, bool (H, W)."""
        self.pixels[name] += [np.sum(found & true), np.sum(found), np.sum(true)]
        self.samples[name] += 1

    def iou(self, name: str) -> float:
        """|found and true| / |found or true|"""
        both, found, true = self.pixels[name]
        return both / max(found + true - both, 1)

    def f1(self, name: str) -> float:
        """2 |found and true| / (|found| + |true|), 1 for nothing that is found nowhere."""
        both, found, true = self.pixels[name]
        return 2 * both / (found + true) if found + true else 1.0


def rows(names: Iterable[str], *columns: Counts) -> list[str]:
    """A line for each name: how many samples it has, and its IoU by every one of `columns`."""
    return [
        f"{name:28}{columns[0].samples[name]:7}" + "".join(f"{column.iou(name):12.3f}" for column in columns)
        for name in names
        if columns[0].samples[name]
    ]


def evaluate_parsing(count: int = 1000, seed: int = 0, parse: Parser = parse_aligned) -> str:
    """The tables of the world's test split and of real photos; shows progress bars."""
    world = World(seed, split="test")
    return "\n".join([*world_table(world, count, parse), "", *photo_table(bare_photos(), drawn_hair(), seed, parse)])


def world_table(samples: SampleSet, count: int, parse: Parser = parse_aligned) -> list[str]:
    """IoU of the occluder and of the face mask by occluder and by coverage, F1 of the parts, over the first
    `count` samples. The occluder is what is labelled so, beside the face too; the mask is what hides the face."""
    occluders, masks, parts = Counts(), Counts(), Counts()
    bins = [
        f"coverage {low:.0%} to {high:.0%}"
        for low, high in zip((0, *COVERAGES), (*COVERAGES, 1), strict=True)
    ]
    for index in tqdm(range(count), "world", disable=None):
        sample = samples[index]
        found = parse(sample.image)
        for number, name in enumerate(PARTS):
            parts.add(name, found.labels == number, sample.parsing == number)
        if sample.occluder:
            truth = (sample.parsing == OCCLUDER) & sample.face
            kind = "unseen families" if sample.occluder in HELD_OUT else "families seen in training"
            coverage = bins[np.searchsorted(COVERAGES, sample.coverage, side="right")]
            for name in (sample.occluder, kind, coverage):
                occluders.add(name, found.labels == OCCLUDER, sample.parsing == OCCLUDER)
                masks.add(name, found.mask > 0.5, truth)
        else:
            masks.add("bare", (found.mask > 0.5) & sample.face, sample.face)
    _, wrong, face = masks.pixels.pop("bare", np.zeros(3))
    five = np.mean([parts.f1(name) for name in PARTS[1:OCCLUDER]])
    families = sorted({*FAMILIES, "hair"} & masks.pixels.keys())
    return [
        f"{f'World, test split: {count}':28}samples{'occluder':>12}{'face mask':>12}  (IoU)",
        *rows(["families seen in training", "unseen families", *families, *bins], occluders, masks),
        f"called occluded on bare faces  {wrong / max(face, 1):.2%}",
        "F1  " + "  ".join(f"{name} {parts.f1(name):.3f}" for name in PARTS[1:]) + f"  five parts {five:.3f}",
    ]


def photo_table(
    photos: dict[str, np.ndarray], hair: dict[str, list[np.ndarray]], seed: int, parse: Parser = parse_aligned
) -> list[str]:
    """IoU of the face mask in the face on photos under the world's occluders, and what is called occluded on the
    photos as they are.

    photos: name -> (H, W, 3) uint8 of a face that nothing covers but hair. Each is covered DRAWS times by hands, by
    other families that training saw, and by families that it did not. hair: name -> polygons (K, 2) in pixels of the
    photo around that hair. It hides the face too, but nothing was laid over the photo there: a mask that shows it is
    wrong by the first column; the second, "but hair", leaves the pixels out that hair alone covers.
    """
    others = [name for name in FAMILIES if name not in (*HANDS, *HELD_OUT)]
    groups = {"hands": HANDS, "other families of training": others, "unseen families": HELD_OUT}
    counts, beside, fringes, alarms = Counts(), Counts(), Counts(), {}
    for number, group in enumerate(tqdm(list(groups) * DRAWS, "photos", disable=None)):
        covered = OccludedPhotos(list(photos.values()), seed + number, families=groups[group])
        for index, name in enumerate(photos):
            sample = covered[index]
            face, drawn = face_region(sample), hair_region(sample, hair.get(name, ()))
            found, true = parse(sample.image).mask > 0.5, sample.mask > 127
            for key in ("all", group, sample.occluder):
                counts.add(key, found & face, true & face)
                beside.add(key, found & face & (true | ~drawn), true & face)
            if name not in alarms:
                clean = (parse(sample.clean).mask > 0.5) & face
                alarms[name] = np.array([clean.sum(), (clean & ~drawn).sum()]) / max(face.sum(), 1)
                fringes.add("hair", clean & drawn, drawn & face)
    families = sorted(counts.pixels.keys() & FAMILIES.keys())
    worst = max(alarms, key=lambda name: alarms[name][0])
    mean, mean_beside = np.mean(list(alarms.values()), 0)
    return [
        f"{f'Real photos: {len(photos)}':28}samples{'in the face':>12}{'but hair':>12}  (IoU)",
        *rows(["all", *groups, *families], counts, beside),
        f"called occluded on clean photos  mean {mean:.2%}, most {alarms[worst][0]:.2%} ({worst}); "
        f"beside hair {mean_beside:.2%}; of hair over the face found {fringes.iou('hair'):.0%}",
    ]


def hair_region(sample: Sample, polygons: Sequence[np.ndarray]) -> np.ndarray:
    """(S, S) bool: what polygons (K, 2) in pixels of the photo enclose on the aligned one."""
    region = np.zeros(sample.clean.shape[:2], np.uint8)
    for polygon in polygons:
        matrix = np.array(sample.info["photo_to_aligned"])
        corners = np.floor(polygon @ matrix[:, :2].T + matrix[:, 2])
        cv2.fillPoly(region, [corners.astype(np.int32)], 1)
    return region > 0


def face_region(sample: Sample) -> np.ndarray:
    """(S, S) bool: the hull of FaceMesh's points on the aligned photo without its occluder."""
    points = find_face(sample.clean).points[:, :2]
    region = np.zeros(sample.clean.shape[:2], np.uint8)
    cv2.fillConvexPoly(region, cv2.convexHull(points.round().astype(np.int32)), 1)
    return region > 0
