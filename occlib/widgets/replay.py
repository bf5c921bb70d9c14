"""Notebook 07: a fit's history, step by step."""

import numpy as np
import torch

from occlib.morphable import Coefficients
from occlib.pipeline import ALIGNED_SIZE, Reconstruction
from occlib.plotting import over
from occlib.rendering import Camera, render
from occlib.widgets.live import Live, Slider, explore


@torch.no_grad()
def frame(reconstruction: Reconstruction, step: int) -> np.ndarray:
    """The aligned photo, and the face at that step of the fit laid over it, (S, 2 S, 3) uint8."""
    coefficients = Coefficients.from_vector(reconstruction.fit.history[step].vector[None])
    model = reconstruction.model
    rendering = render(
        model.shape(coefficients.identity, coefficients.expression),
        model.faces,
        model.albedo(coefficients.texture),
        coefficients.lighting,
        Camera(coefficients.pose, ALIGNED_SIZE),
        ALIGNED_SIZE,
    )
    fitted = over(rendering, reconstruction.aligned / 255)
    return np.hstack([reconstruction.aligned, (255 * fitted.clip(0, 1)).round().astype(np.uint8)])


def replay(reconstruction: Reconstruction) -> Live:
    """A slider over the steps of the fit, and a button that plays them, beside what it had found by then; it
    starts at the end."""
    last = len(reconstruction.fit.history) - 1
    alt = "Photo, and the fitted face over it after the last step; run the cell to go through the steps."
    steps = {"step": Slider("step", 0, last, 1, last)}
    return explore(lambda step: frame(reconstruction, step), steps, alt, plays=True)
