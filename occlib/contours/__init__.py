"""Section 3.2, first half: which contours a face has behind what covers it."""

from occlib.contours.detection import detect
from occlib.contours.drawing import draw_contours, read_contours
from occlib.contours.network import ContourNetwork

__all__ = ["ContourNetwork", "detect", "draw_contours", "read_contours"]
