"""Heads of the open face model for the world's people: shapes, colours, and what they are drawn as."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from occlib import assets
from occlib.data import props
from occlib.data.patches import Patch, smooth_field
from occlib.data.scene import GRID
from occlib.data.scene_kernels import smooth_normals
from occlib.morphable.model import OPEN_RECIPE
from occlib.morphable.readers import REGION_NAMES, read_face_model
from occlib.rendering.kernels import kernel

SKIN, BROWS, EYES, NOSE, LIPS = 1, 2, 3, 4, 5
"""Parse labels, positions in `sample.PARTS`."""
JAW_MM = 70.0
"""Width that the texture of teeth covers."""
HAIRLINE_MM = 6.0
"""Skin this far behind the hairline belongs to the scalp."""
_LABEL = {"skin": SKIN, "brows": SKIN, "eyes": EYES, "nose": NOSE, "lips": LIPS, "mouth": LIPS}


@dataclass(frozen=True)
class HeadGeometry:
    """A head in head space, mm: vertices (V, 3) float32 and normals (V, 3) of the face model's fine mesh,
    faces (F, 3), landmarks (68, 3), regions (V,) as in the model, skin_color (3,) sRGB of its cheeks, and
    shift (160, 3): how far the anchors of `props` lie from where they were modelled."""

    vertices: np.ndarray
    faces: np.ndarray
    landmarks: np.ndarray
    normals: np.ndarray
    regions: np.ndarray
    skin_color: np.ndarray
    shift: np.ndarray


class HeadModel:
    """The open face model in NumPy. Sums are made in float64 and rounded to a grid of 1 / 1024 mm, or of 1 /
    4096 for colours, so that every machine draws the same."""

    def __init__(self):
        arrays = read_face_model(assets.path("face_model/open.safetensors", recipe=OPEN_RECIPE))
        self.arrays = arrays
        self.faces = arrays.faces.astype(np.int32)
        self.mean = arrays.shape_mean.astype(np.float64)
        self.identity = arrays.identity_basis.astype(np.float32)
        self.expression = arrays.expression_basis.astype(np.float32)
        self.albedo_mean = arrays.albedo_mean.astype(np.float64)
        self.albedo_basis = arrays.albedo_basis.astype(np.float32)
        self.subdivision = arrays.subdivision.astype(np.float64)
        self.mean_vertices = self.subdivision @ self.mean
        self.parts = _parts(self.faces, arrays.regions, self.mean_vertices)

    def shape(self, identity: np.ndarray, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Anchors (160, 3) of the neutral head and vertices (V, 3) float32 of the head, Eq. 9."""
        neutral = self.mean.flatten()
        _add_up(identity, self.identity, neutral)
        coarse = neutral.copy()
        _add_up(expression, self.expression, coarse)
        vertices = np.rint(GRID * (self.subdivision @ coarse.reshape(-1, 3))) / GRID
        anchors = np.rint(GRID * neutral.reshape(-1, 3)[props.anchor_vertices()]) / GRID
        return anchors, vertices.astype(np.float32)

    def albedo(self, texture: np.ndarray) -> np.ndarray:
        """(V, 3) float32 sRGB in [0.02, 1], Eq. 9."""
        change = np.zeros(self.albedo_basis.shape[1])
        _add_up(texture, self.albedo_basis, change)
        change = self.subdivision @ change.reshape(-1, 3)
        return (np.rint(4096 * (self.albedo_mean + change)).clip(82, 4096) / 4096).astype(np.float32)

    def geometry(self, identity: np.ndarray, expression: np.ndarray, albedo: np.ndarray) -> HeadGeometry:
        """The head of coefficients (80,) and (64,), with the colour of `albedo` (V, 3)."""
        anchors, vertices = self.shape(identity, expression)
        normals = np.zeros_like(vertices)
        smooth_normals(vertices, self.faces, normals)
        cheeks = albedo[self.cheeks].mean(0, dtype=np.float64)
        return HeadGeometry(
            vertices, self.faces, vertices[self.arrays.landmarks], normals, self.arrays.regions, cheeks,
            anchors - props.anchor_rest(),
        )  # fmt: skip

    @functools.cached_property
    def cheeks(self) -> np.ndarray:
        """(n,) indices of the vertices of both cheeks."""
        x, y, z = self.mean_vertices.T
        skin = self.arrays.regions == REGION_NAMES.index("skin")
        return np.flatnonzero(skin & (np.abs(np.abs(x) - 40) < 12) & (np.abs(y + 38) < 10) & (z > 0))

    @functools.cached_property
    def mouth_shade(self) -> np.ndarray:
        """(V,) float32: how much light reaches the inside of a mouth, less the deeper; 1 elsewhere."""
        inner = (self.arrays.regions == REGION_NAMES.index("mouth")) | (self.parts >= 3)
        depth = np.clip((self.mean_vertices[:, 2] + 22) / 34, 0, 1)
        return np.where(inner, 0.22 + 0.78 * depth, 1).astype(np.float32)

    @functools.cached_property
    def face_labels(self) -> np.ndarray:
        """(F,) parse label of each face without brows: that of at least two of its corners."""
        label = np.array([_LABEL.get(name, 0) for name in REGION_NAMES])
        return np.sort(label[self.arrays.regions[self.faces]], axis=1)[:, 1]

    @functools.cached_property
    def patches(self) -> dict[str, Patch]:
        """The head's surfaces, which together are all its faces.

        "face": what the skin maps cover, uv in their window; "scalp": the other skin, ears, neck; "mouth":
        its inside and the tongue; "teeth", u across the jaw, v 0.75 in the upper and 0.25 in the lower row;
        and "right eye", "left eye" with uv that put the pupil at (0.5, 0.5) and span the ball's radius by 0.5.
        """
        maps = props.skin_maps()
        left, low, right, high = maps["window"].astype(np.float64)
        window = (self.arrays.uv - [left, low]) / [right - left, high - low]
        inside = ((window > 0) & (window < 1)).all(1)[self.arrays.uv_faces].all(1)
        mouth = self.arrays.regions[self.faces].min(1) == REGION_NAMES.index("mouth")
        part = self.parts[self.faces[:, 0]]
        skin, hairy = (part == 0) & ~mouth, (maps["hairline"][self.faces] > HAIRLINE_MM).all(1)
        inside &= ~hairy
        patches = {
            "face": self._cut(self._patch(skin & inside, window)),
            "scalp": self._cut(self._patch(skin & ~inside, self.arrays.uv)),
            "mouth": self._patch(mouth & (part < 4), self.arrays.uv)}  # fmt: skip
        teeth = self._patch(part >= 4, self.arrays.uv)
        across = self.mean_vertices[teeth.vertices, 0] / JAW_MM + 0.5
        row = np.where(self.parts[teeth.vertices] == 4, 0.75, 0.25)
        uv = np.stack([across, row], 1).astype(np.float32)
        patches["teeth"] = replace(teeth, uv=uv)
        for name, number in (("right eye", 1), ("left eye", 2)):
            ball = self._patch(part == number, self.arrays.uv)
            points = self.mean_vertices[ball.vertices]
            centre = (points.min(0) + points.max(0)) / 2
            radius = np.abs(points - centre).max()
            uv = 0.5 + 0.5 * (points - centre)[:, :2] / radius
            patches[name] = replace(ball, uv=uv.astype(np.float32))
        return patches

    def _patch(self, chosen: np.ndarray, uv: np.ndarray) -> Patch:
        used, faces = np.unique(self.arrays.uv_faces[chosen], return_inverse=True)
        vertex = np.zeros(len(uv), np.int64)
        vertex[self.arrays.uv_faces] = self.faces
        faces = faces.reshape(-1, 3).astype(np.int32)
        labels = self.face_labels[chosen].astype(np.uint8)
        return Patch.whole(vertex[used], uv[used].astype(np.float32), faces, labels, len(self.mean_vertices))

    def _cut(self, patch: Patch) -> Patch:
        """The patch with smooth borders between background, skin, nose and lips."""
        patch = replace(patch, labels=np.where(patch.labels == EYES, EYES, 0).astype(np.uint8))
        labels = self.face_labels
        for label, chosen, rounds in (  # from the widest to what lies upon it
            (SKIN, labels > 0, 12), (NOSE, labels == NOSE, 6), (LIPS, labels == LIPS, 2)
        ):  # fmt: skip
            field = smooth_field(self.faces, chosen, rounds)[:, None]
            patch = patch.cut(patch.at(field)[:, 0], label, over=(0, SKIN, NOSE))
        return patch


