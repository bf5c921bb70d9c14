"""Put a face upright into a square: similarity transforms from points, and warps of images by them.

A transform is a (2, 3) matrix that maps pixels of the source image to pixels of the result, both with centres
at half-integers. `warp` is for tensors and differentiable, `crop` is for a photo of any size and fast.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

CHIP_SIZE = 150
CHIP_POINTS_FROM_MESH = [263, 362, 33, 133, 2]
"""FaceMesh's points for the five that dlib aligns by: left eye outer, inner; right outer, inner; under the
nose."""

_CHIP_POINTS = torch.tensor([  # dlib's mean face (image_transforms/interpolation.h) in the unit square
    [0.8595674595992, 0.2134981538014],
    [0.6460604764104, 0.2289674387677],
    [0.1205750620789, 0.2137274526848],
    [0.3340850613712, 0.2290642403242],
    [0.4901123135679, 0.6277975316475],
])
EYE_CORNERS = _RIGHT_EYE, _LEFT_EYE = [33, 263]  # FaceMesh's outer ones
_CHIP_PADDING = 0.25  # of the unit square on every side, as the recognition network was trained


def similarity(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Least-squares rotation, uniform scale and shift of source onto target (N, K, 2) -> matrices (N, 2, 3).

    The closed form of Umeyama 1991 in the plane, where scale and rotation are one complex number a + ib:

        min_{a, b, t} sum_k |(a + ib) s_k + t - d_k|^2   =>   a + ib = sum_k conj(s_k) d_k / sum_k |s_k|^2

    with s, d centred on their means. Never mirrors; differentiable in both. The source points must differ.
    """
    source, target = torch.broadcast_tensors(source, target)
    source_mean, target_mean = source.mean(-2), target.mean(-2)
    s, d = source - source_mean[:, None], target - target_mean[:, None]
    norm = s.square().sum((-2, -1))
    a = (s * d).sum((-2, -1)) / norm
    b = (s[..., 0] * d[..., 1] - s[..., 1] * d[..., 0]).sum(-1) / norm
    linear = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], -2)
    shift = target_mean - (linear @ source_mean[..., None])[..., 0]
    return torch.cat([linear, shift[..., None]], -1)


def invert(matrix: torch.Tensor) -> torch.Tensor:
    """The inverse (N, 2, 3) of affine transforms (N, 2, 3)."""
    linear = torch.linalg.inv(matrix[..., :2])
    return torch.cat([linear, -linear @ matrix[..., 2:]], -1)


