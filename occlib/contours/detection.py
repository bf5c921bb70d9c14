"""Contours of a photo, the truth of Eq. 1: Canny's edges (1986) of the unoccluded grey image."""

from __future__ import annotations

import cv2
import numpy as np

from occlib.data.sample import CONTOUR_SIGMA, contours_of


def detect(photo: np.ndarray, *, sigma: float = CONTOUR_SIGMA, thickness: int = 1) -> np.ndarray:
    """C_true of a photo (H, W, 3) uint8: (H, W) uint8, 255 on a contour and 0 beside it.

    sigma: how far the photo is blurred first, in pixels of a 256-pixel photo; the larger, the fewer contours.
    thickness: of the lines, in pixels. The contours of `Sample` are those of the defaults.
    """
    lines = contours_of(photo, sigma)
    return lines if thickness == 1 else cv2.dilate(lines, np.ones((thickness, thickness), np.uint8))
