"""Cameras (section 3.3, Eq. 10): from the face model's millimetres to pixels, and from pixels to the
rasteriser's NDC.

Only this module knows how pixels and NDC hang together. Pixels have their origin in the top-left corner of a
square image, x right, y down, centres at half-integers. NDC are PyTorch3D's: +X left, +Y up, [-1, 1] across
the image, and z is the depth, positive in front of the camera and growing away from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DISTANCE = 1000.0
"""Depth of the model's origin in front of the scaled-orthographic camera, in mm. It only keeps depths
positive."""


def rotation_matrix(angles: Tensor) -> Tensor:
    """R = R_z(roll) R_y(yaw) R_x(pitch), for column vectors.

    With x right, y up and z towards the viewer, positive pitch nods the head down, positive yaw turns it to
    the viewer's right and positive roll tilts it counter-clockwise on the screen.

    angles: (N, 3) pitch, yaw, roll in radians. Returns (N, 3, 3).
    """
    # About each axis: R = 1 + sin(a) K + (1 - cos(a)) K^2 (Rodrigues), where K v = axis x v.
    k = angles.new_tensor(_CROSS)  # (3, 3, 3)
    sine, cosine = torch.sin(angles)[..., None, None], torch.cos(angles)[..., None, None]
    about_x, about_y, about_z = (torch.eye(3).to(k) + sine * k + (1 - cosine) * (k @ k)).unbind(-3)
    return about_z @ about_y @ about_x


_CROSS = (
    ((0, 0, 0), (0, 0, -1), (0, 1, 0)),
    ((0, 0, 1), (0, 0, 0), (-1, 0, 0)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 0)),
)
"""K of the x, y and z axis."""


def rotation_angles(rotation: Tensor) -> Tensor:
    """The inverse of `rotation_matrix` for |yaw| < 90 degrees: (N, 3, 3) -> (N, 3) pitch, yaw, roll."""
    pitch = torch.atan2(rotation[..., 2, 1], rotation[..., 2, 2])
    yaw = torch.asin((-rotation[..., 2, 0]).clamp(-1, 1))
    roll = torch.atan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return torch.stack([pitch, yaw, roll], dim=-1)


@dataclass
class Camera:
    """The scaled-orthographic camera of Eq. 10: point = k P (R S) + t, with P = [[1, 0, 0], [0, -1, 0]].

    P drops the depth and turns y over, since y points up in the model and down in the image.

    pose: (N, 6) = pitch, yaw, roll (radians), k (pixels per mm), t_x, t_y (pixel position of the model's
    origin). image_size: side of the square image, in pixels, that k and t speak of. A rendering at another
    size shows the same.
    """

    pose: Tensor
    image_size: int

    def __post_init__(self):
        self._rotation = rotation_matrix(self.pose[:, :3])

    def rotate(self, vectors: Tensor) -> Tensor:
        """Model axes to camera axes (x right, y up, z to the viewer): (N, V, 3) -> (N, V, 3)."""
        return _product(vectors, self._rotation.transpose(1, 2))

    def project(self, vertices: Tensor) -> Tensor:
        """(N, V, 3) mm -> (N, V, 3): x, y in pixels, depth in mm in front of the camera."""
        return _product(vertices, *self._affine())

    def ndc(self, vertices: Tensor) -> Tensor:
        """(N, V, 3) mm -> (N, V, 3) PyTorch3D's NDC; z is the depth in mm."""
        linear, shift = self._affine()
        # As `_pixels_to_ndc`, in one pass over the vertices instead of two.
        scale = shift.new_tensor([-2 / self.image_size, -2 / self.image_size, 1.0])
        return _product(vertices, linear * scale, shift * scale + shift.new_tensor([1.0, 1.0, 0.0]))

    def _affine(self) -> tuple[Tensor, Tensor]:
        """The projection as vertices @ linear + shift, with linear (N, 3, 3) and shift (N, 1, 3)."""
        k, t = self.pose[:, 3, None, None], self.pose[:, None, 4:]
        scale = torch.cat([k, -k, -torch.ones_like(k)], dim=-1)
        shift = torch.cat([t, torch.full_like(k, DISTANCE)], dim=-1)
        return scale * self._rotation.transpose(1, 2), shift