def transform(matrix: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Points (N, K, 2) moved by the transforms (N, 2, 3)."""
    return points @ matrix[..., :2].mT + matrix[..., None, :, 2]


def warp(images: torch.Tensor, matrix: torch.Tensor, size: int, padding: str = "border") -> torch.Tensor:
    """Images (N, C, H, W) moved by transforms (N, 2, 3) into (N, C, size, size), bilinear.

    Differentiable in the images and in the matrix. Where the matrix shrinks by a factor f >= 1.5, each pixel
    of the result averages round(f)^2 samples (the largest f of the batch counts), so that nothing aliases.
    Outside an image `padding` (of `grid_sample`) decides: "border" repeats its edge, "zeros" is black.
    """
    height, width = images.shape[-2:]
    shrinks = matrix[..., :2].detach().det().abs().rsqrt().max()
    samples = max(1, round(shrinks.item()))
    steps = (torch.arange(size * samples, device=images.device, dtype=images.dtype) + 0.5) / samples
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    targets = torch.stack([x, y], -1).reshape(1, -1, 2)
    positions = transform(invert(matrix), targets) / images.new_tensor([width, height])
    grid = (2 * positions - 1).reshape(-1, size * samples, size * samples, 2)
    warped = F.grid_sample(images, grid, mode="bilinear", padding_mode=padding, align_corners=False)
    return F.avg_pool2d(warped, samples)


def face_transform(points: torch.Tensor, size: int) -> torch.Tensor:
    """Transform (N, 2, 3) of the upright square around faces to `size` x `size` pixels.

    points: (N, 468, 2 or 3) FaceMesh points in pixels. The line of the outer eye corners becomes horizontal,
    the points' bounding box lies in the middle, and its longer side takes two thirds of the square, as in
    MediaPipe.
    """
    eyes = F.normalize(points[:, _LEFT_EYE, :2] - points[:, _RIGHT_EYE, :2], dim=-1)
    cos, sin = eyes.unbind(-1)
    turn = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)
    upright = points[..., :2] @ turn.mT
    low, high = upright.amin(1), upright.amax(1)
    scale = size / (1.5 * (high - low).amax(-1))
    shift = size / 2 - scale[:, None] * (low + high) / 2
    return torch.cat([scale[:, None, None] * turn, shift[..., None]], -1)


def chip_transform(points: torch.Tensor, size: int = CHIP_SIZE) -> torch.Tensor:
    """Transform (N, 2, 3) to dlib's upright chip, from FaceMesh points (N, 468, 2 or 3) in pixels."""
    chip = (_CHIP_POINTS.to(points) + _CHIP_PADDING) / (1 + 2 * _CHIP_PADDING) * size
    return similarity(points[:, CHIP_POINTS_FROM_MESH, :2], chip + 0.5)  # dlib's pixel centres are integers


def align_chip(images: torch.Tensor, points: torch.Tensor, size: int = CHIP_SIZE) -> torch.Tensor:
    """Faces (N, 3, size, size) as dlib's recognition network wants them.

    images: (N, 3, H, W) in [0, 1]; points: FaceMesh's (N, 468, 2 or 3) in pixels. Differentiable in both;
    black outside.
    """
    return warp(images, chip_transform(points, size), size, padding="zeros")


def tilt(right_eye: np.ndarray, left_eye: np.ndarray) -> float:
    """Radians by which the line from the right to the left eye, (2 or 3,) each, is turned from the x axis towards the
    y axis (clockwise to the eye): the angle with which `square_transform` makes a face upright."""
    x, y = (left_eye - right_eye)[:2]
    return float(np.arctan2(y, x))


def square_transform(center, side: float, angle: float, size: int) -> np.ndarray:
    """(2, 3) float64 transform of a square in a photo to `size` x `size` pixels.

    center: (x, y) and side in pixels of the photo; the square's own x axis is turned by `angle` radians from
    the photo's towards its y axis (clockwise to the eye).
    """
    cos, sin = np.cos(angle) * size / side, np.sin(angle) * size / side
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.hstack([linear, (size / 2 - linear @ np.asarray(center, float))[:, None]])


def crop(photo: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Photo (H, W, 3) uint8 moved by a (2, 3) transform into (size, size, 3) uint8; edges are repeated.

    When it shrinks, the photo is first averaged down to at most twice the resolution of the result.
    """
    shrink = int(1 / np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    linear, shift = matrix[:, :2], matrix[:, 2]
    if shrink > 1:
        height, width = photo.shape[:2]
        small = max(1, width // shrink), max(1, height // shrink)
        photo = cv2.resize(photo, small, interpolation=cv2.INTER_AREA)
        linear = linear * [width / small[0], height / small[1]]
    # OpenCV puts pixel centres on integers: x' + 0.5 = linear (x + 0.5) + shift.
    shift = shift + linear @ [0.5, 0.5] - 0.5
    return cv2.warpAffine(photo, np.hstack([linear, shift[:, None]]), (size, size),
                          flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def uncrop(
    square: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...], *, nearest: bool = False,
    outside: float | None = 0,
) -> np.ndarray:
    """A map of the square (S, S) or (S, S, C) that `crop` cut by `matrix`, in the photo (H, W): `shape`.

    nearest: for labels. outside: what is beside the square; None repeats its edges.
    """
    shift = matrix[:, 2] + matrix[:, :2] @ [0.5, 0.5] - 0.5  # as in `crop`
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    return cv2.warpAffine(square, np.column_stack([matrix[:, :2], shift]), (shape[1], shape[0]),
                          flags=how | cv2.WARP_INVERSE_MAP, borderMode=border, borderValue=outside or 0)  # fmt: skip
