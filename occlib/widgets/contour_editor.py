"""Notebook 04: rub out and draw contours behind an occluder, and see at once which face N_syn paints from them.

The browser's half is contour_editor.js. It only collects strokes; contours and face are made here, by functions
that work without a browser.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from occlib import assets
from occlib.contours import draw_contours
from occlib.data import Sample, aligned
from occlib.data.holes import MARGIN
from occlib.faces import find_face
from occlib.guide import Guide, fitted_guide
from occlib.images import Photo, load_mask, load_photo
from occlib.inpainting import paint_over
from occlib.parsing import parse
from occlib.plotting import contour_view, encoded, figure_pixels, image_row
from occlib.synthesis import Completion, complete_aligned
from occlib.widgets.live import Live, script
from occlib.widgets.strokes import Stroke

PEN = 1.0
"""Width of a drawn line in pixels, that of true contours."""


def face_with_hole(photo: Photo | None = None, mask: Photo | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The square around the largest face of a photo, (256, 256, 3) uint8, and its hole (256, 256) bool.

    mask: of the photo's size, non-zero = hole; without one the parser finds it. Without a photo the sample
    photo. Raises ImageError, MaskError and NoFaceError.
    """
    if photo is None:
        photo, mask = (assets.path(f"photos/astronaut_hand{end}") for end in (".jpg", "_mask.png"))
    photo = load_photo(photo)
    if mask is None:
        hole = parse(photo, dilate=MARGIN).occluder
    else:
        hole = load_mask(mask, photo.shape)
    points = find_face(paint_over(photo, hole)).points
    square = aligned(Sample(image=photo, mask=255 * hole.astype(np.uint8)), points=points)
    return square.image, square.mask > 0


def edited(contours: np.ndarray, hole: np.ndarray, strokes: Iterable[Stroke]) -> np.ndarray:
    """C_syn (S, S) float32 in [0, 1] with strokes drawn and rubbed out, later ones over earlier ones; nothing
    outside of the hole (S, S) bool."""
    changed = contours.astype(np.float32)
    for stroke in strokes:
        changed = changed + stroke.coverage(hole.shape) * (bool(stroke.color) - changed)
    return changed * hole


def completed(
    photo: np.ndarray, hole: np.ndarray, guide: Guide, contours: np.ndarray
) -> tuple[Completion, str]:
    """What N_syn makes of these contours, and a line that says how many there are and how long it took.

    photo: (S, S, 3) uint8; hole: (S, S) bool; contours: C_syn (S, S) in [0, 1].
    """
    start = time.perf_counter()
    done = complete_aligned(photo, hole, guide, draw_contours=lambda *_: contours)
    length = int((contours[hole] > 0.5).sum())
    return done, f"{length} pixels of contours in the hole, completed in {time.perf_counter() - start:.1f} s"


class ContourEditor(anywidget.AnyWidget):
    """The canvas, its tools and the complete face. `strokes` come from the browser, as dicts of Stroke;
    `result` and `words` go there, and `answers` counts them.

    photo: PNG of the photo with a dark hole and the contours around it. drawn, hole: PNG with as much opacity
    as N_cont's contours and the hole have. pen: the width of lines.
    """

    _esm = script("brush.js", "contour_editor.js")
    _css = Path(__file__).with_name("contour_editor.css")
    photo = traitlets.Bytes().tag(sync=True)
    drawn = traitlets.Bytes().tag(sync=True)
    hole = traitlets.Bytes().tag(sync=True)
    pen = traitlets.Float(PEN).tag(sync=True)
    strokes = traitlets.List().tag(sync=True)
    result = traitlets.Bytes().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    answers = traitlets.Int(0).tag(sync=True)

    def __init__(self, photo: np.ndarray, hole: np.ndarray, guide: Guide | None = None):
        super().__init__()
        self.pixels, self.area = photo, hole
        self.guide = fitted_guide(photo, hole) if guide is None else guide
        self.contours = draw_contours(photo, hole, self.guide)
        around = self.guide.contours / 255 * ~hole
        self.photo = encoded((255 * contour_view(photo / 255, hole, around) + 0.5).astype(np.uint8), "png")
        self.drawn, self.hole = _white(self.contours * hole), _white(hole)
        self.look()
        self.observe(self.look, "strokes")

    def look(self, _=None) -> None:
        """Complete the face with the contours as they are now."""
        strokes = [Stroke(**stroke) for stroke in self.strokes]
        contours = edited(self.contours, self.area, strokes)
        self.completion, self.words = completed(self.pixels, self.area, self.guide, contours)
        self.result = encoded(self.completion.completed, "png")
        self.answers += 1


def contour_editor(photo: Photo | None = None, mask: Photo | None = None) -> Live:
    """The editor, on NASA's portrait of Eileen Collins (public domain) behind a rendered hand or on another
    photo; mask: see `face_with_hole`.

    Everything can be done with a mouse, a pen, a finger, or the keyboard alone. Raises what `face_with_hole`
    raises.
    """
    widget = ContourEditor(*face_with_hole(photo, mask))
    goal, done = widget.completion
    nothing = completed(widget.pixels, widget.area, widget.guide, np.zeros_like(goal))[0].completed
    panels = {
        "photo, hole and contours": contour_view(widget.pixels / 255, widget.area, goal),
        "the face they give": done / 255,
        "without contours": nothing / 255,
    }
    still = figure_pixels(image_row(panels, width=2.6), dpi=80)
    alt = "A photo with a hole and contours in it, the face made of them, and one without; run the cell to edit."
    return Live([widget], still, alt)


def _white(opacity: np.ndarray) -> bytes:
    """A white PNG with that opacity, (S, S) in [0, 1] or bool."""
    pixels = np.full((*opacity.shape, 4), 255, np.uint8)
    pixels[..., 3] = (255 * opacity.astype(np.float32) + 0.5).astype(np.uint8)
    return encoded(pixels, "png")
