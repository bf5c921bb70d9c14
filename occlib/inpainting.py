"""Filling holes without learning, for whoever needs it first: the detector's second look, the guide, the baselines."""

from __future__ import annotations

import cv2
import numpy as np

MARGIN = 3
"""Pixels of 256 by which a mask grows before it is a hole: what fills it must not start from the occluder's
rim."""
TELEA_RADIUS = 5
"""Pixels around a point that its colour is made from."""
OVERVIEW = 640
"""Pixels of the longer side at which `paint_over` fills a hole."""


def telea(photo: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fast marching from the rim inwards (Telea 2004): (H, W, 3) uint8 for a photo of that kind, hole (H, W)
    bool."""
    return cv2.inpaint(photo, hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA)


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
