"""Samples of published data sets, cut to the upright square around the face that every stage works on."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from occlib.data.sample import Sample, contours_of
from occlib.faces import face_transform, find_face
from occlib.faces.alignment import crop

_PHOTOS = ("image", "clean", "mask", "shadow")
_LABELS = ("parsing", "parts")


def aligned(sample: Sample, size: int = 256, points: np.ndarray | None = None) -> Sample:
    """The sample in a size x size square around its largest face, as `occlib.reconstruct` cuts it.

    points: FaceMesh's (468, 2 or 3), in pixels of the image, where they are known. info gains
    `photo_to_aligned`, the (2, 3) transform. Photos are interpolated, labels taken from the nearest pixel;
    beside the photo its edge is repeated. Contours are found anew.

    Raises NoFaceError when there is no face, ValueError for samples that know depth, normals or V_x: those
    are aligned already.
    """
    if any(value is not None for value in (sample.depth, sample.normals, sample.coefficients)):
        raise ValueError("this sample is aligned already")
    if points is None:
        points = find_face(sample.clean if sample.clean is not None else sample.image).points
    matrix = face_transform(torch.from_numpy(np.asarray(points, np.float64))[None, :, :2], size)[0].numpy()
    changes: dict = {"info": {**sample.info, "photo_to_aligned": matrix.tolist()}}
    for name in _PHOTOS:
        if getattr(sample, name) is not None:
            changes[name] = crop(getattr(sample, name), matrix, size)
    for name in _LABELS:
        if getattr(sample, name) is not None:
            changes[name] = _nearest(getattr(sample, name), matrix, size)
    if sample.landmarks is not None:
        moved = sample.landmarks @ matrix[:, :2].T + matrix[:, 2]
        changes["landmarks"] = moved.astype(np.float32)
    if sample.contours is not None:
        changes["contours"] = contours_of(changes["clean"])
    return sample.replace(**changes)


def _nearest(labels: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Labels (H, W) under a transform of pixels whose centres are half-integers."""
    shift = matrix[:, 2] + matrix[:, :2] @ [0.5, 0.5] - 0.5  # OpenCV's are integers
    matrix = np.hstack([matrix[:, :2], shift[:, None]])
    return cv2.warpAffine(
        labels, matrix, (size, size), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
