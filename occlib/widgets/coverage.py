"""Notebook 04: how the error of a completed face grows with what is hidden."""

from __future__ import annotations

from functools import cache

import numpy as np

from occlib import assets
from occlib.data import Sample, aligned
from occlib.evaluation.synthesis import errors_by_coverage
from occlib.images import Photo, load_photo
from occlib.plotting import coverage_view, figure_pixels
from occlib.widgets.live import Live, Slider, explore


def coverage_explorer(photo: Photo | None = None) -> Live:
    """A slider over the share of the face that is hidden, above what Telea's method, the fitted face model and
    ours make of it, and their errors at every share.

    photo: of a face that nothing covers; by default NASA's portrait of Eileen Collins (public domain).
    Everything is computed once, before the widget appears. Raises what `errors_by_coverage` raises.
    """
    pixels = load_photo(assets.path("photos/astronaut.jpg") if photo is None else photo)
    truth = aligned(Sample(image=pixels)).image
    steps = errors_by_coverage(pixels)

    @cache
    def drawn(at: int) -> np.ndarray:
        return figure_pixels(coverage_view(steps, at, truth), dpi=90)

    def shown(percent: int) -> tuple[np.ndarray, str]:
        at = min(range(len(steps)), key=lambda number: abs(100 * steps[number].coverage - percent))
        errors = ", ".join(f"{name} {error:.1f}" for name, error in steps[at].errors.items())
        return drawn(at), f"{steps[at].coverage:.0%} of the face is hidden; mean error in the hole: {errors}."

    low, second, high = (round(100 * steps[number].coverage) for number in (0, 1, -1))
    slider = Slider("hidden, %", low, high, second - low, 3 * low)
    alt = "A face with its lower part hidden, completed in three ways, and their errors; run the cell to hide more."
    return explore(shown, {"percent": slider}, alt)
