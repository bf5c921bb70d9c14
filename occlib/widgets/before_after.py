"""Notebook 00: a border that wipes between two pictures of the same thing."""

from __future__ import annotations

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from occlib.errors import ImageError
from occlib.images import Photo, load_photo
from occlib.plotting import encoded
from occlib.widgets.live import Live, script


def wiped(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """The left `share`, in [0, 1], of `before` and the rest of `after`, (H, W, 3) uint8 each, with a white
    line between them."""
    border = round(share * before.shape[1])
    picture = np.concatenate([before[:, :border], after[:, border:]], axis=1)
    picture[:, max(border - 1, 0) : border + 1] = 255
    return picture


class BeforeAfter(anywidget.AnyWidget):
    """Both pictures (JPEG) with their names, and where the border starts, in percent; it moves in the browser
    alone."""

    _esm = script("before_after.js")
    _css = Path(__file__).with_name("before_after.css")
    before = traitlets.Bytes().tag(sync=True)
    after = traitlets.Bytes().tag(sync=True)
    labels = traitlets.List().tag(sync=True)
    start = traitlets.Int(50).tag(sync=True)


def before_after(before: Photo, after: Photo, labels: tuple[str, str] = ("before", "after")) -> Live:
    """Two pictures of the same size, one over the other; mouse, finger or arrow keys move the border.

    Raises ImageError for what is no picture, and for two sizes.
    """
    before, after = load_photo(before), load_photo(after)
    if before.shape != after.shape:
        sizes = " and ".join(f"{image.shape[1]} x {image.shape[0]}" for image in (before, after))
        raise ImageError(f"pictures of {sizes} pixels: to compare them they need the same size")
    widget = BeforeAfter(before=encoded(before, "jpeg"), after=encoded(after, "jpeg"), labels=list(labels))
    alt = f"Left half: {labels[0]}; right half: {labels[1]}. Run the cell to move the border."
    return Live([widget], wiped(before, after, widget.start / 100), alt)
