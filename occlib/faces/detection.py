"""Find all faces of a photo: BlazeFace proposes, FaceMesh confirms.

BlazeFace sees faces of about 20 to 110 of its pixels, so the photo is searched at several scales (an image
pyramid), from coarse to fine, until faces half as large as the largest one would have been seen. When no face
surely stands upright, turned copies of the photo are searched too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import torch

from occlib.faces.alignment import crop, square_transform, tilt
from occlib.faces.blaze import anchors, blazeface
from occlib.faces.landmarks import MESH_SIZE, read_mesh, track

_SIDES = (128, 256, 512, 1024)  # pixels of the photo's longer side at the scales searched
_TURNED_SIDES = (128, 256, 512)  # and of turned copies
_SMALLEST = 20  # pixels: smaller faces are not seen at a scale
_ANGLES = np.radians([-20, 20, -45, 45, -90, 90, 180])  # small turns help covered faces too
_LEAST_SCORE, _LEAST_TURNED_SCORE, _LEAST_PRESENCE = 0.5, 0.65, 0.6  # many turns, many chances of a fluke
_SURE = 0.75  # score above which a face surely stands so; one upside down may reach 0.73


@dataclass(frozen=True)
class Detection:
    """A face in a photo; all positions in pixels of the photo.

    box: (4,) x0, y0, x1, y1, a square from the brows to the chin. keypoints: (6, 2) right eye, left eye, nose
    tip, mouth, right ear, left ear (the subject's right). score: BlazeFace's probability that it is a face.
    points: (468, 3) float32 FaceMesh points, x right, y down, z away from the viewer in the same unit with
    its zero near the head's centre. presence: FaceMesh's probability that it is a face.
    """

    box: np.ndarray
    keypoints: np.ndarray
    score: float
    points: np.ndarray = field(repr=False)
    presence: float

    @property
    def center(self) -> np.ndarray:
        """(2,): x, y of the middle of the box, pixels."""
        return (self.box[:2] + self.box[2:]) / 2

    @property
    def side(self) -> float:
        """Width of the box, pixels."""
        return float(self.box[2] - self.box[0])

    def covers(self, point: np.ndarray) -> bool:
        """Whether the box holds the point (x, y)."""
        return bool(np.all(self.box[:2] <= point) and np.all(point <= self.box[2:]))


class Proposal(NamedTuple):
    """Where BlazeFace alone sees a face.

    center: (2,) x, y, and side: of a square from the brows to the chin, in pixels of the photo. angle: radians by which
    the line of its eyes is turned from the photo's x axis towards its y axis. score: the probability that it is a face.
    """

    center: np.ndarray
    side: float
    angle: float
    score: float


def detect(photo: np.ndarray) -> list[Detection]:
    """All faces of a photo (H, W, 3) uint8, the largest first; an empty list when there is none.

    Finds faces from 20 px and 2 % of the photo's longer side on, turned ones from 6 %. Those smaller than
    half of the largest are taken for background: they may be among the result or not.
    """
    longer = max(photo.shape[:2])
    found: list[Detection] = []
    for side in _scales(longer):
        found = _distinct(found + _confirm(photo, *_propose(photo, side, _LEAST_SCORE)))
        if found and found[0].side >= 2 * _SMALLEST * longer / side:
            break
    if not any(face.score > _SURE for face in found):
        found = _distinct(found + [face for angle in _ANGLES for face in _detect_turned(photo, angle)])
    return found


def proposals(photo: np.ndarray) -> list[Proposal]:
    """Where BlazeFace sees upright faces of a photo (H, W, 3) uint8, the most certain first.

    FaceMesh may see none there, as behind a large occluder; and one face may be proposed several times.
    """
    found = [
        Proposal(center, float(side), tilt(*keypoints[:2]), float(score))
        for scale in _scales(max(photo.shape[:2]))
        for (center, *keypoints), side, score in zip(*_propose(photo, scale, _LEAST_SCORE), strict=True)
    ]
    return sorted(found, key=lambda proposal: -proposal.score)


def _scales(longer: int) -> Iterator[int]:
    """Those of _SIDES at which a photo with that longer side shows anything new."""
    return (side for side in _SIDES if side < max(2 * longer, 2 * _SIDES[0]))


def _detect_turned(photo: np.ndarray, angle: float) -> list[Detection]:
    """Faces of which the x axis is turned by about `angle` radians from the photo's."""
    height, width = photo.shape[:2]
    size = _TURNED_SIDES[-1]
    matrix = square_transform((width / 2, height / 2), np.hypot(height, width), angle, size)
    turned, back = crop(photo, matrix, size), np.linalg.inv(matrix[:, :2])
    found: list[Detection] = []
    for side in _TURNED_SIDES:
        # Photos lie on their side or stand on their head so rarely that it takes more to believe it.
        least = _LEAST_TURNED_SCORE if abs(angle) < np.pi / 3 else _SURE
        points, sides, scores = _propose(turned, side, least)
        points, sides = (points - matrix[:, 2]) @ back.T, sides * np.sqrt(np.linalg.det(back))
        found += _confirm(photo, points, sides, scores)
    return found


def _propose(photo: np.ndarray, longer: int, least_score: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What BlazeFace finds when the photo's longer side is resized to `longer` pixels.

    Returns points (K, 7, 2), the centre of a face and its six keypoints, sides (K,) of the squares around the
    centres, both in pixels of the photo, and scores (K,).
    """
    scale = longer / max(photo.shape[:2])
    height, width = (max(1, round(scale * length)) for length in photo.shape[:2])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    sheet_size = [max(_SIDES[0], -(-length // 16) * 16) for length in (height, width)]  # multiples of 16
    sheet = np.zeros((*sheet_size, 3), np.uint8)
    sheet[:height, :width] = cv2.resize(photo, (width, height), interpolation=interpolation)
    with torch.inference_mode():
        boxes, logits = blazeface()(torch.from_numpy(sheet).permute(2, 0, 1)[None].float() / 127.5 - 1)
    scores = logits[0].sigmoid()
    likely = scores > least_score
    boxes, scores = boxes[0, likely].reshape(-1, 8, 2), scores[likely].numpy()
    points = boxes[:, [0, 2, 3, 4, 5, 6, 7]] + anchors(*sheet_size)[likely, None]
    points, sides = points.double().numpy() / scale, boxes[:, 1].amax(-1).double().numpy() / scale
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):  # one proposal a place: the most certain
        if all(np.abs(points[i, 0] - points[j, 0]).max() > sides[j] / 2 for j in kept):
            kept.append(i)
    return points[kept], sides[kept], scores[kept]


def _confirm(photo: np.ndarray, points: np.ndarray, sides: np.ndarray, scores: np.ndarray) -> list[Detection]:
    """The proposals in which FaceMesh sees a face too, at its second look.

    What that says hardly depends any more on where exactly BlazeFace put its box.
    """
    found = []
    for (center, *keypoints), side, score in zip(points, sides, scores):
        matrix = square_transform(center, 1.5 * side, tilt(*keypoints[:2]), MESH_SIZE)
        mesh, presence = track(photo, read_mesh(photo, matrix)[0])
        if presence >= _LEAST_PRESENCE:
            box = np.concatenate([center - side / 2, center + side / 2])
            found.append(Detection(box, np.array(keypoints), float(score), mesh, presence))
    return found


def _distinct(found: list[Detection]) -> list[Detection]:
    """Each face once, the most certain of its detections; the largest first."""
    kept: list[Detection] = []
    for face in sorted(found, key=lambda face: -face.score):
        if not any(face.covers(other.center) or other.covers(face.center) for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face.side)
