"""What happens to pictures before a network learns from them: random shapes, movements, cameras.

The stages draw from the same ones. Every random number comes from the given generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from occlib.images import to_bytes


@dataclass(frozen=True)
class Photography:
    """How often a photo is grey, blurred, small, noisy or a JPEG, as bad cameras and old archives have it."""

    grey: float = 0.15
    blur: float = 0.25
    small: float = 0.25
    noise: float = 0.35
    jpeg: float = 0.5


def photographed(image: np.ndarray, rng: np.random.Generator, how: Photography) -> np.ndarray:
    """(S, S, 3) float32 in [0, 1] as another camera would have taken it: light, colours, sharpness, noise,
    JPEG."""
    return recorded(exposed(image, rng, how), rng, how)


def exposed(image: np.ndarray, rng: np.random.Generator, how: Photography) -> np.ndarray:
    """What light and lens do to an image (S, S, 3) float32 in [0, 1]: other colours, less sharpness. Not
    clipped to [0, 1]."""
    size = len(image)
    cast = np.exp(rng.normal(0, 0.22) + rng.normal(0, 0.07, 3))
    image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.2))) * cast.astype(np.float32)
    level = image.mean()
    image = level + (image - level) * np.float32(np.exp(rng.normal(0, 0.2)))
    grey = image @ np.array([[0.299], [0.587], [0.114]], np.float32)
    saturation = 0 if rng.random() < how.grey else np.exp(rng.normal(0, 0.25))
    image = grey + np.float32(saturation) * (image - grey)
    if rng.random() < how.small:
        side = int(size * rng.uniform(0.25, 0.8))
        image = cv2.resize(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), (size, size))
    if rng.random() < how.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    return image


def recorded(image: np.ndarray, rng: np.random.Generator, how: Photography) -> np.ndarray:
    """What the sensor and the file make of an image (S, S, 3): noise, 8 bits, JPEG. float32 in [0, 1]."""
    size, grey = len(image), np.abs(image - image[..., :1]).max() < 1e-5
    if rng.random() < how.noise:
        grains = rng.normal(0, rng.uniform(0.005, 0.05), (size, size, 1 if grey else 3))
        image = image + grains.astype(np.float32)
    pixels = to_bytes(image)
    if rng.random() < how.jpeg:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(30, 95))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR)
    return pixels.astype(np.float32) / 255


def random_shape(rng: np.random.Generator, size: int) -> np.ndarray:
    """(S, S) float32, 0 or 1: a blob, a polygon, or a few strokes from thin to thick, somewhere near the
    face."""
    shape = np.zeros((size, size), np.float32)
    center = rng.uniform(0.2, 0.8, 2) * size
    kind = rng.random()
    if kind < 0.35:
        axes = rng.uniform(0.05, 0.3, 2) * size
        cv2.ellipse(shape, (center, 2 * axes, rng.uniform(0, 180)), 1.0, -1)
    elif kind < 0.65:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
        reach = rng.uniform(0.08, 0.35, len(angles)) * size
        corners = center + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], -1)
        cv2.fillPoly(shape, [corners.astype(np.int32)], 1.0)
    else:
        thickness = int(np.exp(rng.uniform(np.log(0.008), np.log(0.09))) * size) + 1
        for _ in range(rng.integers(1, 5)):
            start, end = rng.uniform(0.1, 0.9, (2, 2)) * size
            bend = (start + end) / 2 + rng.normal(0, 0.1, 2) * size
            t = np.linspace(0, 1, 24)[:, None]
            curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
            cv2.polylines(shape, [curve.astype(np.int32)], False, 1.0, thickness)
    return shape


def random_similarity(
    rng, size: int, turn: float, shift: float, scale: tuple[float, float], mirror: bool
) -> np.ndarray:
    """(2, 3): a random similarity about the middle of size x size pixels."""
    angle, factor = math.radians(rng.uniform(-turn, turn)), math.exp(rng.uniform(*np.log(scale)))
    linear = factor * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = linear @ np.diag([-1.0 if mirror else 1.0, 1.0])
    middle = np.full(2, (size - 1) / 2)
    return np.column_stack([linear, middle + rng.uniform(-shift, shift, 2) * size - linear @ middle])


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """(S, S) float32 smooth noise of about unit variance."""
    return cv2.resize(
        rng.normal(size=(cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
