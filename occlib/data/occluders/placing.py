"""Where an occluder goes: depth maps to rest it on the face, a map of the head to drape it over, and its
coverage."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np

from occlib.data.scene import GRID, Surface
from occlib.rendering.kernels import kernel

FACE_REGIONS = (0, 1, 2, 3, 4, 8)
"""Regions of the face model that belong to the face: skin, brows, eyes, nose, lips, mouth."""
EARS, NECK, MOUTH = 5, 7, 8
EMPTY = -1e9
"""Height where there is nothing."""
FAR_AHEAD = (0.0, 0.0, 1e5)
"""A camera, mm in head space, that sees the face straight and nearly without perspective."""


Make = Callable[[float], list[Surface]]
"""What a family of occluders returns for (wearer, rng): a style, drawn once, that builds its surfaces in head
space so that they hide little of the face (0) to much (1)."""


class HeightMap:
    """How far a mesh reaches along a direction, seen orthographically: heights (n, n), EMPTY where nothing
    is.

    axes: rows are right, up and towards the viewer, a rotation; the square of `width` mm around `centre`
    (3,). distance: mm from the centre to a pinhole that the mesh is seen through instead, in perspective.
    """

    def __init__(self, axes, centre, width: float, side: int, distance: float = np.inf):
        self.axes, self.centre, self.width, self.side = axes, np.asarray(centre, np.float64), width, side
        self.distance = distance
        self.heights = np.full((side, side), EMPTY)
        self.nearest = np.full((side, side), -1, np.int32)

    def add(self, vertices: np.ndarray, faces: np.ndarray, keep: np.ndarray | None = None) -> HeightMap:
        """Let the map reach up to a mesh where that is higher; only triangles whose first corner is in `keep`
        (V,)."""
        keep = np.ones(len(vertices), bool) if keep is None else keep
        _raise_heights(self.place(vertices), faces, keep, self.heights, self.nearest, np.inf)
        return self

    def joined(self, surfaces: list[Surface]) -> HeightMap:
        """A copy that also reaches up to `surfaces`."""
        other = copy.copy(self)
        other.heights, other.nearest = self.heights.copy(), self.nearest.copy()
        for surface in surfaces:
            other.add(surface.vertices, surface.faces)
        return other

    def place(self, points: np.ndarray) -> np.ndarray:
        """(V, 3): column and row on the map, texel centres at whole numbers, and height in mm."""
        placed, scale = np.empty((len(points), 3)), self.side / self.width
        _place(points, self.axes, self.centre, scale, self.distance, self.side / 2 - 0.5, placed)
        return placed

    def gaps(self, points: np.ndarray) -> np.ndarray:
        """(V,) mm from the mesh up to each point along the direction, negative inside; inf where nothing
        is."""
        gaps = np.empty(len(points))
        _gaps(self.place(points), self.heights, gaps)
        return gaps


@kernel
def _place(points, axes, centre, scale, distance, middle, placed):
    """See `HeightMap.place`; scale: texels per mm; middle: of the map, in texels."""
    for v in range(len(points)):
        x, y, z = points[v, 0] - centre[0], points[v, 1] - centre[1], points[v, 2] - centre[2]
        right = axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z
        up = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
        height = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
        # What stands nearer looks larger: d / (d - z); at a tenth of the distance it fills the picture
        # anyway.
        larger = scale / max(1 - height / distance, 0.1)
        placed[v, 0] = np.rint((middle + right * larger) * GRID) / GRID
        placed[v, 1] = np.rint((middle - up * larger) * GRID) / GRID
        placed[v, 2] = np.rint(height * GRID) / GRID


@kernel
def _raise_heights(screen, faces, keep, heights, nearest, widest):
    """Raise `heights` to the triangles at `screen` (column, row, height); those wider than `widest` and
    those whose first corner is not kept are left out."""
    rows, columns = heights.shape
    for f in range(len(faces)):
        if not keep[faces[f, 0]]:
            continue
        a, b, c = screen[faces[f, 0]], screen[faces[f, 1]], screen[faces[f, 2]]
        left, right = min(a[0], b[0], c[0]), max(a[0], b[0], c[0])
        if right - left > widest:
            continue
        first, last = max(int(np.ceil(left)), 0), min(int(np.floor(right)), columns - 1)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if first > last or area == 0:  # most triangles of a head lie between two columns
            continue
        scale = 1 / area
        for row in range(
            max(int(np.ceil(min(a[1], b[1], c[1]))), 0),
            min(int(np.floor(max(a[1], b[1], c[1]))), rows - 1) + 1,
        ):
            for column in range(first, last + 1):
                v = ((column - a[0]) * (c[1] - a[1]) - (row - a[1]) * (c[0] - a[0])) * scale
                w = ((b[0] - a[0]) * (row - a[1]) - (b[1] - a[1]) * (column - a[0])) * scale
                if v < 0 or w < 0 or v + w > 1:
                    continue
                height = (1 - v - w) * a[2] + v * b[2] + w * c[2]
                if height > heights[row, column]:
                    heights[row, column] = height
                    nearest[row, column] = f


@kernel
def _gaps(screen, heights, gaps):
    rows, columns = heights.shape
    for v in range(len(screen)):
        column, row = int(np.floor(screen[v, 0])), int(np.floor(screen[v, 1]))
        gaps[v] = np.inf
        if column < 0 or row < 0 or column >= columns - 1 or row >= rows - 1:
            continue
        x, y = screen[v, 0] - column, screen[v, 1] - row
        h00, h01 = heights[row, column], heights[row, column + 1]
        h10, h11 = heights[row + 1, column], heights[row + 1, column + 1]
        if min(h00, h01, h10, h11) > EMPTY / 2:
            height = (1 - y) * ((1 - x) * h00 + x * h01) + y * ((1 - x) * h10 + x * h11)
            gaps[v] = screen[v, 2] - height


def facing(normal: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Axes (3, 3), rows right, up, towards: `normal` is towards, and `up` lies in the plane of up and
    towards."""
    toward = _unit(np.asarray(normal, np.float64))
    right = _unit(cross(up, toward))
    return np.stack([right, cross(toward, right), toward])


