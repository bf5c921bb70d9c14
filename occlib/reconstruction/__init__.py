"""§3.3: from a complete face to V_x – losses, robust weights, landmarks, fitting."""

from occlib.reconstruction.fitting import (
    FACE_REGIONS,
    Fit,
    FitSettings,
    FitStep,
    face_pixels,
    face_vertices,
    fit,
)
from occlib.reconstruction.landmark_term import LandmarkTerm
from occlib.reconstruction.losses import feature_loss, pixel_loss, prior_loss
from occlib.reconstruction.robust import robust_weights

__all__ = [
    "FACE_REGIONS",
    "Fit",
    "FitSettings",
    "FitStep",
    "LandmarkTerm",
    "face_pixels",
    "face_vertices",
    "feature_loss",
    "fit",
    "pixel_loss",
    "prior_loss",
    "robust_weights",
]
