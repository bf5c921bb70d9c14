"""Section 3.2, second half: the complete face, from its visible part and its contours."""

from occlib.synthesis.completing import Completion, complete, complete_aligned, read_synthesis
from occlib.synthesis.network import SynthesisNetwork, goal_contours

__all__ = [
    "Completion",
    "SynthesisNetwork",
    "complete",
    "complete_aligned",
    "goal_contours",
    "read_synthesis",
]
