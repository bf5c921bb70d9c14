"""Neck, shoulders and what covers them: every garment is a sweep over the bust's grid.

A point of a garment lies `offset` mm above the body at a row of the grid, which may be a fraction; a garment
is a list of such (row, offset) profiles, one a ring around the body.
"""

from __future__ import annotations

import functools

import numpy as np

from occlib.data import props
from occlib.data.heads import HeadGeometry, head_model
from occlib.data.scene import Surface
from occlib.rendering.kernels import kernel

GARMENTS = ("crew", "v-neck", "shirt", "turtleneck", "hoodie", "wide")
TILE = 64
"""Texels of a side of the cloth's texture; it repeats every CLOTH_MM."""
CLOTH_MM = 56.0


class Torso:
    """The bust of one person: grid (rows, columns, 3) and unit normals (rows, columns, 3), mm in head space.

    turn: radians by which the shoulders look farther to the viewer's right than the face; the neck twists.
    """

    def __init__(self, head: HeadGeometry, turn: float):
        bust = props.bust()
        grid = bust.on(head.shift)
        self.first = bust.neck_rows
        rim = _rim()
        # The grid is smoother than heads are: let it end exactly on the loop where this head is cut.
        gap = head.vertices[rim] - grid[self.first]
        fade = np.clip(1 - np.abs(np.arange(len(grid)) - self.first) / 10, 0, 1)
        grid += (fade * fade * (3 - 2 * fade))[:, None, None] * gap
        share = np.clip((np.arange(len(grid)) - self.first) / 12, 0, 1)
        angle = turn * share * share * (3 - 2 * share)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        axis = grid[self.first].mean(0)
        x, z = grid[..., 0] - axis[0], grid[..., 2] - axis[2]
        grid[..., 0], grid[..., 2] = axis[0] + cos * x + sin * z, axis[2] + cos * z - sin * x
        self.grid = grid
        down, across = np.gradient(grid, axis=0), np.roll(grid, -1, 1) - np.roll(grid, 1, 1)
        normals = np.cross(down, across)
        self.normals = normals / np.sqrt(np.square(normals).sum(-1, keepdims=True))
        self.columns = grid.shape[1]
        self.turns = np.arange(self.columns) / self.columns * 2 - 1  # -1 and 1 the back, 0 the front

    def sweep(self, profile: list[tuple], columns: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (rings * columns, 3) mm and faces (F, 3) of the surface through profiles (row, offset),
        numbers or one a column each; of all columns, closed, or of some neighbouring ones."""
        closed = columns is None
        columns = np.arange(self.columns) if closed else columns
        rows, offsets = np.empty((2, len(profile), self.columns))
        for ring, (row, offset) in enumerate(profile):
            rows[ring], offsets[ring] = row, offset
        vertices = np.empty((len(profile) * len(columns), 3))
        _sweep(self.grid, self.normals, rows, offsets, columns, vertices)
        return vertices, _grid_faces(len(profile), len(columns), closed)


@kernel
def _sweep(grid, normals, rows, offsets, columns, vertices):
    """Points `offsets` mm above the grid at `rows`, both (rings, columns of the grid), into (rings * columns,
    3)."""
    v = 0
    for ring in range(len(rows)):
        for column in columns:
            row = min(max(rows[ring, column], 0.0), len(grid) - 1.001)
            at = int(row)
            part = row - at
            for c in range(3):
                point = (1 - part) * grid[at, column, c] + part * grid[at + 1, column, c]
                normal = (1 - part) * normals[at, column, c] + part * normals[at + 1, column, c]
                vertices[v, c] = point + offsets[ring, column] * normal
            v += 1


@functools.cache
def _rim() -> np.ndarray:
    """(columns,) the head's vertex nearest to each column of the grid on the loop where the head ends."""
    model, bust = head_model(), props.bust()
    edges = np.sort(np.concatenate([model.faces[:, [a, (a + 1) % 3]] for a in range(3)]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    loop = np.unique(unique[count == 1])
    loop = loop[(model.parts[loop] == 0) & (model.mean_vertices[loop, 1] < -90)]
    ring = bust.rest[bust.neck_rows]
    distance = np.square(ring[:, None] - model.mean_vertices[loop]).sum(-1)
    return loop[distance.argmin(1)]


@functools.lru_cache(maxsize=64)
def _grid_faces(rows: int, columns: int, closed: bool) -> np.ndarray:
    right = columns if closed else columns - 1
    row, column = (x.ravel() for x in np.meshgrid(np.arange(rows - 1), np.arange(right), indexing="ij"))
    a, b = row * columns + column, row * columns + (column + 1) % columns
    return np.stack([a, a + columns, b + columns, a, b + columns, b], axis=1).reshape(-1, 3).astype(np.int32)


def neck(torso: Torso, albedo: np.ndarray, **material) -> Surface:
    """Skin from where the head ends down to the chest, coloured as the head's neck is, albedo (V, 3)."""
    rows = np.arange(torso.first, len(torso.grid) - 12)
    vertices, faces = torso.sweep([(row, 0.0) for row in rows])
    rim = albedo[_rim()]
    fade = np.clip((rows - torso.first) / 8, 0, 1)[:, None, None]
    color = rim + fade * (rim.mean(0, dtype=np.float64) - rim)
    return Surface(
        vertices.astype(np.float32), faces, color=color.reshape(-1, 3).astype(np.float32), **material
    )


def dress(torso: Torso, kind: str, rng: np.random.Generator) -> list[Surface]:
    """One of GARMENTS in a random cloth."""
    front = np.maximum(1 - np.abs(torso.turns) / 0.5, 0)  # 1 in front, 0 at the sides
    dip = {"crew": 1.0, "v-neck": rng.uniform(5, 10), "shirt": rng.uniform(1, 5), "turtleneck": 0.0,
           "hoodie": rng.uniform(1, 4), "wide": rng.uniform(2, 5)}[kind]  # fmt: skip
    wide, usual = rng.uniform(4, 6), rng.uniform(0.6, 2.0)
    base = torso.first + {"wide": wide, "turtleneck": 1.0, "hoodie": 2.0}.get(kind, usual)
    # A V narrows evenly; other necklines are round.
    pointed = np.maximum(1 - np.abs(torso.turns) / 0.34, 0)
    row = base + dip * (pointed if kind in ("v-neck", "shirt") else front * front * (3 - 2 * front))
    high = 0.8 + 3.2 * front  # the chin needs room
    edge = {
        "turtleneck": [(high + 0.6, 3.5), (high, 6.0), (high + 0.4, 7.5), (high + 1.5, 8.0),
                       (0.5 * high + 4.5, 7.5), (8.3, 5.0)],
        "hoodie": [(row - 1, 1.0), (row - 2.6, 8.0), (row - 2.4, 17.0), (row - 0.5, 22.0),
                   (row + 2, 19.0), (row + 3.2, 9.0)],
    }.get(kind, [(row, -0.5), (row, 2.4), (row + 0.4, 3.6), (row + 1.6, 3.6), (row + 2.0, 2.4)])  # fmt: skip
    profile = list(edge)
    wave = rng.uniform(0, 2 * np.pi, 2)
    start = (torso.first + 0.4) * np.ones(torso.columns) if kind == "turtleneck" else row
    edge_row = np.maximum(*(np.broadcast_to(x, torso.columns) for x in (edge[-1][0], start)))
    down = np.linspace(0.02, 1, 22)[:, None] ** 1.3 * (len(torso.grid) - 2 - edge_row)
    angle, k = np.pi * torso.turns, np.arange(22)[:, None]
    folds = np.sin(5 * angle + wave[0] + 0.25 * k) + 0.6 * np.sin(9 * angle + wave[1] - 0.2 * k)
    profile.extend(zip(edge_row + down, 3.0 + np.minimum(down / 12, 1) * (3.0 + 1.3 * folds), strict=True))
    texture, color = cloth(rng)
    surfaces = [_sewn(torso, profile, None, texture, color)]
    if kind == "shirt":
        leaf = row.min() + 2.5 + 3.5 * np.exp(-np.square(torso.turns / 0.10))
        stand = row.min() - rng.uniform(2.5, 4.0)
        collar = [(row.min() + 0.5, 2.5), (stand, 3.6), (stand - 0.5, 5.2), (stand, 7.2),
                  (0.5 * (stand + leaf), 8.2), (leaf, 8.6)]  # fmt: skip
        sides = np.flatnonzero(np.abs(torso.turns) > rng.uniform(0.03, 0.08))
        split = np.flatnonzero(np.diff(sides) > 1)[0] + 1
        # From the right of the gap round the back to its left, so that neighbours stay neighbours.
        surfaces.append(_sewn(torso, collar, np.concatenate([sides[split:], sides[:split]]), texture, color))
    return surfaces


def _sewn(torso, profile, columns, texture, color) -> Surface:
    vertices, faces = torso.sweep(profile, columns)
    x, y, z = vertices.T
    uv = np.stack([x, y + 0.3 * z], axis=1) / CLOTH_MM
    return Surface(
        vertices.astype(np.float32), faces, color=np.broadcast_to(color.astype(np.float32), vertices.shape),
        texture=texture, uv=uv.astype(np.float32), two_sided=True, specular=0.25, gloss=0.1,
    )  # fmt: skip


def cloth(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Texture (TILE, TILE, 3) uint8 and the colour (3,) that multiplies it: plain, flecked, striped or
    checked."""
    grey = np.full(3, rng.choice([0.06, 0.10, 0.2, 0.45, 0.75, 0.88]))
    hue = rng.choice([
        [0.1, 0.16, 0.35], [0.45, 0.08, 0.1], [0.12, 0.28, 0.18], [0.5, 0.42, 0.3], [0.75, 0.5, 0.55],
        [0.35, 0.5, 0.7], [0.7, 0.6, 0.25], [0.32, 0.2, 0.38], [0.25, 0.25, 0.3]])  # fmt: skip
    color = grey if rng.random() < 0.5 else np.clip(hue + rng.normal(0, 0.06, 3), 0.04, 0.9)
    weave = 1 + rng.normal(0, 1, (TILE, TILE)) * rng.choice([0.02, 0.05, 0.12], p=[0.6, 0.3, 0.1])
    y, x = np.mgrid[:TILE, :TILE]
    other = np.clip(
        rng.choice([0.15, 0.5, 1.5, 2.5]) * np.ones(3) + rng.normal(0, 0.15, 3), 0.1, 0.95 / color.max()
    )
    period = TILE // rng.choice([1, 2, 4])
    width = rng.uniform(0.2, 0.6) * period
    pattern = rng.choice(["plain", "stripes", "pinstripes", "checks"], p=[0.82, 0.06, 0.07, 0.05])
    covered = {"plain": 0.0, "stripes": 1.0 * (y % period < width), "pinstripes": 1.0 * (x % (TILE // 4) < 2),
               "checks": 0.5 * (y % period < width) + 0.5 * (x % period < width)}[pattern]  # fmt: skip
    tint = 1 + np.asarray(covered)[..., None] * (other - 1)
    brightest = max(float(tint.max()) * 1.2, 1.0)
    texture = (weave[..., None] * tint / brightest).clip(0, 1) * np.ones((TILE, TILE, 3))
    return np.rint(255 * texture).astype(np.uint8), color * brightest
