"""Section 3.1: from a photo to its parse map and to the mask of what covers the face."""

from occlib.parsing.masks import Parse, face_mask, find_covered_face, parse, parse_aligned, whole_occluder
from occlib.parsing.network import ParserNetwork, probabilities

__all__ = [
    "Parse",
    "ParserNetwork",
    "face_mask",
    "find_covered_face",
    "parse",
    "parse_aligned",
    "probabilities",
    "whole_occluder",
]
