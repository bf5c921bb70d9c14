"""What is drawn with a brush in the browser (brush.js), by painter and contour editor."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np


class Stroke(NamedTuple):
    """A line of a round brush.

    points: (x, y) in pixels, origin in the top-left corner; one alone is a dab. color: "#rrggbb", or "" to
    rub out. width: pixels.
    """

    points: list[tuple[float, float]]
    color: str
    width: float

    def coverage(self, shape: tuple[int, int]) -> np.ndarray:
        """How much of each pixel of a picture of (H, W) the stroke covers: (H, W) float32 in [0, 1]."""
        points = np.asarray(self.points, np.float64) - 0.5  # as OpenCV counts
        sixteenths = np.rint(16 * points).astype(np.int32)
        if len(sixteenths) == 1:
            sixteenths = np.repeat(sixteenths, 2, axis=0)
        line = np.zeros(shape, np.uint8)
        cv2.polylines(line, [sixteenths], False, 255, max(round(self.width), 1), cv2.LINE_AA, shift=4)
        return line / np.float32(255)
