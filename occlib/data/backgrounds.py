"""What is behind people: studios, rooms, streets, gardens, lights at night, drawn or cut from a photo;
blurred, never one flat colour.

All is painted in 8-bit sRGB at a small size, blurred as a lens with little depth of field blurs, and scaled
up in whole numbers, so that it is the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from occlib.data import props

SIDE = 128
"""Backgrounds are painted at this many pixels."""


def draw_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size, 3) uint8 sRGB."""
    paint, _ = _KINDS[rng.choice(len(_KINDS), p=_WEIGHTS)]
    picture = paint(rng)
    blur = rng.choice([0.7, 1.5, 4.0, 9.0], p=[0.15, 0.3, 0.35, 0.2]) * rng.uniform(0.7, 1.4)
    # Wide blurs work on a picture half as large, where nobody sees the difference.
    shrunk = 2 if blur > 2.5 else 1
    if shrunk > 1:
        picture = cv2.resize(picture, (SIDE // shrunk, SIDE // shrunk), interpolation=cv2.INTER_LINEAR_EXACT)
    picture = cv2.GaussianBlur(picture, (0, 0), float(blur) / shrunk)
    # Nothing in the world is lit evenly.
    slope = np.linspace(-1, 1, len(picture))
    a, b = rng.normal(0, 14, 2)
    shade = np.rint(a * slope[:, None] + b * slope).astype(np.int16)[..., None]
    picture = np.clip(picture.astype(np.int16) + shade, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    return cv2.resize(np.ascontiguousarray(picture), (size, size), interpolation=cv2.INTER_LINEAR_EXACT)


def _color(rng: np.random.Generator, light=(30, 225), spread: float = 22) -> np.ndarray:
    """A colour of a random lightness, not far from grey and rather warm or cold than green or purple, as most
    things are."""
    warm, green = rng.normal(0.2, 1.1) * spread, rng.normal(0, 0.35) * spread
    return np.clip(rng.uniform(*light) + np.array([warm, green, -warm]), 0, 255)


def _canvas(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """A gradient from one colour to another."""
    t = np.linspace(0, 1, SIDE)[:, None, None]
    return np.broadcast_to(np.rint(top + (bottom - top) * t), (SIDE, SIDE, 3)).astype(np.uint8).copy()


def fractal(rng: np.random.Generator, side: int, cells: int, octaves: int = 4) -> np.ndarray:
    """(side, side) int16 noise about 0, of some +-127: ever finer random grids, each half as strong."""
    total = np.zeros((side, side), np.int16)
    for octave in range(octaves):
        grid = rng.integers(0, 256, (cells << octave, cells << octave), np.uint8)
        layer = cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR_EXACT).astype(np.int16)
        total += (layer - 128) >> octave
    return total // 2


def _mix(picture: np.ndarray, noise: np.ndarray, strength: float, tint=1.0) -> np.ndarray:
    change = np.rint(noise[..., None] * (strength * np.asarray(tint))).astype(np.int16)
    return np.clip(picture + change, 0, 255).astype(np.uint8)


def _studio(rng: np.random.Generator) -> np.ndarray:
    """A backdrop with a pool of light on it."""
    color = _color(rng, (25, 240), 18)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    cx, cy = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)
    pool = 1 / (1 + ((x - cx) ** 2 + (y - cy) ** 2) * rng.uniform(1, 8))
    picture = np.rint(color * (rng.uniform(0.45, 0.85) + 0.4 * pool[..., None]))
    return _mix(np.clip(picture, 0, 255), fractal(rng, SIDE, 3), rng.uniform(0.02, 0.2))


def _room(rng: np.random.Generator) -> np.ndarray:
    """A wall with window, door or pictures, furniture and shelves."""
    wall = _color(rng, (70, 230))
    picture = _canvas(wall * rng.uniform(0.8, 1.1), wall * rng.uniform(0.6, 1.0))
    picture = _mix(picture, fractal(rng, SIDE, 2), 0.12)
    if rng.random() < 0.5:  # a corner
        x = int(rng.integers(10, SIDE - 10))
        picture[:, x:] = np.rint(picture[:, x:] * rng.uniform(0.6, 0.95)).astype(np.uint8)
    for _ in range(rng.integers(1, 5)):
        x, y = rng.integers(-20, SIDE, 2)
        w, h = rng.integers(12, 70, 2)
        light = (200, 255) if rng.random() < 0.3 else (20, 220)
        frame = _color(rng, (20, 240)).tolist()
        _box(picture, x, y, w, h, _color(rng, light))
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), frame, int(rng.integers(1, 4)))
    if rng.random() < 0.5:
        _shelf(rng, picture)
    if rng.random() < 0.5:  # furniture along the bottom
        _box(picture, rng.integers(-30, 60), rng.integers(60, 110), rng.integers(40, 120), 90, _color(rng))
    return picture


