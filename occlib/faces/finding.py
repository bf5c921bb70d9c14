"""The one face of a photo that everything after it is about."""

import logging
from dataclasses import dataclass, field

import numpy as np

from occlib.errors import NoFaceError
from occlib.faces.detection import Detection, detect

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Face:
    """The largest face of a photo.

    detection: where it was found. points: (468, 3) float32 FaceMesh points in pixels of the photo (see
    `Detection`). score: FaceMesh's probability that it is a face. count: how many faces were found in the
    photo.
    """

    detection: Detection
    points: np.ndarray = field(repr=False)
    score: float
    count: int


def find_face(photo: np.ndarray) -> Face:
    """The largest face of a photo (H, W, 3) uint8, with its landmarks.

    Raises NoFaceError when there is none; says so in the log when there are several.
    """
    found = detect(photo)
    if not found:
        raise NoFaceError("no face found: take a photo in which the face is larger, sharper or less covered")
    if len(found) > 1:
        logger.warning("%d faces, took the largest", len(found))
    largest = found[0]
    return Face(largest, largest.points, largest.presence, len(found))
