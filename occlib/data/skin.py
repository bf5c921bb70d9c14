"""What skin and eyes show beyond the face model's albedo: pores, wrinkles, freckles, stubble, brows, irises.

The albedo of a face is its vertices' colour times a texture over the maps' window, where UNIT means 1.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from occlib.data import props
from occlib.data.heads import JAW_MM
from occlib.rendering.kernels import kernel

UNIT = 170
WRINKLES = ("forehead", "forehead too", "frown", "eyes", "mouth")
BEARDS = ("moustache", "chin", "jaw")
BUMP_MM = 2.0
"""Height of 255 in the bump texture."""


@dataclass(frozen=True)
class Skin:
    """How a person's skin looks; amounts are 0 for none, about 1 for strong.

    wrinkles (5,) and beard (3,): of WRINKLES and BEARDS. freckles; blotches; pores. brow: which of the 12;
    brow_strength. beard_color (3,), brow_color (3,) sRGB. moles (N, 4): row and column in the maps' window,
    radius in texels, darkness in [0, 1]. offset (2,): where the tiles start.
    """

    wrinkles: np.ndarray
    beard: np.ndarray
    freckles: float
    blotches: float
    pores: float
    brow: int
    brow_strength: float
    beard_color: np.ndarray
    brow_color: np.ndarray
    moles: np.ndarray
    offset: np.ndarray


def paint_face(skin: Skin, color: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texture (h, w, 3) uint8 and bump (h, w) uint8 over the maps' window, for skin of sRGB `color` (3,)."""
    maps = props.skin_maps()
    height, width = maps["freckles"].shape
    texture, bump = np.empty((height, width, 3), np.uint8), np.empty((height, width), np.uint8)
    _paint(
        _marks(), _stacked("wrinkles", *WRINKLES), _stacked("beard", *BEARDS),
        maps["freckles"], maps["lips"], _stacked("tile", "pores", "mottle", "hairs"), skin.offset,
        skin.wrinkles / 255, skin.beard / 255, np.array([skin.freckles, skin.blotches, skin.pores]),
        np.minimum(skin.beard_color / color, 1.3), texture, bump,
    )  # fmt: skip
    top, bottom, left, right = maps["brow_window"]
    _cover(texture[top:bottom, left:right], maps["brows"][skin.brow], skin.brow_strength / 255,
           np.minimum(skin.brow_color / color, 1.4))  # fmt: skip
    for row, column, radius, dark in skin.moles:
        _mole(texture, row, column, radius, dark)
    return texture, bump


@functools.cache
def _stacked(kind: str, *names: str) -> np.ndarray:
    return np.stack([props.skin_maps()[f"{kind}/{name}"] for name in names])


@functools.cache
def _marks() -> np.ndarray:
    """(h, w) uint16: where there can be more than pores and blotches; bits of wrinkles, beards, freckles,
    lips."""
    maps = props.skin_maps()
    kinds = [*_stacked("wrinkles", *WRINKLES), *_stacked("beard", *BEARDS), maps["freckles"], maps["lips"]]
    return sum((kind > 0).astype(np.uint16) << bit for bit, kind in enumerate(kinds)).astype(np.uint16)


@kernel
def _texel(light):
    return np.uint8(min(max(UNIT * light + 0.5, 0.0), 255.0))


@kernel
def _bump(mm):
    return np.uint8(min(max(128 + 255 / BUMP_MM * mm + 0.5, 0.0), 255.0))