def _shelf(rng: np.random.Generator, picture: np.ndarray) -> None:
    left, step, y = int(rng.integers(-20, 80)), int(rng.integers(18, 34)), int(rng.integers(0, 20))
    right, board = left + int(rng.integers(40, 110)), _color(rng, (30, 170))
    while y < SIDE:
        _box(picture, left, y, right - left, step, board * 0.4)
        x = left
        while x < right:
            w, h = rng.integers(2, 8), rng.integers(step // 2, step - 2)
            _box(picture, x, y + step - h, w, h, _color(rng, (20, 230), 36))
            x += w + rng.integers(0, 3)
        _box(picture, left, y + step, right - left, 2, board)
        y += step


def _box(picture: np.ndarray, x: int, y: int, w: int, h: int, color: np.ndarray) -> None:
    x, y, right, bottom = (min(max(int(v), 0), SIDE) for v in (x, y, x + w, y + h))
    picture[y:bottom, x:right] = [min(max(round(c), 0), 255) for c in color.tolist()]


def _street(rng: np.random.Generator) -> np.ndarray:
    """Sky, houses with windows, the ground."""
    sky = np.clip(rng.uniform(130, 245) + np.array([-25, 0, 25]) * rng.uniform(0, 1.6), 0, 255)
    picture = _mix(_canvas(sky * 0.9, np.minimum(sky * 1.1, 255)), fractal(rng, SIDE, 2), rng.uniform(0, 0.3))
    horizon, x = int(rng.integers(70, 125)), int(rng.integers(-30, 10))
    while x < SIDE:
        w, top = int(rng.integers(16, 55)), int(rng.integers(0, 70))
        wall = _color(rng, (60, 210))
        _box(picture, x, top, w, horizon - top, wall)
        pane, gap = _color(rng, (20, 120)), int(rng.integers(5, 12))
        for wy in range(top + 4, horizon - 4, gap):
            for wx in range(x + 3, x + w - 3, gap):
                _box(picture, wx, wy, gap // 2, gap // 2 + 1, pane * rng.uniform(0.8, 1.2))
        x += w + int(rng.choice([0, 0, 12]))
    _box(picture, 0, horizon, SIDE, SIDE, _color(rng, (60, 170), 10))
    return _mix(picture, fractal(rng, SIDE, 8), 0.12)


def _garden(rng: np.random.Generator) -> np.ndarray:
    """Leaves with the sky showing through, grass below."""
    green = np.array([rng.uniform(40, 110), rng.uniform(70, 140), rng.uniform(20, 70)])
    leaves = fractal(rng, SIDE, int(rng.integers(3, 9)), 4)
    picture = _mix(_canvas(green * 1.1, green * 0.8), leaves, rng.uniform(0.6, 1.3), (1.0, 1.1, 0.6))
    bright = (fractal(rng, SIDE, 3, 4) + np.linspace(40, -70, SIDE)[:, None]) > rng.uniform(0, 50)
    picture[bright] = np.clip(_color(rng, (190, 250), 12), 0, 255).astype(np.uint8)
    for _ in range(rng.integers(0, 4)):
        x, lean = int(rng.integers(0, SIDE)), int(rng.integers(-15, 15))
        trunk = _color(rng, (25, 90), 8).tolist()
        cv2.line(picture, (x, SIDE), (x + lean, 0), trunk, int(rng.integers(2, 9)))
    return picture


def _lights(rng: np.random.Generator) -> np.ndarray:
    """Night: discs of lamps out of focus."""
    dark = _color(rng, (8, 60), 10)
    picture = _mix(_canvas(dark, dark * rng.uniform(0.5, 1.5)), fractal(rng, SIDE, 4), 0.2).astype(np.int16)
    radius = rng.uniform(3, 12)
    for _ in range(rng.integers(8, 40)):
        disc = np.zeros((SIDE, SIDE, 3), np.uint8)
        color = np.clip(np.array([255, 190, 110]) * rng.uniform(0.3, 0.9) + rng.normal(0, 40, 3), 0, 255)
        place = tuple(int(v) for v in rng.integers(0, SIDE, 2))
        cv2.circle(disc, place, max(int(radius * rng.uniform(0.7, 1.3)), 1), color.tolist(), -1)
        picture += disc
    return np.clip(picture, 0, 255).astype(np.uint8)


def _surface(rng: np.random.Generator) -> np.ndarray:
    """Brick, boards, curtain or plaster: a pattern with noise."""
    color = _color(rng, (40, 220))
    picture = np.broadcast_to(np.rint(color), (SIDE, SIDE, 3)).astype(np.uint8).copy()
    joint, step = color * rng.uniform(0.5, 1.2), int(rng.integers(7, 26))
    kind = rng.choice(["brick", "boards", "curtain", "plaster"])
    if kind == "brick":
        for k, y in enumerate(range(0, SIDE, step)):
            for x in range(-step * (k % 2), SIDE, 2 * step):
                _box(picture, x, y, 2 * step - 1, step - 1, color * rng.uniform(0.8, 1.15))
                _box(picture, x + 2 * step - 1, y, 1, step, joint)
            _box(picture, 0, y + step - 1, SIDE, 1, joint)
    elif kind == "boards":
        for x in range(0, SIDE, step):
            _box(picture, x, 0, step - 1, SIDE, color * rng.uniform(0.75, 1.2))
            _box(picture, x + step - 1, 0, 1, SIDE, joint * 0.6)
        if rng.random() < 0.4:
            picture = picture.transpose(1, 0, 2)
    elif kind == "curtain":
        picture = _mix(picture, np.repeat(fractal(rng, SIDE, 12, 2)[:1], SIDE, axis=0), rng.uniform(0.4, 0.9))
    return _mix(picture, fractal(rng, SIDE, int(rng.integers(2, 16))), rng.uniform(0.1, 0.5))


def _blobs(rng: np.random.Generator) -> np.ndarray:
    """Shapes of all colours: a place nobody can name."""
    picture = _canvas(_color(rng, spread=40), _color(rng, spread=40))
    for _ in range(rng.integers(5, 25)):
        x, y, w, h = (int(v) for v in (*rng.integers(0, SIDE, 2), *rng.integers(3, 45, 2)))
        color = _color(rng, spread=45).tolist()
        if rng.random() < 0.5:
            cv2.ellipse(picture, (x, y), (w, h), float(rng.integers(0, 180)), 0, 360, color, -1)
        else:
            _box(picture, x, y, w, h, np.array(color))
    return _mix(picture, fractal(rng, SIDE, 5), 0.25)


def _photo(rng: np.random.Generator) -> np.ndarray:
    """A piece of a photograph, in a light of another colour; the grey ones become stone, straw or plaster."""
    pictures = props.backgrounds()
    picture = pictures[rng.integers(len(pictures))]
    height, width, _ = picture.shape
    side = int(rng.integers(60, min(height, width) + 1))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    piece = np.ascontiguousarray(picture[top : top + side, left : left + side])
    piece = cv2.resize(piece, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.clip(np.rint(piece * (_color(rng, (70, 190), 12) / 128)), 0, 255).astype(np.uint8)


_KINDS: list[tuple[Callable[[np.random.Generator], np.ndarray], float]] = [
    (_studio, 0.16),
    (_room, 0.20),
    (_street, 0.14),
    (_garden, 0.12),
    (_lights, 0.06),
    (_surface, 0.10),
    (_blobs, 0.10),
    (_photo, 0.12),
]
_WEIGHTS = [weight for _, weight in _KINDS]
