"""What fills a hole without learning: what every learnt synthesis has to beat."""

from __future__ import annotations

import cv2
import numpy as np

from occlib.guide import TELEA_RADIUS, Guide, telea

OVERVIEW = 640
"""Pixels of the longer side at which `paint_over` fills a hole."""


def navier_stokes(photo: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Lines of equal brightness go on into the hole as a fluid's would (Bertalmio et al. 2001); as
    `telea`."""
    return cv2.inpaint(photo, hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_NS)


def paint_over(photo: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A photo (H, W, 3) uint8 of any size with its hole (H, W) filled by `telea`, not to be looked at.

    The filling is made on at most OVERVIEW pixels a side and enlarged: it is smooth anyway.
    """
    height, width = hole.shape
    scale = min(1.0, OVERVIEW / max(height, width))
    small = max(1, round(scale * width)), max(1, round(scale * height))
    area = cv2.resize(hole.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
    area = cv2.dilate(area, np.ones((3, 3), np.uint8))
    filled = telea(cv2.resize(photo, small, interpolation=cv2.INTER_AREA), area)
    return np.where(hole[..., None], cv2.resize(filled, (width, height)), photo)


def model_fill(photo: np.ndarray, hole: np.ndarray, guide: Guide) -> np.ndarray:
    """The fitted face as `occlib.guide` lays it into the hole, (S, S, 3) uint8; the photo (S, S, 3) around
    it."""
    filled = (255 * guide.image + 0.5).astype(np.uint8)
    return np.where(hole[..., None], filled, photo)
