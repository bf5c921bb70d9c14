"""Notebook 02: paint an occluder over a face and see at once what the parser makes of it.

The browser's half is painter.js. It only collects strokes and photos; all that is seen in its right half is
computed here, by functions that work without a browser.
"""

import io
import time
from collections.abc import Iterable
from pathlib import Path

import anywidget
import cv2
import numpy as np
import traitlets
from matplotlib.colors import to_hex
from PIL import Image

from occlib import assets
from occlib.data.sample import PARTS
from occlib.errors import ImageError, NoFaceError, OcclibError
from occlib.faces import find_face
from occlib.images import Photo, load_photo
from occlib.parsing import Parse, parse
from occlib.plotting import BLUE, PART_COLORS, close_up, encoded, figure_pixels, image_row, parse_views
from occlib.widgets.live import Live, script
from occlib.widgets.strokes import Stroke

SIDE = 512
"""Longest side, in pixels, of the photo that is painted on."""
ACROSS_THE_MOUTH = (137, 61, 14, 291, 366)
"""FaceMesh points from one cheek over the lips to the other: what is painted to begin with."""
NO_SKIN = "#c08f76"
"""The brush's skin colour while no skin is seen."""
LEGEND = [[name, to_hex(color)] for name, color in zip(PARTS[1:], PART_COLORS[1:], strict=True)]
"""Colours of the parse map; background has none."""


def paint(photo: np.ndarray, strokes: Iterable[Stroke]) -> np.ndarray:
    """A copy of the photo (H, W, 3) uint8 with the strokes over it, later ones over earlier ones."""
    painted = photo.astype(np.float32)
    for stroke in strokes:
        color = stroke.color[1:]
        new = np.array(list(bytes.fromhex(color)), np.float32) if color else photo
        painted += stroke.coverage(photo.shape[:2])[..., None] * (new - painted)
    return np.rint(painted).astype(np.uint8)


def parsed(photo: np.ndarray, points: np.ndarray | None = None) -> tuple[np.ndarray, str]:
    """What the parser finds in a photo (H, W, 3) uint8: parse map over the photo, face mask and confidence
    side by side, (H, 3 W, 3) uint8, and a line that says how much of the face is hidden and how long it took.

    points: the face's FaceMesh points (468, 2) where known, as before it was painted on. A photo without a
    face gives a white picture and the reason.
    """
    start = time.perf_counter()
    try:
        found = parse(photo, points)
    except OcclibError as error:
        return np.full((photo.shape[0], 3 * photo.shape[1], 3), 255, np.uint8), str(error)
    seconds = time.perf_counter() - start
    views = list(parse_views(photo, found).values())[1:]
    words = f"{found.hidden:.0%} of the face is hidden (found in {seconds:.1f} s)"
    return (255 * np.hstack(views)).round().astype(np.uint8), words


def skin_color(photo: np.ndarray, found: Parse) -> str:
    """The mean colour, "#rrggbb", of what is labelled skin in a photo (H, W, 3) uint8."""
    skin = photo[found.labels == PARTS.index("skin")]
    return to_hex(skin.mean(0) / 255) if len(skin) else NO_SKIN


def uploaded(content: bytes) -> np.ndarray:
    """The content of a picture file as an upright photo (H, W, 3) uint8.

    Raises ImageError for what is no picture, or one that `load_photo` refuses.
    """
    try:
        image = Image.open(io.BytesIO(content))
    except Image.DecompressionBombError:
        raise ImageError("this picture has far too many pixels: shrink it first") from None
    except OSError:
        raise ImageError("this is no picture in a known format: try JPEG or PNG") from None
    return load_photo(image)


class Painter(anywidget.AnyWidget):
    """The canvas, its tools and what the parser finds. `strokes` come from the browser, as dicts of Stroke;
    `result` and `words` go there, and `answers` counts them."""

    _esm = script("brush.js", "painter.js")
    _css = Path(__file__).with_name("painter.css")
    photo = traitlets.Bytes().tag(sync=True)
    strokes = traitlets.List().tag(sync=True)
    color = traitlets.Unicode(BLUE.lower()).tag(sync=True)
    skin = traitlets.Unicode(NO_SKIN).tag(sync=True)
    legend = traitlets.List(LEGEND).tag(sync=True)
    result = traitlets.Bytes().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    answers = traitlets.Int(0).tag(sync=True)

    def __init__(self, photo: np.ndarray):
        super().__init__()
        self.show(photo)
        self.strokes = [stroke._asdict() for stroke in _first_strokes(self.points)]
        self.look()
        self.observe(self.look, "strokes")
        self.on_msg(self._receive)

    def show(self, photo: np.ndarray) -> None:
        """Take another photo (H, W, 3) uint8 to paint on: what is around its face, at most SIDE pixels a
        side."""
        points = _points(photo)
        if points is not None:
            photo = close_up(photo, points)
        factor = min(SIDE / max(photo.shape[:2]), 1)
        self.pixels = cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        self.photo, self.points, self.skin = encoded(self.pixels, "png"), _points(self.pixels), NO_SKIN
        if self.points is not None:
            self.skin = skin_color(self.pixels, parse(self.pixels, self.points))

    def look(self, _=None) -> None:
        """Parse the photo as it is painted now."""
        picture, self.words = parsed(self.painted(), self.points)
        self.result = encoded(picture, "jpeg")
        self.answers += 1

    def painted(self) -> np.ndarray:
        """The photo with its strokes, (H, W, 3) uint8."""
        return paint(self.pixels, (Stroke(**stroke) for stroke in self.strokes))

    def _receive(self, _, content: dict, buffers: list) -> None:
        """A photo from the browser: a file or a still of the webcam."""
        try:
            self.show(uploaded(bytes(buffers[0])))
        except ImageError as error:
            self.words = str(error)
            self.answers += 1
            return
        if self.strokes:
            self.strokes = []  # which looks
        else:
            self.look()


def painter(photo: Photo | None = None) -> Live:
    """The painter, on NASA's portrait of Eileen Collins (public domain) or on another photo.

    Everything can be done with a mouse, a pen, a finger, or the keyboard alone; photos and webcam stills stay
    on this computer. Raises ImageError for what is no photo.
    """
    widget = Painter(load_photo(assets.path("photos/astronaut.jpg") if photo is None else photo))
    painted = widget.painted()
    views = np.split(parsed(painted, widget.points)[0] / 255, 3, axis=1)
    names = ("painted photo", "parse map", "face mask", "confidence")
    still = figure_pixels(image_row(dict(zip(names, [painted / 255, *views])), width=2.6), dpi=80)
    alt = "A face with a stroke over its mouth, parse map, face mask and confidence; run the cell to paint."
    return Live([widget], still, alt)


def _points(photo: np.ndarray) -> np.ndarray | None:
    """FaceMesh points (468, 2) of the face in a photo, if it has one."""
    try:
        return find_face(photo).points[:, :2]
    except NoFaceError:
        return None


def _first_strokes(points: np.ndarray | None) -> list[Stroke]:
    """A blue band over the mouth; nothing on a photo without a face."""
    if points is None:
        return []
    band = points[list(ACROSS_THE_MOUTH)].astype(float).tolist()
    return [Stroke(band, BLUE.lower(), float(np.ptp(points[:, 0]) / 4))]