@kernel
def _paint(
    marks, wrinkles, beards, freckles, lips, tiles, offset, creases, beard, amounts, hair, texture, bump
):
    """Fill texture and bump; marks: see `_marks`; hair (3,): colour of the beard, relative to the skin's."""
    height, width = freckles.shape
    side, last = tiles.shape[1], tiles.shape[1] - 1  # a power of two
    spots, blotches, pores = amounts[0] / 255, amounts[1] / 128, amounts[2] / 128
    # What this person's skin has at all: most texels show only pores and blotches, which repeat with their
    # tile.
    creased, bearded = 0, 0
    for k in range(len(creases)):
        creased |= int(creases[k] > 0) << k
    for k in range(len(beard)):
        bearded |= int(beard[k] > 0) << (len(creases) + k)
    drawn = creased | bearded | int(spots > 0) << 8 | 1 << 9
    light, plain = np.empty(3), np.empty((side, side, 4), np.uint8)
    for ty in range(side):
        for tx in range(side):
            pore, mottle = (tiles[0, ty, tx] - 128.0) * pores, (tiles[1, ty, tx] - 128.0) * blotches
            shade = 1 + 0.07 * pore + 0.05 * mottle
            plain[ty, tx, 0] = _texel(shade + 0.01 * mottle)
            plain[ty, tx, 1] = plain[ty, tx, 2] = _texel(shade - 0.02 * mottle)
            plain[ty, tx, 3] = _bump(0.07 * pore)
    for y in range(height):
        ty = (y + offset[0]) & last
        for x in range(width):
            tx = (x + offset[1]) & last
            mark = marks[y, x] & drawn
            if mark == 0:
                for c in range(3):
                    texture[y, x, c] = plain[ty, tx, c]
                bump[y, x] = plain[ty, tx, 3]
                continue
            pore, mottle = (tiles[0, ty, tx] - 128.0) * pores, (tiles[1, ty, tx] - 128.0) * blotches
            shade = 1 + 0.07 * pore + 0.05 * mottle
            light[0], light[1], light[2] = shade + 0.01 * mottle, shade - 0.02 * mottle, shade - 0.02 * mottle
            mm = 0.07 * pore
            # Lips have no pores, they are furrowed from top to bottom.
            lip = lips[y, x] * (1 / 255)
            furrow = lip * (tiles[0, ((y >> 3) + offset[1]) & last, tx] - 128.0) * (1 / 128)
            crease, rough = 0.0, 0.0
            if mark & creased:
                for k in range(len(creases)):
                    crease += wrinkles[k, y, x] * creases[k]
            freckle = freckles[y, x] * spots
            change = 0.06 * furrow - 0.07 * lip * pore - 0.13 * crease
            light[0] = (light[0] + change) * (1 - 0.20 * freckle) - 0.03 * crease
            light[1] = (light[1] + change) * (1 - 0.34 * freckle) - 0.06 * crease
            light[2] = (light[2] + change) * (1 - 0.42 * freckle) - 0.06 * crease
            mm += 0.12 * furrow - 0.07 * lip * pore - 0.45 * crease
            if mark & bearded:
                for k in range(len(beard)):
                    rough += beards[k, y, x] * beard[k]
                hairs = tiles[2, ty, tx] * (1 / 255)
                # A shade of what is under the skin, then single hairs, which merge as they get dense.
                cover = min(rough * (0.42 + 0.45 * hairs * (1 - 0.4 * rough)), 0.94)
                for c in range(3):
                    light[c] += cover * (hair[c] - light[c])
            for c in range(3):
                texture[y, x, c] = _texel(light[c])
            bump[y, x] = _bump(mm)


@kernel
def _cover(texture, opacity, strength, color):
    """Paint `color` (3,), relative to the skin's, over a window of the texture."""
    for y in range(opacity.shape[0]):
        for x in range(opacity.shape[1]):
            if opacity[y, x] > 0:
                a = min(opacity[y, x] * strength, 0.96)
                for c in range(3):
                    value = texture[y, x, c] * (1 - a) + a * UNIT * color[c]
                    texture[y, x, c] = np.uint8(min(value + 0.5, 255.0))


@kernel
def _mole(texture, row, column, radius, dark):
    reach = int(radius) + 2
    for y in range(max(int(row) - reach, 0), min(int(row) + reach + 1, texture.shape[0])):
        for x in range(max(int(column) - reach, 0), min(int(column) + reach + 1, texture.shape[1])):
            distance = np.sqrt((y - row) ** 2 + (x - column) ** 2)
            a = dark * min(max(radius + 0.7 - distance, 0.0), 1.0)
            for c in range(3):
                texture[y, x, c] = np.uint8(texture[y, x, c] * (1 - a * (0.75 + 0.1 * c)))


@functools.cache
def brow_labels(brow: int) -> np.ndarray:
    """(h, w) bool over the maps' window: the area of one of the 12 brows, closed between its hairs."""
    maps = props.skin_maps()
    top, bottom, left, right = maps["brow_window"]
    area = np.zeros(maps["freckles"].shape, bool)
    cover = maps["brows"][brow].astype(np.int64)
    sums = np.pad(cover, 5).cumsum(0).cumsum(1)
    area[top:bottom, left:right] = (sums[9:, 9:] - sums[:-9, 9:] - sums[9:, :-9] + sums[:-9, :-9])[
        : cover.shape[0], : cover.shape[1]] > 81 * 40  # fmt: skip
    return area


