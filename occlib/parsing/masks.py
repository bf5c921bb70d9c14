"""The shipped parser at work: what covers the face in a photo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch

from occlib import assets
from occlib.data.sample import OCCLUDER
from occlib.errors import NoFaceError
from occlib.faces import Detection, Face, detect, face_transform, find_face
from occlib.faces.alignment import EYE_CORNERS, crop, square_transform, tilt, uncrop
from occlib.faces.detection import proposals
from occlib.inpainting import MARGIN, paint_over
from occlib.networks import read_network
from occlib.parsing.network import ParserNetwork, probabilities

WEIGHTS = "checkpoints/parser.safetensors"
SIZE = 256
"""Pixels a side of the aligned square that the network sees."""
SURE = 0.98
"""How sure the network has to be somewhere in an occluder, or what it took for one was none."""
PLACES, LEAST_SCORE = 3, 0.65
"""How many of the detector's proposals are looked at when it confirms none, and how sure it has to be of a face there:
three looks, three chances of a fluke."""
AROUND = 1.6
"""Side of the square that the parser sees there, over a proposal's: `face_transform`'s has 1.58 on 28 bare photos."""
TURNED = 45.0
"""Degrees by which a face in the same place is another one, or none."""


@dataclass(frozen=True, eq=False)
class Parse:
    """What a photo (H, W, 3) shows, pixel by pixel.

    labels (H, W) uint8: numbers of PARTS. confidence (H, W) float32: the probability of that label. region
    (H, W) float32: how probably the pixel would be face if nothing covered it. mask (H, W) float32 in [0, 1],
    1 = occluded: the face mask. occluder (H, W) bool: the whole of what reaches into the face (`whole_occluder`), as
    far as the square around it shows it. Outside of that square all is background, with confidence 1.
    """

    labels: np.ndarray
    confidence: np.ndarray
    region: np.ndarray
    mask: np.ndarray
    occluder: np.ndarray

    @property
    def hidden(self) -> float:
        """Which share of the face is occluded, 0 to 1."""
        return float(self.mask.sum() / max(self.region.sum(), 1.0))


def face_mask(photo: np.ndarray, *, dilate: int = 0) -> np.ndarray:
    """How much of each pixel of the largest face is occluded: (H, W) float32 in [0, 1] for an (H, W, 3) uint8
    RGB photo.

    dilate: pixels, of the 256 a side of the square around the face, by which the mask grows: what fills a
    hole must not start from the occluder's rim. Raises NoFaceError.
    """
    return parse(photo, dilate=dilate).mask


def parse(photo: np.ndarray, points: np.ndarray | None = None, *, dilate: int = 0) -> Parse:
    """Parse the largest face of a photo (H, W, 3) uint8; points: its FaceMesh points (468, 2 or 3) where
    known, else those of `find_covered_face`.

    Raises NoFaceError when there is none.
    """
    points = find_covered_face(photo).points if points is None else points
    matrix = face_transform(torch.from_numpy(np.asarray(points, np.float64))[None, :, :2], SIZE)[0].numpy()
    found = parse_aligned(crop(photo, matrix, SIZE), dilate=dilate)
    return Parse(
        labels=uncrop(found.labels, matrix, photo.shape, nearest=True),
        confidence=uncrop(found.confidence, matrix, photo.shape, outside=1),
        region=uncrop(found.region, matrix, photo.shape),
        mask=uncrop(found.mask, matrix, photo.shape),
        occluder=uncrop(found.occluder.astype(np.uint8), matrix, photo.shape, nearest=True) > 0,
    )


def find_covered_face(photo: np.ndarray) -> Face:
    """The largest face of a photo (H, W, 3) uint8, as `find_face`, and behind a large occluder, too.

    There the detector still proposes a face, but finds no landmarks that confirm it. Then what the parser calls an
    occluder in that place is painted over, and the face is looked for again. Raises NoFaceError when there is none.
    """
    try:
        return find_face(photo)
    except NoFaceError:
        for place in proposals(photo)[:PLACES]:
            square = square_transform(place.center, AROUND * place.side, place.angle, SIZE)
            occluder = parse_aligned(crop(photo, square, SIZE), dilate=MARGIN).occluder
            occluder = uncrop(occluder.astype(np.uint8), square, photo.shape, nearest=True) > 0
            if not occluder.any():
                continue
            found = look_again(photo, occluder, place.center, 0.5 * place.side, place.angle)
            if found is not None and found.score > LEAST_SCORE:
                return Face(found, found.points, found.presence, count=1)
        raise


def look_again(
    photo: np.ndarray, occluder: np.ndarray, middle: np.ndarray, reach: float, angle: float
) -> Detection | None:
    """The largest face of a photo (H, W, 3) uint8 whose occluder (H, W) bool is painted over, if it stands as one seen
    before: with its middle within `reach` pixels of that one's, (x, y), and turned by less than TURNED from its angle,
    radians. None, if there is no such face."""
    for one in detect(paint_over(photo, occluder)):
        apart = np.linalg.norm(one.points[:, :2].mean(0) - middle)
        turned = np.degrees(tilt(*one.points[EYE_CORNERS]) - angle)
        if apart < reach and abs((turned + 180) % 360 - 180) < TURNED:
            return one
    return None


@torch.inference_mode()
def parse_aligned(photo: np.ndarray, *, dilate: int = 0, device: str = "cpu") -> Parse:
    """Parse a photo (S, S, 3) uint8 that `face_transform` has cut, S a multiple of 32.

    The mean over the photo and its mirror image, which errs elsewhere, and of that `sure_occluders`.
    """
    image = torch.tensor(photo, device=device).permute(2, 0, 1)[None].float() / 255
    both = torch.cat([image, image.flip(-1)]).contiguous(memory_format=torch.channels_last)
    parts, region, mask = (
        (x[:1] + x[1:].flip(-1))[0].cpu().numpy() / 2 for x in probabilities(load_parser(device)(both))
    )
    labels, mask = sure_occluders(parts, mask[0])
    occluder = whole_occluder(mask > 0.5, labels == OCCLUDER)
    if dilate:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * dilate + 1,) * 2)
        mask, occluder = cv2.dilate(mask, disc), cv2.dilate(occluder.astype(np.uint8), disc) > 0
    confidence = np.take_along_axis(parts, labels[None].astype(np.int64), 0)[0]
    return Parse(labels, confidence, region[0], mask, occluder)


def sure_occluders(parts: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels (S, S) uint8 and the mask (S, S) of probabilities of PARTS (7, S, S) and of the face mask (S, S),
    without occluders that the network is nowhere sure of.

    Hysteresis, as in Canny's contours: connected pixels that rather are occluded than not count if one of them is
    an occluder with a probability of SURE at least. The others get their next best label, and no mask. A forehead
    in an odd light is half an occluder all over; a thing is surely one somewhere.
    """
    labels = parts.argmax(0)
    found = (labels == OCCLUDER) | (mask > 0.5)
    count, pieces = cv2.connectedComponents(found.astype(np.uint8))
    sure = np.zeros(count, bool)
    sure[pieces[parts[OCCLUDER] >= SURE]] = True
    doubtful = found & ~sure[pieces]
    others = np.where(doubtful & (np.arange(len(parts)) == OCCLUDER)[:, None, None], 0, parts)
    return others.argmax(0).astype(np.uint8), np.where(doubtful, np.float32(0), mask)


def whole_occluder(in_face: np.ndarray, occluder: np.ndarray) -> np.ndarray:
    """(S, S) bool: what hides the face, `in_face`, and the pieces of the `occluder` that reach it, both (S, S) bool.

    That is what a completion has to fill: a hand that is cut off at the jaw looks odd, and passes for what is behind the
    face.
    """
    _, pieces = cv2.connectedComponents((in_face | occluder).astype(np.uint8))
    return (pieces > 0) & np.isin(pieces, pieces[in_face])


@cache
def load_parser(device: str = "cpu") -> ParserNetwork:
    """The parser that ships, in evaluation mode and frozen."""
    return read_parser(assets.path(WEIGHTS, recipe="occlib train parser --out DIR"), device)


def read_parser(path, device: str = "cpu") -> ParserNetwork:
    """A parser from weights that `occlib.training.ship` wrote; their header says how it is built."""
    network = read_network(path, "parser", ParserNetwork)
    return network.to(device, memory_format=torch.channels_last)