@kernel
def _add_up(coefficients, basis, total):
    """total (N,) float64 += coefficients (K,) @ basis (K, N) float32: half as much memory to read."""
    for k in range(len(coefficients)):
        weight = np.float64(coefficients[k])
        for i in range(len(total)):
            total[i] += weight * basis[k, i]


PARTS = ("skin", "right eye", "left eye", "tongue", "upper teeth", "lower teeth")


def _parts(faces: np.ndarray, regions: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(V,) position in PARTS: the mesh's islands, known by where they lie."""
    ends = np.concatenate([faces[:, :2], faces[:, 1:]]).astype(np.int64)
    links = coo_matrix((np.ones(len(ends)), ends.T), shape=2 * [len(vertices)])
    _, island = connected_components(links, directed=False)
    parts = np.zeros(len(vertices), np.int64)
    ball = (island != np.bincount(island).argmax()) & (regions == REGION_NAMES.index("eyes"))
    parts[ball] = np.where(vertices[ball, 0] < 0, 1, 2)
    mouth = np.unique(island[regions == REGION_NAMES.index("mouth")])
    inner = [k for k in mouth if k != np.bincount(island).argmax()]
    tongue = max(inner, key=lambda k: (island == k).sum())
    upper, lower = sorted((k for k in inner if k != tongue), key=lambda k: -vertices[island == k, 1].mean())
    for number, k in ((3, tongue), (4, upper), (5, lower)):
        parts[island == k] = number
    return parts


@functools.cache
def head_model() -> HeadModel:
    """The heads of the open face model, read once and kept."""
    return HeadModel()
