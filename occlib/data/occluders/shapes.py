"""Simple meshes to make things of: sheets, tubes, lathed shapes, boxes, blobs. Millimetres, faces
counter-clockwise."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from occlib.data.occluders.placing import cross
from occlib.data.scene import Surface


class Mesh(NamedTuple):
    """vertices (V, 3) float64, faces (F, 3) int32, uv (V, 2)."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray

    def moved(self, axes: np.ndarray, centre: np.ndarray) -> Mesh:
        """Its own x, y and z axes laid along the rows of `axes` (3, 3), its origin at `centre` (3,) mm."""
        return self._replace(vertices=self.vertices @ axes + centre)


def join(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + start for m, start in zip(meshes, starts, strict=True)]).astype(np.int32),
        np.concatenate([m.uv for m in meshes]),
    )


@functools.cache
def _grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces and uv of a grid of points; seen from its front, rows run down and columns to the right."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = at[:-1, :-1].ravel(), at[1:, :-1].ravel(), at[1:, 1:].ravel(), at[:-1, 1:].ravel()
    faces = np.stack([np.stack([a, b, c], 1), np.stack([a, c, d], 1)], axis=1).reshape(-1, 3)
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(1, 0, rows))
    return faces.astype(np.int32), np.stack([u.ravel(), v.ravel()], axis=1)


def occluder(mesh: Mesh, *, color=None, **material) -> Surface:
    """The surface of an occluder in one colour, sRGB or sRGBA (clipped to [0, 1]), or with a texture."""
    if color is not None:
        color = np.broadcast_to(np.clip(color, 0, 1).astype(np.float32), (len(mesh.vertices), len(color)))
    uv = mesh.uv.astype(np.float32) if {"texture", "bump"} & material.keys() else None
    vertices = mesh.vertices.astype(np.float32)
    return Surface(vertices, mesh.faces, color=color, uv=uv, occluder=True, **material)


def scatter(mesh: Mesh, centres: np.ndarray, scales) -> Mesh:
    """Copies of a mesh at `centres` (N, 3), `scales` times as large: a number, or (3,) or (N, 3) along the
    axes."""
    scales = np.broadcast_to(np.asarray(scales, np.float64), (len(centres), 3))
    vertices = scales[:, None] * mesh.vertices + centres[:, None]
    faces = mesh.faces + len(mesh.vertices) * np.arange(len(centres), dtype=np.int32)[:, None, None]
    return Mesh(vertices.reshape(-1, 3), faces.reshape(-1, 3), np.tile(mesh.uv, (len(centres), 1)))


def sheet(points: np.ndarray) -> Mesh:
    """A grid of points (R, C, 3); it faces the viewer when rows run down and columns to the right."""
    faces, uv = _grid(*points.shape[:2])
    return Mesh(points.reshape(-1, 3), faces, uv)


def tube(
    path: np.ndarray, radius, *, closed: bool = False, sides: int = 8, flat: float = 1.0, up=(0, 0, 1)
) -> Mesh:
    """A pipe along `path` (N, 3). radius: mm, a number or (N,); its cross-section is `flat` times as thick
    along `up` (3,) or (N, 3) as across. Open ends are capped by cones of no length."""
    path = np.asarray(path, np.float64)
    radius = np.broadcast_to(np.asarray(radius, np.float64), len(path))
    if closed:
        path, radius = np.concatenate([path, path[:1]]), np.append(radius, radius[0])
        ahead = np.roll(path[:-1], -1, axis=0) - np.roll(path[:-1], 1, axis=0)
        ahead = np.concatenate([ahead, ahead[:1]])
    else:
        path = np.concatenate([path[:1], path, path[-1:]])
        radius = np.concatenate([[0], radius, [0]])
        ahead = np.gradient(path, axis=0)
    up = np.broadcast_to(np.asarray(up, np.float64), path.shape) if np.ndim(up) == 1 else np.concatenate(
        [up, up[:1]] if closed else [up[:1], up, up[-1:]])  # fmt: skip
    across = _unit(cross(ahead, up))
    up = _unit(cross(across, ahead))
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.cos(angle)[:, None, None] * across + flat * np.sin(angle)[:, None, None] * up
    return sheet(path + radius[:, None] * ring)


def lathe(profile: np.ndarray, sides: int = 24) -> Mesh:
    """`profile` (N, 2), radius and height from top to bottom, turned around the y axis."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    radius, height = profile[:, :1], np.broadcast_to(profile[:, 1:], (len(profile), sides + 1))
    return sheet(np.stack([radius * np.sin(angle), height, radius * np.cos(angle)], axis=-1))


def rounded_box(size, corner: float, bevel: float) -> Mesh:
    """A box of `size` (3,) mm around the origin whose outline in x and y has round corners of radius
    `corner`, and whose edges in front and behind are bevelled. uv: the front and the back show the whole
    texture."""
    half = np.asarray(size, np.float64) / 2
    turn = np.linspace(0, np.pi / 2, 6)
    angle = np.concatenate([turn + k * np.pi / 2 for k in range(4)])
    sign = np.repeat([[1, 1], [-1, 1], [-1, -1], [1, -1]], 6, axis=0)
    outline = sign * (half[:2] - corner) + corner * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outline = np.concatenate([outline, outline[:1]])
    inner = outline * (1 - bevel / half[:2])
    rings = [(0 * inner, half[2]), (inner, half[2]), (outline, half[2] - bevel), (outline, bevel - half[2]),
             (inner, -half[2]), (0 * inner, -half[2])]  # fmt: skip
    points = np.stack([np.column_stack([ring, np.full(len(ring), z)]) for ring, z in rings])
    mesh = sheet(points)
    return mesh._replace(uv=0.5 + mesh.vertices[:, :2] / (2 * half[:2]))


def ball(radius: float = 1.0, rows: int = 9, columns: int = 16) -> Mesh:
    """A sphere around the origin."""
    angle = np.linspace(0, np.pi, rows)
    return lathe(radius * np.stack([np.sin(angle), np.cos(angle)], axis=1), columns)


def blob(radius: float, roughness: float, rng: np.random.Generator) -> Mesh:
    """A ball dented and bulged by a few smooth waves, of relative height `roughness`, and stretched."""
    mesh = ball(1.0, 17, 28)
    waves = rng.normal(0, 1.8, (3, 6))
    bulge = np.sin(mesh.vertices @ waves + rng.uniform(0, 6, 6)) @ rng.uniform(0, roughness, 6)
    return mesh._replace(vertices=radius * (1 + bulge[:, None]) * mesh.vertices * rng.uniform(0.6, 1.3, 3))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt(np.maximum((vectors * vectors).sum(-1, keepdims=True), 1e-20))
