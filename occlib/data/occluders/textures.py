"""Procedural textures, (h, w, 3) uint8 sRGB: cloth, wood, metal, stripes, dots, plaid, print, noise."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 128


def color(rng: np.random.Generator) -> np.ndarray:
    """(3,) sRGB of something people own: black, white and grey are common, other hues are mostly muted."""
    kind = rng.random()
    if kind < 0.18:
        return np.full(3, rng.uniform(0.03, 0.18)) + rng.uniform(0, 0.02, 3)
    if kind < 0.32:
        return np.full(3, rng.uniform(0.78, 0.95)) - rng.uniform(0, 0.05, 3)
    if kind < 0.42:
        return np.full(3, rng.uniform(0.2, 0.75)) + rng.uniform(-0.03, 0.03, 3)
    return hue(rng.random(), rng.beta(1.6, 2.2), rng.uniform(0.2, 0.9))


def hue(angle: float, saturation: float, value: float) -> np.ndarray:
    """(3,) sRGB of hue (in turns), saturation and value, each in [0, 1]."""
    ramp = np.abs((angle * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    return value * (1 - saturation + saturation * np.clip(ramp, 0, 1))


def noise(rng: np.random.Generator, cells: int, octaves: int = 3) -> np.ndarray:
    """(SIDE, SIDE) float32 in [0, 1] around 0.5, that tiles: grids of random numbers, each finer and
    fainter."""
    total, weight = np.zeros((SIDE, SIDE), np.float32), 0.0
    for octave in range(octaves):
        count = cells * 2**octave
        if count > SIDE:
            break
        grid = np.pad(rng.random((count, count), np.float32), 2, mode="wrap")
        scale = -(-SIDE // count)
        fine = cv2.resize(grid, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        period = slice(2 * scale, (2 + count) * scale)
        total += 0.5**octave * cv2.resize(fine[period, period], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        weight += 0.5**octave
    return np.clip(total / weight, 0, 1)


def mix(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Texture that runs from `first` where share (h, w) is 0 to `second` where it is 1; colours are sRGB
    (3,)."""
    share = share.astype(np.float32)[..., None]
    blend = np.float32(255) * ((1 - share) * first.astype(np.float32) + share * second.astype(np.float32))
    return np.clip(blend + 0.5, 0, 255).astype(np.uint8)


def plain(rng: np.random.Generator, base: np.ndarray | None = None, grain: float = 0.06) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: one colour, `base` (3,) if given, with faint stains."""
    base = color(rng) if base is None else base
    return mix(
        np.clip(0.5 + (noise(rng, 4) - 0.5) * 2, 0, 1), base * (1 - grain), np.minimum(base * (1 + grain), 1)
    )


def stripes(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: stripes of two colours, lying or standing."""
    phase = np.arange(SIDE) * rng.integers(3, 14) / SIDE
    share = (np.abs(phase % 1 - 0.5) * 2 > rng.uniform(0.3, 0.7)).astype(np.float32)
    share = np.broadcast_to(cv2.GaussianBlur(share[None], (0, 0), 0.6), (SIDE, SIDE))
    return mix(share if rng.random() < 0.5 else share.T, color(rng), color(rng))


def plaid(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: bands of two colours that cross."""
    bands = [
        (np.abs((np.arange(SIDE) * rng.integers(2, 6) / SIDE) % 1 - 0.5) * 2 > rng.uniform(0.3, 0.7))
        for _ in "xy"
    ]
    return mix(0.5 * bands[0][None] + 0.5 * bands[1][:, None], color(rng), color(rng))


def dots(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: dots of one colour on another, every second row shifted by half a gap."""
    count = rng.integers(4, 14)
    y, x = np.mgrid[:SIDE, :SIDE] * (count / SIDE)
    x = x + 0.5 * (np.floor(y) % 2)
    distance = np.sqrt((x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2)
    return mix(
        np.clip((rng.uniform(0.15, 0.4) - distance) * SIDE / count + 0.5, 0, 1), color(rng), color(rng)
    )


def print_(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: patches of three colours, as flowers or camouflage."""
    field, other = noise(rng, int(rng.integers(3, 7))), noise(rng, int(rng.integers(3, 9)))
    out = mix(field > 0.5, color(rng), color(rng))
    return np.where((other > 0.58)[..., None], np.uint8(255 * np.clip(color(rng), 0, 1)), out)


def wood(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: brown with wavy rings and grain."""
    base = np.array([0.62, 0.42, 0.26]) * rng.uniform(0.4, 1.3)
    rings = np.mgrid[:SIDE, :SIDE][1] * rng.integers(3, 8) / SIDE + 1.5 * noise(rng, 2, 2)
    share = 0.5 + 0.3 * np.sin(2 * np.pi * rings) + 0.6 * (noise(rng, 16, 3) - 0.5)
    return mix(np.clip(share, 0, 1), 0.7 * base, np.minimum(1.15 * base, 1))


def blotches(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB of anything: three noises as channels around a colour."""
    cells = int(rng.integers(2, 12))
    offset = np.stack([noise(rng, cells) for _ in range(3)], axis=-1) - 0.5
    return np.uint8(255 * np.clip(color(rng) + rng.uniform(0.3, 1.2) * offset, 0, 1))


PATTERNS = (plain, plain, plain, plain, stripes, plaid, dots, print_, blotches)


def cloth(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: a plain or patterned fabric."""
    return PATTERNS[rng.integers(len(PATTERNS))](rng)


def anything(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE, 3) uint8 sRGB: a texture of any kind."""
    kinds = (*PATTERNS, wood)
    return kinds[rng.integers(len(kinds))](rng)


def weave(threads: int, rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE) uint8 heights of woven cloth with some creases."""
    wave = np.sin(np.arange(SIDE) * (np.pi * threads / SIDE)).astype(np.float32)
    share = 0.5 + 0.15 * wave * wave[:, None] + 0.8 * (noise(rng, 4, 2) - 0.5)
    return np.uint8(255 * np.clip(share, 0, 1))


def knit(loops: int) -> np.ndarray:
    """(SIDE, SIDE) uint8 heights of knitted ribs."""
    x = np.arange(SIDE) * (2 * np.pi * loops / SIDE)
    y = x[:, None]
    return np.uint8(255 * (0.5 + 0.35 * np.sin(x) + 0.15 * np.sin(2 * y + 2 * np.abs(np.sin(x / 2)))))