@dataclass
class PerspectiveCamera:
    """A pinhole camera of fixed focal length, with its axis through the middle of the image.

    It takes the same pose as `Camera`: the head stands at the depth d = focal_length / k where 1 mm covers k
    pixels, and where its origin falls on t. For a growing focal length it becomes the scaled-orthographic
    camera.

    pose: (N, 6) as in `Camera`; image_size in pixels; focal_length in pixels of that image.
    """

    pose: Tensor
    image_size: int
    focal_length: float

    def __post_init__(self):
        self._rotation = rotation_matrix(self.pose[:, :3])

    def rotate(self, vectors: Tensor) -> Tensor:
        """Model axes to camera axes (x right, y up, z to the viewer): (N, V, 3) -> (N, V, 3)."""
        return _product(vectors, self._rotation.transpose(1, 2))

    def project(self, vertices: Tensor) -> Tensor:
        """(N, V, 3) mm -> (N, V, 3): x, y in pixels, depth in mm in front of the camera."""
        k, t = self.pose[:, None, 3:4], self.pose[:, None, 4:]
        centre = self.image_size / 2
        x, y, z = self.rotate(vertices).unbind(-1)
        depth = self.focal_length / k[..., 0] - z
        # Points behind the camera keep their negative depth, by which the rasteriser drops them.
        scale = (self.focal_length / depth)[..., None]
        seen = torch.stack([x, -y], dim=-1) + (t - centre) / k
        return torch.cat([scale * seen + centre, depth[..., None]], dim=-1)

    def ndc(self, vertices: Tensor) -> Tensor:
        """(N, V, 3) mm -> (N, V, 3) PyTorch3D's NDC; z is the depth in mm."""
        return _pixels_to_ndc(self.project(vertices), self.image_size)


def _product(vectors: Tensor, linear: Tensor, shift: Tensor | None = None) -> Tensor:
    """vectors (N, V, 3) @ linear (N or 1, 3, 3) + shift (N or 1, 1, 3)."""
    if len(linear) == 1:  # half the time of a batched product
        return torch.nn.functional.linear(vectors, linear[0].T, None if shift is None else shift[0, 0])
    return vectors @ linear if shift is None else torch.baddbmm(shift, vectors, linear)


def _pixels_to_ndc(projected: Tensor, image_size: int) -> Tensor:
    scale = projected.new_tensor([-2 / image_size, -2 / image_size, 1.0])
    return torch.addcmul(projected.new_tensor([1.0, 1.0, 0.0]), projected, scale)


def scaled_orthographic_pose(points3d: Tensor, points2d: Tensor, weights: Tensor | None = None) -> Tensor:
    """The pose of Eq. 10 that carries points of the model to points of the image, in closed form.

    The weighted least-squares affine camera A (2 x 3) is found first; its nearest scaled rotation is then
    read from its singular value decomposition A = U diag(s) V^T: k = mean(s), the first two rows of R are U
    V^T, and the third is their cross product, so R is a rotation and never a reflection, whatever the points.

    points3d: (N, K, 3) mm; points2d: (N, K, 2) pixels; weights: (N, K), not negative, equal when None.
    Returns (N, 6). At least four points not in one plane determine A; with fewer the smallest A that fits is
    taken.
    """
    if weights is None:
        weights = torch.ones_like(points2d[..., 0])
    weights = (weights / weights.sum(-1, keepdim=True))[..., None]
    mean3d, mean2d = (weights * points3d).sum(1), (weights * points2d).sum(1)
    centred3d, centred2d = points3d - mean3d[:, None], points2d - mean2d[:, None]
    root = weights.sqrt()
    affine = (torch.linalg.pinv(root * centred3d) @ (root * centred2d)).transpose(1, 2)  # (N, 2, 3)
    flip = affine.new_tensor([1.0, -1.0])[:, None]
    u, s, vt = torch.linalg.svd(flip * affine, full_matrices=False)
    k = s.mean(-1)
    rows = u @ vt
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, :1], rows[:, 1:])], dim=1)
    t = mean2d - k[:, None] * (flip * rows @ mean3d[..., None])[..., 0]
    return torch.cat([rotation_angles(rotation), k[:, None], t], dim=1)
