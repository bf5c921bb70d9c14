"""Heads drawn from a face model, photographed by our renderer: tests whose truth is known to the vertex."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from occlib.morphable import Coefficients, MorphableModel, sample_expression_units
from occlib.reconstruction import face_vertices
from occlib.rendering import Camera, PerspectiveCamera, render

PHOTO_SIZE = 320
STRANGE_SD = 2.5  # mm, of the displacement that makes a head one the model cannot make
STRANGE_LENGTH = 35.0  # mm, over which that displacement changes
STRANGE_DISTANCE = 700.0  # mm from the camera: a portrait lens close by, where orthography errs


@dataclass
class Head:
    """One drawn head. photo: (S, S, 3) uint8. occluded: the same behind an occluder. mask: (S, S) bool, where.

    vertices: (V, 3) mm, the truth. coefficients: what it was drawn with, pose in pixels of the photo.
    """

    photo: np.ndarray
    occluded: np.ndarray
    mask: np.ndarray
    vertices: np.ndarray
    coefficients: Coefficients


def draw_heads(model: MorphableModel, count: int, **options) -> Iterator[Head]:
    """Draw `count` heads, each as `draw_head` does with these options."""
    for index in range(count):
        yield draw_head(model, index, **options)


def draw_head(
    model: MorphableModel,
    index: int,
    *,
    seed: int = 0,
    max_yaw: float = 30.0,
    covered: float = 0.3,
    strange: bool = False,
) -> Head:
    """Draw a head: identity, texture, expression, pose (yaw within max_yaw degrees), light, noise.

    covered: share of the visible face region that the occluder hides. strange: neutral heads outside the span
    of the model (a smooth random displacement on top) under a perspective camera, to see what a fit
    is worth on heads that no coefficients describe. The head depends on (seed, index) only.
    """
    in_face = face_vertices(model).float()
    white = Coefficients.neutral(1).lighting
    rng = np.random.default_rng([seed, index])
    coefficients = draw_coefficients(model, rng, max_yaw=max_yaw)
    camera = Camera(coefficients.pose, PHOTO_SIZE)
    if strange:
        coefficients.expression.zero_()
        focal_length = STRANGE_DISTANCE * float(coefficients.pose[0, 3])
        camera = PerspectiveCamera(coefficients.pose, PHOTO_SIZE, focal_length)
    vertices = model.shape(coefficients.identity, coefficients.expression)
    if strange:
        vertices = vertices + smooth_displacement(vertices, rng)
    albedo = model.albedo(coefficients.texture)
    rendering = render(vertices, model.faces, albedo, coefficients.lighting, camera, PHOTO_SIZE)
    # The face region as a picture: white light on an albedo that is 1 inside.
    region = render(vertices, model.faces, in_face[None, :, None].expand(1, -1, 3), white, camera, PHOTO_SIZE)
    face = region.image[0, 0].numpy() > 0.5
    image = rendering.image[0].permute(1, 2, 0).numpy()
    clean = image + (1 - rendering.alpha[0, 0, :, :, None].numpy()) * _texture(rng, rng.uniform(1, 40))
    mask = draw_mask(face, covered, rng)
    occluded = np.where(mask[..., None], _texture(rng, rng.uniform(1, 20)), clean)
    return Head(_photograph(clean, rng), _photograph(occluded, rng), mask, vertices[0].numpy(), coefficients)


def draw_coefficients(model: MorphableModel, rng: np.random.Generator, *, max_yaw: float) -> Coefficients:
    """Random coefficients: standard normal identity and texture, a few semantic expression units, pose, light."""

    def normal(size: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal((1, size))).float().clamp(-2.5, 2.5)

    expression = model.expression_units(torch.from_numpy(sample_expression_units(model.unit_names, 1, rng)))
    yaw, pitch, roll = np.radians([rng.uniform(-max_yaw, max_yaw), rng.uniform(-12, 12), rng.uniform(-15, 15)])
    scale = rng.uniform(0.85, 1.0) * PHOTO_SIZE / 320
    center = PHOTO_SIZE / 2 + rng.uniform(-8, 8, 2)
    pose = torch.tensor([[pitch, yaw, roll, scale, *center]], dtype=torch.float32)
    direction = rng.standard_normal(3)
    direction[2] = abs(direction[2]) + 0.5  # light from the front half
    direction /= np.linalg.norm(direction)
    ambient, strength = rng.uniform(0.6, 0.9), rng.uniform(0.3, 1.0)
    lighting = torch.zeros(1, 9)
    lighting[0, 0] = ambient * (4 * np.pi) ** 0.5
    lighting[0, 1:4] = torch.from_numpy(strength * direction[[1, 2, 0]])  # bands (1,-1), (1,0), (1,1): y, z, x
    lighting[0, 4:] = torch.from_numpy(0.1 * rng.standard_normal(5))
    return Coefficients(normal(model.n_identity), expression, normal(model.n_texture), lighting, pose)


def smooth_displacement(vertices: torch.Tensor, rng: np.random.Generator, waves: int = 200) -> torch.Tensor:
    """A Gaussian random field of displacements (..., 3) mm at (..., 3) mm positions, by random Fourier features.

    Squared-exponential covariance of length STRANGE_LENGTH and standard deviation STRANGE_SD a coordinate
    (Rahimi & Recht 2007).
    """
    frequency = torch.from_numpy(rng.standard_normal((3, waves)) / STRANGE_LENGTH).to(vertices)
    phase = torch.from_numpy(rng.uniform(0, 2 * np.pi, waves)).to(vertices)
    weight = torch.from_numpy(rng.standard_normal((waves, 3)) * STRANGE_SD * (2 / waves) ** 0.5).to(vertices)
    return torch.cos(vertices @ frequency + phase) @ weight


def draw_mask(face: np.ndarray, covered: float, rng: np.random.Generator) -> np.ndarray:
    """A blob (an ellipse or a turned rectangle) that hides `covered` of the (S, S) bool face region."""
    rows, columns = np.nonzero(face)
    pick = rng.integers(len(rows))
    center = (float(columns[pick]), float(rows[pick]))
    angle, aspect, is_box = rng.uniform(0, 180), rng.uniform(0.5, 2.0), rng.uniform() < 0.5

    def blob(radius: float) -> np.ndarray:
        canvas = np.zeros(face.shape, np.uint8)
        box = (center, (2 * radius * aspect**0.5, 2 * radius / aspect**0.5), angle)
        if is_box:
            cv2.fillConvexPoly(canvas, cv2.boxPoints(box).round().astype(np.int32), 1)
        else:
            cv2.ellipse(canvas, box, 1, thickness=-1)
        return canvas.astype(bool)

    low, high = 1.0, float(face.shape[0])
    for _ in range(20):  # the covered share grows with the radius: bisection
        middle = (low + high) / 2
        low, high = (middle, high) if blob(middle)[face].mean() < covered else (low, middle)
    return blob(high)


def _texture(rng: np.random.Generator, grain: float) -> np.ndarray:
    """A random colour texture (S, S, 3) in [0, 1] that changes over about `grain` pixels."""
    cells = max(4, round(PHOTO_SIZE / (2 * grain)))
    noise = cv2.resize(rng.standard_normal((cells, cells, 3)), (PHOTO_SIZE, PHOTO_SIZE), interpolation=cv2.INTER_CUBIC)
    noise /= noise.std() + 1e-9
    return np.clip(rng.uniform(0.1, 0.9, 3) + rng.uniform(0.02, 0.2) * noise, 0, 1)


def _photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sensor noise and rounding: (S, S, 3) in [0, 1] -> uint8."""
    return (255 * np.clip(image + rng.normal(0, 0.015, image.shape), 0, 1)).round().astype(np.uint8)
