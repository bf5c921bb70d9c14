"""Where an occluder may be when nobody gave a mask: parts of the face that colour sets apart.

A hand, a cup or a surgical mask covers one piece of the face in colours of its own. GrabCut (Rother et al.
2004) cuts a picture in two by mixtures of Gaussians over colour and by its edges; where it starts decides
what it finds. So it starts at each of nine places of the face, and what several starts agree on counts: an
occluder, or the skin beside it, is found from wherever one starts on it; a bare face is cut differently
each time.
"""

import cv2
import numpy as np

CUT_SIZE = 128
"""Pixels a side of the picture that is cut: enough for an occluder's outline."""
GROWN = 1.2
"""The cut region is the hull of the detected points, larger by this factor: they end below the hair line,
and an occluder leads them astray."""
LEAST_PIXELS = 20
"""Pixels below which a start is too small for a mixture of colours."""
SHARES = 0.08, 0.65
"""Least and greatest share of the face that a part may cover."""


def colour_parts(
    photo: np.ndarray, points: np.ndarray, *, agreeing: int = 2, same: float = 0.7
) -> list[np.ndarray]:
    """Parts of a face that may be an occluder, those most starts agree on first; each (S, S) bool.

    photo: (S, S, 3) uint8, aligned. points: (468, 2) detected, in its pixels. agreeing: how many starts
    have to find a part. same: overlap (intersection over union) from which on two parts are the same.
    """
    size = len(photo)
    small = cv2.resize(photo, (CUT_SIZE, CUT_SIZE), interpolation=cv2.INTER_AREA)
    hull = cv2.convexHull(((points - points.mean(0)) * GROWN + points.mean(0)).astype(np.float32))
    hull = (hull * CUT_SIZE / size).round().astype(np.int32)
    face = cv2.fillConvexPoly(np.zeros((CUT_SIZE, CUT_SIZE), np.uint8), hull, 1).astype(bool)

    parts: list[np.ndarray] = []
    votes: list[int] = []
    for start in _starts(face):
        cut = _cut(small, face, start)
        for side in (cut & face, ~cut & face):
            side = _without_specks(side)
            if not SHARES[0] < side.sum() / face.sum() < SHARES[1]:
                continue
            overlaps = [(side & part).sum() / (side | part).sum() for part in parts]
            if overlaps and max(overlaps) > same:
                votes[int(np.argmax(overlaps))] += 1
            else:
                parts.append(side)
                votes.append(1)
    order = np.argsort(votes, kind="stable")[::-1]
    likely = (_continued(parts[i], face) for i in order if votes[i] >= agreeing)
    return [cv2.resize(part, (size, size), interpolation=cv2.INTER_NEAREST).astype(bool) for part in likely]


def _starts(face: np.ndarray, grid: int = 3) -> list[np.ndarray]:
    """Ellipses, (C, C) bool each, that fill a grid over the bounding box of the (C, C) bool face."""
    x, y, width, height = cv2.boundingRect(face.astype(np.uint8))
    axes = (width // (2 * grid), height // (2 * grid))
    starts = []
    for row in range(grid):
        for column in range(grid):
            center = (int(x + width * (column + 0.5) / grid), int(y + height * (row + 0.5) / grid))
            start = cv2.ellipse(np.zeros(face.shape, np.uint8), center, axes, 0, 0, 360, 1, thickness=-1)
            starts.append(start.astype(bool) & face)
    return starts


def _cut(photo: np.ndarray, face: np.ndarray, start: np.ndarray, iterations: int = 4) -> np.ndarray:
    """What looks like the start (C, C) bool, by GrabCut within the face's bounding box; (C, C) bool."""
    x, y, width, height = cv2.boundingRect(face.astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    labels = np.where(start[box], cv2.GC_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    found = np.zeros(face.shape, bool)
    if min(start[box].sum(), (~start[box]).sum()) > LEAST_PIXELS:
        mixtures = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(0)  # mixtures start from random colours; the same photo shall give the same face
        cv2.grabCut(photo[box], labels, None, *mixtures, iterations, cv2.GC_INIT_WITH_MASK)
        found[box] = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return found


def _continued(part: np.ndarray, face: np.ndarray, pixels: int = 10) -> np.ndarray:
    """A (C, C) bool part, as uint8, that goes on a little where the cut region ends but the face may not."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.where(face, part, cv2.dilate(part.astype(np.uint8), disc)).astype(np.uint8)


def _without_specks(part: np.ndarray, least: int = 100) -> np.ndarray:
    """A (C, C) bool part with small holes filled, without seams and pieces of fewer than `least` pixels."""
    kernel = np.ones((5, 5), np.uint8)
    part = cv2.morphologyEx(part.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    _, pieces, numbers, _ = cv2.connectedComponentsWithStats(cv2.morphologyEx(part, cv2.MORPH_OPEN, kernel))
    large = numbers[:, cv2.CC_STAT_AREA] >= least
    large[0] = False  # what is outside
    return large[pieces]
