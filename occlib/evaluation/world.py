"""Whether the synthetic world's faces are faces to networks that have seen only photos: `occlib evaluate world`.

FaceMesh should find them, with and without their occluders, and G should know one person from another.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from tqdm import tqdm

from occlib.data import World
from occlib.faces import DlibFeatures, align_chip, detect, landmarks_68
from occlib.faces.features import similarity


@dataclass
class WorldReport:
    """found_clean, found_occluded: (count,) bool. offset: (count,) mean distance of FaceMesh's inner landmarks from the
    true ones, over that of the outer eye corners; NaN where no face was found. same, others: G's similarities of two
    photos of one person, and of different people. families: (count,) names.
    """

    found_clean: np.ndarray
    found_occluded: np.ndarray
    offset: np.ndarray
    same: np.ndarray
    others: np.ndarray
    families: np.ndarray

    @property
    def auc(self) -> float:
        """Probability that two photos of one person are more alike than two of different people."""
        wins = mannwhitneyu(self.same, self.others).statistic  # ties count one half
        return float(wins / (len(self.same) * len(self.others)))

    def __str__(self) -> str:
        lines = [
            f"FaceMesh finds {self.found_clean.mean():.1%} of {len(self.found_clean)} clean faces (bar: 99 %)",
            f"FaceMesh finds {self.found_occluded.mean():.1%} of the same occluded (bar: 90 %)",
            f"its inner landmarks lie {np.nanmean(self.offset):.1%} of the outer eye corners' distance beside the true ones",
            f"G: AUC {self.auc:.4f} of {len(self.same)} pairs of one person against {len(self.others)} of two (bar: 0.98); "
            f"mean similarity {self.same.mean():.2f} and {self.others.mean():.2f}",
        ]
        missed = self.families[~self.found_occluded]
        for name in sorted(set(missed), key=lambda name: -(missed == name).sum()):
            lines.append(f"  not found behind {name or 'nothing'}: {(missed == name).sum()} of {(self.families == name).sum()}")
        return "\n".join(lines)


def evaluate_world(count: int = 200, *, seed: int = 0, size: int = 256, split: str = "test") -> WorldReport:
    """Look at `count` people of a world, each photographed twice; shows a progress bar."""
    world, features = World(seed, size=size, split=split), DlibFeatures.load()
    clean, occluded, offset, families, codes = [], [], [], [], []
    for person in tqdm(range(count), "people"):
        pair = []
        for shot in range(2):
            sample = world.sample(person, shot)
            found = detect(sample.clean)
            if shot == 0:
                clean.append(bool(found))
                occluded.append(bool(detect(sample.image)))
                families.append(sample.occluder)
                offset.append(_offset(found[0].points, sample.landmarks) if found else np.nan)
            if found:
                image = torch.from_numpy(sample.clean.copy()).permute(2, 0, 1)[None].float() / 255
                with torch.inference_mode():
                    pair.append(features(align_chip(image, torch.from_numpy(found[0].points)[None])))
        if len(pair) == 2:
            codes.append(torch.cat(pair))
    codes = torch.stack(codes)  # (people, 2, 128)
    first, second = codes.unbind(1)
    table = similarity(first[:, None], second[None]).numpy()
    alone = ~np.eye(len(table), dtype=bool)
    return WorldReport(*map(np.array, (clean, occluded, offset)), np.diag(table), table[alone], np.array(families))


def _offset(points: np.ndarray, landmarks: np.ndarray) -> float:
    distances = np.linalg.norm(landmarks_68(points)[17:] - landmarks[17:], axis=1)
    return float(distances.mean() / np.linalg.norm(landmarks[36] - landmarks[45]))
