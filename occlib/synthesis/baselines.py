"""What fills a hole without learning: what every learnt synthesis has to beat."""

from __future__ import annotations

import cv2
import numpy as np

from occlib.guide import Guide
from occlib.inpainting import TELEA_RADIUS, telea

__all__ = ["model_fill", "navier_stokes", "telea"]


def navier_stokes(photo: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Lines of equal brightness go on into the hole as a fluid's would (Bertalmio et al. 2001); as
    `telea`."""
    return cv2.inpaint(photo, hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_NS)


def model_fill(photo: np.ndarray, hole: np.ndarray, guide: Guide) -> np.ndarray:
    """The fitted face as `occlib.guide` lays it into the hole, (S, S, 3) uint8; the photo (S, S, 3) around
    it."""
    filled = (255 * guide.image + 0.5).astype(np.uint8)
    return np.where(hole[..., None], filled, photo)
