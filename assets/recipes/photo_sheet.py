"""Real photos behind the world's occluders, from the photo alone to a 3D face: assets/photos/occluded.jpg.

    python assets/recipes/photo_sheet.py

The bench's photos in an order drawn by SEED, PEOPLE of them behind each of GROUPS, are shown as they come: what goes
wrong is shown, too. Nothing but the covered photo is known to `reconstruct`.
"""

import numpy as np
from PIL import Image
from tqdm import tqdm

from occlib import assets
from occlib.data import OccludedPhotos
from occlib.errors import NoFaceError
from occlib.evaluation.photos import bench_photos
from occlib.images import save_image
from occlib.pipeline import reconstruct
from occlib.plotting import figure_pixels, image_table, stage_panels

SEED = 0
PEOPLE = 3
GROUPS = {
    "hand": ("palm", "fingers"),
    "glasses": ("glasses", "sunglasses"),
    "mask": ("surgical_mask", "cloth_mask"),
    "chain": ("forehead_chain",),
}
"""Name -> families of occluders."""
SIZE = 200
"""Pixels a side of a panel."""


def main() -> None:
    photos = list(bench_photos(PEOPLE * len(GROUPS)).values())
    order = np.random.default_rng(SEED).permutation(len(photos)).reshape(len(GROUPS), PEOPLE)
    rows, columns = {}, ()
    for (group, families), numbers in zip(GROUPS.items(), order, strict=True):
        covered = OccludedPhotos([photos[number] for number in numbers], SEED, families=families)
        for number, sample in enumerate(tqdm([covered[index] for index in range(PEOPLE)], group)):
            try:
                panels = stage_panels(reconstruct(sample.image))
            except NoFaceError:
                panels = {"aligned photo": sample.image / 255}
            columns = max(columns, tuple(panels), key=len)
            rows[f"{group} {number + 1}"] = [small(panel) for panel in panels.values()]
    figure = image_table({name: filled(row, len(columns)) for name, row in rows.items()}, columns, width=1.6)
    save_image(figure_pixels(figure, dpi=110), assets.root() / "photos" / "occluded.jpg", quality=80)


def small(panel: np.ndarray) -> np.ndarray:
    pixels = (255 * np.clip(panel, 0, 1) + 0.5).astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.LANCZOS)) / 255


def filled(row: list[np.ndarray], count: int) -> list[np.ndarray]:
    """White where no face was found, so that there is nothing to show."""
    return row + [np.ones((SIZE, SIZE, 3))] * (count - len(row))


if __name__ == "__main__":
    main()
