"""What N_cont and N_syn make of faces that they never saw: the pictures of their model card.

    python assets/recipes/completion_sheets.py

Writes assets/checkpoints/completed_world.jpg (the first 24 samples of the world's test split whose occluder hides 10 to
50 % of the face) and completed_photos.jpg (12 real photos behind the world's occluders), not chosen by hand. Each face
four times: photo and hole, contours, complete face, and the photo that was covered.
"""

from collections.abc import Iterable

import numpy as np
from tqdm import tqdm

from occlib import assets
from occlib.data.sample import Sample
from occlib.evaluation.synthesis import Case, covered_faces
from occlib.images import save_image
from occlib.plotting import contour_panel, mask_overlay
from occlib.synthesis import complete_aligned

SEED = 0
COLUMNS = 4


def four_views(sample: Sample) -> np.ndarray:
    """(2 S, 2 S, 3) uint8: photo and hole, complete face; contours, truth."""
    case = Case.of(sample)
    done = complete_aligned(case.photo, case.hole, case.guide)
    covered, drawn = mask_overlay(case.photo / 255, case.hole), contour_panel(done.contours, case.hole)
    covered, drawn = ((255 * image + 0.5).astype(np.uint8) for image in (covered, drawn))
    return np.vstack([np.hstack([covered, done.completed]), np.hstack([drawn, sample.clean])])


def sheet(samples: Iterable[Sample], count: int, name: str) -> np.ndarray:
    """The views of `count` samples, COLUMNS in a row, with white between them."""
    views = [np.pad(four_views(one), ((4, 4), (4, 4), (0, 0)), constant_values=255) for one in tqdm(samples, name, count)]
    return np.vstack([np.hstack(views[start : start + COLUMNS]) for start in range(0, count, COLUMNS)])


def main() -> None:
    for name, title, count in (("world", "World, test split", 24), ("photos", "Real photos", 12)):
        samples = covered_faces(title, count, SEED)
        pixels = sheet((samples[number] for number in range(count)), count, name)
        save_image(pixels, assets.root() / "checkpoints" / f"completed_{name}.jpg", quality=75)


if __name__ == "__main__":
    main()