def standing(up: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """Axes (3, 3), rows right, up, towards: up is exactly along `up`, and `toward` lies in the plane of up
    and towards."""
    up = _unit(np.asarray(up, np.float64))
    right = _unit(cross(up, toward))
    return np.stack([right, up, cross(right, up)])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products of vectors (..., 3); numpy's own takes ten times as long for a few."""
    ax, ay, az, bx, by, bz = *(a[..., k] for k in range(3)), *(b[..., k] for k in range(3))
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.sqrt((vector * vector).sum())


class Globe:
    """The head as seen from a point inside: its radius in mm by longitude (0 front, positive to the viewer's
    right) and latitude, degrees. `taut` is the radius that cloth has which spans hollows such as those beside
    the nose.
    """

    COLUMNS, ROWS = 240, 120
    LATITUDES = (-84.0, 90.0)

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, keep: np.ndarray, centre: np.ndarray):
        self.centre = np.asarray(centre, np.float64)
        screen = self._screen(vertices)
        radius = np.full((self.ROWS, self.COLUMNS), EMPTY)
        # Triangles across the seam at the back would smear over the whole map.
        _raise_heights(screen, faces, keep, radius, np.empty(radius.shape, np.int32), self.COLUMNS / 2)
        self.radius = _filled(radius.astype(np.float32))

    def _screen(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3): column, row and radius of points in head space."""
        screen = np.empty((len(vertices), 3))
        _project_globe(vertices, self.centre, screen)
        screen[:, 0] = self._column(screen[:, 0])
        screen[:, 1] = self._row(screen[:, 1])
        return np.rint(screen * GRID) / GRID

    def pressed(self, vertices: np.ndarray, surfaces: list[Surface]) -> np.ndarray:
        """Points (V, 3) float32 outside the head, of hair, brought to below the surfaces where these lie over
        it.

        With the room D between skin and surface, the height d above the skin becomes d D / (d + D): what was
        higher stays higher.
        """
        lid = np.full((self.ROWS, self.COLUMNS), EMPTY)
        for surface in surfaces:
            screen = self._screen(surface.vertices) * [1, 1, -1]  # the lowest layer counts
            keep, nearest = np.ones(len(screen), bool), np.empty(lid.shape, np.int32)
            _raise_heights(screen, surface.faces, keep, lid, nearest, self.COLUMNS / 2)
        column, row, radius = self._screen(vertices).T
        at = np.clip(np.rint(row), 0, self.ROWS - 1).astype(int), np.rint(column).astype(int) % self.COLUMNS
        room = np.maximum(-lid[at] - 1.5 - self.radius[at], 0.5)
        height = np.maximum(radius - self.radius[at], 0)
        lower = self.radius[at] + height * room / (height + room)
        share = np.where((lid[at] > EMPTY) & (lower < radius), lower / radius, 1.0)
        moved = self.centre + (vertices - self.centre) * share[:, None]
        return (np.rint(moved * GRID) / GRID).astype(np.float32)

    @cached_property
    def taut(self) -> np.ndarray:
        """(ROWS, COLUMNS) float32 mm: the radius with hollows closed and smoothed, nowhere below the skin."""
        closed = cv2.morphologyEx(_wrapped(self.radius), cv2.MORPH_CLOSE, np.ones((15, 17)))
        smooth = cv2.GaussianBlur(np.maximum(closed, _wrapped(self.radius)), (0, 0), 2.2)[:, 16:-16]
        return np.maximum(smooth, self.radius)

    def _column(self, longitude):
        return (longitude + 180) * self.COLUMNS / 360 - 0.5

    def _row(self, latitude):
        low, high = self.LATITUDES
        return (high - latitude) * self.ROWS / (high - low) - 0.5

    def angles(self, points: np.ndarray) -> np.ndarray:
        """Longitude and latitude (..., 2) of points (..., 3) in head space."""
        local = np.asarray(points, np.float64) - self.centre
        x, y, z = local[..., 0], local[..., 1], local[..., 2]
        return np.degrees(np.stack([np.arctan2(x, z), np.arctan2(y, np.sqrt(x * x + z * z))], axis=-1))

    def over(self, longitude, latitude, offset=0.0, *, taut: bool = True) -> np.ndarray:
        """Points (..., 3) in head space, `offset` mm above the head (above taut cloth)."""
        longitude, latitude = np.broadcast_arrays(np.asarray(longitude, np.float64), latitude)
        column = self._column(longitude) % self.COLUMNS
        row = np.clip(self._row(latitude), 0, self.ROWS - 1)
        radius = _bilinear(self.taut if taut else self.radius, row, column) + offset
        a, b = np.radians(longitude), np.radians(latitude)
        direction = np.stack([np.cos(b) * np.sin(a), np.sin(b), np.cos(b) * np.cos(a)], axis=-1)
        return self.centre + radius[..., None] * direction


@kernel
def _project_globe(vertices, centre, out):
    for v in range(len(vertices)):
        x, y, z = vertices[v, 0] - centre[0], vertices[v, 1] - centre[1], vertices[v, 2] - centre[2]
        flat = np.sqrt(x * x + z * z)
        out[v, 0] = np.degrees(np.arctan2(x, z))
        out[v, 1] = np.degrees(np.arctan2(y, flat))
        out[v, 2] = np.sqrt(flat * flat + y * y)


def _bilinear(grid, row, column):
    """Values between the points of a grid whose last column meets its first."""
    i, j = np.floor(row).astype(int), np.floor(column).astype(int)
    y, x = row - i, column - j
    below, beside = np.minimum(i + 1, grid.shape[0] - 1), (j + 1) % grid.shape[1]
    j = j % grid.shape[1]
    return (1 - y) * ((1 - x) * grid[i, j] + x * grid[i, beside]) + y * (
        (1 - x) * grid[below, j] + x * grid[below, beside]
    )


def _wrapped(radius):
    return np.pad(radius, ((0, 0), (16, 16)), mode="wrap")


def _filled(radius):
    """Texels that no triangle reached (the open neck, the seam) take the mean of what lies around them."""
    known = (radius > 0).astype(np.float32)
    total = cv2.GaussianBlur(np.where(radius > 0, radius, 0), (0, 0), 6, borderType=cv2.BORDER_REPLICATE)
    weight = cv2.GaussianBlur(known, (0, 0), 6, borderType=cv2.BORDER_REPLICATE)
    around = np.divide(total, weight, out=np.full_like(total, 60.0), where=weight > 1e-6)
    return np.where(known > 0, radius, around)


class Wearer:
    """A head that occluders are put on, with the maps they need; each is made when first asked for.

    head: vertices (V, 3), faces (F, 3), landmarks (68, 3), regions (V,) of the open face model and skin_color
    (3,) sRGB, all in head space. eye: (3,) mm, where the camera is in head space.
    """

    SIDE, WIDTH = 64, 240.0
    MIDDLE = (0.0, -25.0, 0.0)

    def __init__(self, head, eye=FAR_AHEAD):
        self.head = head
        self.regions = np.asarray(head.regions)
        self.outside = self.regions != MOUTH
        self.landmarks = np.asarray(head.landmarks, np.float64)
        toward = np.asarray(eye, np.float64) - self.MIDDLE
        self.distance = float(np.sqrt((toward * toward).sum()))
        self.view = facing(toward, np.array([0.0, 1.0, 0.0]))

    @cached_property
    def globe(self) -> Globe:
        """Around the middle of the head, level with the nose's tip."""
        ears = self.landmarks[[0, 16]].mean(0)
        bare = self.outside & (self.regions != EARS)
        return Globe(
            self.head.vertices, self.head.faces, bare, [0.0, self.landmarks[30, 1] + 6, ears[2] - 20]
        )

    def ear(self, side: int) -> np.ndarray:
        """(2, 3): where the upper edge of an ear and its lobe meet the head; side -1 subject's right, 1
        left."""
        points = self.head.vertices[self.regions == EARS].astype(np.float64)
        points = points[points[:, 0] * side > 0]
        high, low = points[:, 1].max(), points[:, 1].min()
        inner = np.array([side * np.abs(points[:, 0]).min(), 0, points[:, 2].mean()])
        return np.array([[inner[0], high - 3, inner[2]], [inner[0], low + 8, inner[2] + 4]])

    def height_map(self, normal: np.ndarray) -> HeightMap:
        """A fresh map of the face along `normal`, 2 mm a texel."""
        axes = facing(normal, np.array([0.0, 1.0, 0.0]))
        return self._add_head(HeightMap(axes, [0.0, -25.0, -20.0], 320.0, 160))

    def _add_head(self, surface: HeightMap) -> HeightMap:
        return surface.add(self.head.vertices, self.head.faces, self.outside)

    @cached_property
    def _front(self) -> HeightMap:
        return self._add_head(self._empty_front())

    def _empty_front(self) -> HeightMap:
        return HeightMap(self.view, self.MIDDLE, self.WIDTH, self.SIDE, self.distance)

    @cached_property
    def _face_region(self) -> np.ndarray:
        """(n, n) bool: texels whose nearest triangle belongs to the face region."""
        nearest = self._front.nearest
        inside = np.isin(self.regions, FACE_REGIONS)
        return (nearest >= 0) & inside[np.asarray(self.head.faces)[nearest, 0]]

    def coverage(self, surfaces: list[Surface]) -> float:
        """Share of the face region, as the camera sees it, that surfaces in head space hide."""
        clear = np.ones((self.SIDE, self.SIDE))
        for surface in surfaces:
            own = self._empty_front().add(surface.vertices, surface.faces)
            clear[own.heights > self._front.heights] *= 1 - _opacity(surface)
        return float(1 - clear[self._face_region].mean())


def _opacity(surface: Surface) -> float:
    """Mean alpha of a surface."""
    alphas = [
        x[..., 3].mean() for x in (surface.color, surface.texture) if x is not None and x.shape[-1] == 4
    ]
    scale = [255.0 if surface.texture is not None else 1.0]
    return float(alphas[0] / scale[0]) if alphas else 1.0