@functools.cache
def teeth_texture() -> np.ndarray:
    """(16, 512, 3) uint8: darker between the teeth of the upper half, the upper jaw, and of the lower."""
    texture = np.full((16, 512, 3), 255.0)
    x = (np.arange(512) + 0.5) / 512 * JAW_MM - JAW_MM / 2
    for rows, widths in ((slice(0, 8), (8.6, 6.8, 7.6, 7.0, 6.8)), (slice(8, 16), (5.4, 5.8, 6.8, 7.0, 7.0))):
        for gap in (0.0, *np.cumsum(widths)):
            near = np.clip(1.6 - 2 * np.abs(np.abs(x) - gap), 0, 1)[:, None]
            texture[rows] *= 1 - near * [0.13, 0.18, 0.22]
    return np.rint(texture).astype(np.uint8)


EYE_SIDE = 112
"""Texels of a side of an eye's texture."""
IRIS = 0.415
"""Radius of the iris, in radii of the eyeball."""


@dataclass(frozen=True)
class Eye:
    """iris, ring (3,): sRGB of the outer iris and of the ring around the pupil; pupil: its radius as a share
    of the iris'; redness of the white in [0, 1]; offset (2,): where the fibres' tile starts; catchlight (4,):
    the mirrored window: its column and row from the pupil (right, down) and half its side, in radii of the
    iris, and its strength in [0, 1]."""

    iris: np.ndarray
    ring: np.ndarray
    pupil: float
    redness: float
    offset: np.ndarray
    catchlight: np.ndarray


def paint_eye(eye: Eye) -> np.ndarray:
    """(EYE_SIDE, EYE_SIDE, 3) uint8: an eyeball seen along its axis."""
    picture = np.empty((EYE_SIDE, EYE_SIDE, 3), np.uint8)
    tiles = _stacked("tile", "pores", "mottle")
    _paint_eye(
        _eye_angles(), tiles, eye.iris, eye.ring, eye.pupil, eye.redness, eye.offset, eye.catchlight, picture
    )
    return picture


@functools.cache
def _eye_angles() -> np.ndarray:
    """(EYE_SIDE, EYE_SIDE) angle of each texel around the pupil, as a column of a tile."""
    at = (np.arange(EYE_SIDE) + 0.5) / EYE_SIDE * 2 - 1
    turns = np.arctan2(-at[:, None], at) / np.pi + 1
    return np.floor(turns * props.skin_maps()["tile/pores"].shape[1] / 2).astype(np.int64)


@kernel
def _step(start, end, x):
    """Rises smoothly from 0 at `start` to 1 at `end`, which may be the smaller."""
    t = min(max((x - start) / (end - start), 0.0), 1.0)
    return t * t * (3 - 2 * t)


@kernel
def _paint_eye(angles, tiles, iris, ring, pupil, redness, offset, catchlight, picture):
    side, last = len(picture), tiles.shape[1] - 1
    white = (0.80 - 0.02 * redness, 0.765 - 0.06 * redness, 0.735 - 0.06 * redness)
    flesh = (0.74, 0.47, 0.42)
    for row in range(side):
        for column in range(side):
            x, y = (column + 0.5) / side * 2 - 1, (row + 0.5) / side * 2 - 1
            radius = np.sqrt(x * x + y * y)
            r, angle = radius / IRIS, angles[row, column]
            fibres = tiles[0, (offset[0] + int(r * 9)) & last, (angle + offset[1]) & last] / 128.0 - 1
            clouds = tiles[1, (offset[0] + int(r * 30)) & last, (2 * angle + offset[1]) & last] / 128.0 - 1
            veins = tiles[0, (angle // 3 + offset[0]) & last, int(radius * 40) & last] / 128.0 - 1
            inner = _step(0.75, 0.35, r + 0.15 * clouds)
            limbus = 1 - 0.62 * _step(0.78, 1.0, r)  # its dark rim
            texture = (1 + 0.42 * fibres + 0.15 * clouds) * limbus
            texture *= 1 - 0.35 * _step(pupil + 0.18, pupil, r)
            hole, outside = _step(pupil + 0.05, pupil - 0.05, r), _step(0.94, 1.06, r)
            corner = (0.35 + 0.5 * redness) * _step(0.55, 0.95, radius)
            across = max(abs(x / IRIS - catchlight[0]), abs(y / IRIS - catchlight[1]))
            glint = catchlight[3] * _step(catchlight[2] + 0.05, catchlight[2] - 0.05, across)
            for c in range(3):
                color = (iris[c] + inner * (ring[c] - iris[c])) * texture
                color += hole * (0.02 - color)
                ball = (white[c] + corner * (flesh[c] - white[c])) * (1 + 0.05 * (c > 0) * min(veins, 0.0))
                color += outside * (ball - color)
                color += glint * (1 - color)
                picture[row, column, c] = np.uint8(min(max(255 * color + 0.5, 0.0), 255.0))
