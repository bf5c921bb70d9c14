"""468 points on a face by FaceMesh, and their reduction to the 68 of iBUG 300-W."""

import numpy as np
import torch

from occlib.faces.alignment import crop, face_transform
from occlib.faces.blaze import facemesh

MESH_SIZE = 192
"""Side in pixels of the crops that FaceMesh reads."""

IBUG68_FROM_MESH = [
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,  # 0-16 jaw, chin at 8
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # 17-21 right brow, 22-26 left brow
    168, 197, 195, 4, 75, 97, 2, 326, 305,  # 27-30 bridge, 30 tip, 31-35 below the nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # 36-41 right eye, 42-47 left eye
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # 48-59 outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # 60-67 inner lips
]
"""For each of the 68 points of iBUG 300-W the FaceMesh point that lies where annotators put it on a frontal
face.

The jaw is FaceMesh's fixed outline: unlike annotated jaw points it doesn't slide along the visible contour
when the head turns.
"""


def landmarks_68(points: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    """The 68 points (..., 68, 2) of iBUG 300-W from FaceMesh's (..., 468, 2 or 3), array or tensor."""
    return points[..., IBUG68_FROM_MESH, :2]


def read_mesh(photo: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """FaceMesh on the upright square that the transform (2, 3) cuts from the photo (H, W, 3) uint8.

    The face should fill about two thirds of the square. Returns points (468, 3) float32 in pixels of the
    photo, with z in the same unit, and the probability that the square shows a face.
    """
    pixels = torch.from_numpy(crop(photo, matrix, MESH_SIZE)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        points, presence = facemesh()(pixels)
    points = points[0].double().numpy()
    back = np.linalg.inv(matrix[:, :2])
    xy, z = (points[:, :2] - matrix[:, 2]) @ back.T, points[:, 2:] * np.sqrt(np.linalg.det(back))
    return np.hstack([xy, z]).astype(np.float32), float(presence.sigmoid())


def track(photo: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, float]:
    """FaceMesh once more, at the upright square around earlier points (468, 2 or 3), as `read_mesh`.

    That is how MediaPipe tracks a face from one video frame to the next: what it says hardly depends any more on
    where the first look's square was.
    """
    matrix = face_transform(torch.from_numpy(points)[None].double(), MESH_SIZE)[0].numpy()
    return read_mesh(photo, matrix)
