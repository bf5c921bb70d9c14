"""The 3D morphable model of §3.3 (Eq. 9): models, their coefficients, readers, landmarks."""

from occlib.morphable.coefficients import Coefficients
from occlib.morphable.expressions import sample_expression_units
from occlib.morphable.model import MorphableModel, open_model

__all__ = ["Coefficients", "MorphableModel", "open_model", "sample_expression_units"]
