"""What people wear on the head model: hair, lashes, neck and shoulders, read from `assets/props`.

Hair and bust are carried by 160 anchors on the neutral head, so that they follow its identity and not its
expression; lashes hang on triangles of the lids' margins and blink with them. `bake_props.py` says how they
are made.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from safetensors.numpy import load_file

from occlib import assets
from occlib.rendering.kernels import kernel

_RECIPES = {"backgrounds": "bake_backgrounds.py"}  # the others come from bake_props.py
STEP = 32.0
"""Files hold positions in 1 / STEP mm."""
HAIR = (
    "afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04",
)  # fmt: skip
LASHES = ("eyelashes01", "eyelashes02", "eyelashes03", "eyelashes04")


@dataclass(frozen=True)
class Hair:
    """A hair style that anchors carry.

    rest (V, 3): mm on the head it was modelled on; anchors (V, 8), weights (V, 8), rows sum to 1; uv (V, 2),
    v up; faces (F, 3); texture (h, w, 4) uint8: light of the strands, thrice, 150 on average, and opacity;
    kept (V,) in [0, 1]: how much is left of hair that ends at the border of the face.
    """

    rest: np.ndarray
    anchors: np.ndarray
    weights: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    texture: np.ndarray
    kept: np.ndarray

    def on(self, shift: np.ndarray, *, mirrored: bool = False) -> np.ndarray:
        """Vertices (V, 3) float64 mm for a head whose anchors lie `shift` (160, 3) mm from where they were;
        `mirrored`: of the style with its left and right exchanged (its triangles then look inwards)."""
        if not mirrored:
            return carried(self.rest, self.anchors, self.weights, shift)
        flip = np.array([-1.0, 1.0, 1.0])
        return flip * carried(self.rest, self.anchors, self.weights, flip * shift[anchor_mirror()])


@dataclass(frozen=True)
class Lashes:
    """offsets (V, 3): mm along the first edge, across it and along the normal of `triangles` (V, 3), vertices
    of the head; uv (V, 2), v up; faces (F, 3); opacity (h, w) uint8."""

    offsets: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    opacity: np.ndarray

    def on(self, vertices: np.ndarray) -> np.ndarray:
        """Vertices (V, 3) float64 mm on a head's `vertices`."""
        a, b, c = (vertices[self.triangles[:, k]].astype(np.float64) for k in range(3))
        along = _unit(b - a)
        normal = _unit(_cross(b - a, c - a))
        across = _cross(normal, along)
        u, v, w = (self.offsets[:, k : k + 1] for k in range(3))
        return (a + b + c) / 3 + u * along + v * across + w * normal


@dataclass(frozen=True)
class Bust:
    """The body below the head as a grid: rest, anchors, weights (rows, columns, ...) as in `Hair`.

    Columns go round from the back over the viewer's left, where x < 0; the first `neck_rows` rows lie on the
    head's own neck, the next on the loop where the head ends. sex_axis (80,): identity coefficients, a unit
    vector along which faces become more masculine.
    """

    rest: np.ndarray
    anchors: np.ndarray
    weights: np.ndarray
    neck_rows: int
    sex_axis: np.ndarray

    def on(self, shift: np.ndarray) -> np.ndarray:
        """Points (rows, columns, 3) float64 mm, as `Hair.on`."""
        shape = self.rest.shape
        flat = (x.reshape(-1, x.shape[-1]) for x in (self.rest, self.anchors, self.weights))
        return carried(*flat, shift).reshape(shape)


def carried(rest: np.ndarray, anchors: np.ndarray, weights: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """rest + sum_k weights_k shift[anchors_k], (V, 3) float64."""
    moved = rest.copy()
    _carry(anchors, weights, shift, moved)
    return moved


@kernel
def _carry(anchors, weights, shift, moved):
    for v in range(len(moved)):
        for k in range(anchors.shape[1]):
            for c in range(3):
                moved[v, c] += weights[v, k] * shift[anchors[v, k], c]


@functools.cache
def anchor_vertices() -> np.ndarray:
    """(160,) the coarse vertices of the head model that carry what is worn."""
    return _file("hair")["anchors"].astype(np.int64)


@functools.cache
def anchor_rest() -> np.ndarray:
    """(160, 3) mm, where they are on the head that hair and bust were modelled on."""
    return _file("hair")["anchors_rest"] / STEP


@functools.cache
def anchor_mirror() -> np.ndarray:
    """(160,) the anchor nearest to each one's mirror image at x = 0."""
    rest = anchor_rest()
    return np.square(rest[:, None] * [-1, 1, 1] - rest).sum(-1).argmin(1)


@functools.cache
def hair(name: str) -> Hair:
    """One of `HAIR`."""
    own = _own("hair", name)
    light, opacity = np.moveaxis(decoded(own["texture"]), -1, 0)
    return Hair(
        own["vertices"] / STEP, own["anchors"], _shares(own["weights"]), own["uv"].astype(np.float32),
        own["faces"].astype(np.int32), np.stack([light] * 3 + [opacity], axis=-1),
        own["kept"].astype(np.float32) / 255,
    )  # fmt: skip


@functools.cache
def lashes(name: str) -> Lashes:
    """One of `LASHES`."""
    file = _own("lashes", name)
    return Lashes(
        file["vertices"] / STEP, file["triangles"].astype(np.int64), file["uv"].astype(np.float32),
        file["faces"].astype(np.int32), decoded(file["texture"]),
    )  # fmt: skip


@functools.cache
def bust() -> Bust:
    """Neck, shoulders and chest."""
    file = _file("bust")
    rows, columns, neck_rows = file["shape"]
    grid = {name: file[name].reshape(rows, columns, -1) for name in ("vertices", "anchors", "weights")}
    return Bust(
        grid["vertices"] / STEP, grid["anchors"], _shares(grid["weights"]), int(neck_rows),
        file["sex_axis"].astype(np.float64),
    )  # fmt: skip


@functools.cache
def skin_maps() -> dict[str, np.ndarray]:
    """The painted maps of `skin_maps.py`.

    Pictures (h, w) uint8 over `window` of the atlas (left, low, right, high); tiles (256, 256); brows (12,
    rows, columns) over `brow_window` (top, bottom, left, right) of the pictures; fill/vertices (N,) whose albedo is
    painted brows, fill/sources (N, 12) bare ones beside them; hairline (V,) mm, positive on the scalp.
    """
    file = _file("skin")
    maps = {n: decoded(x) if x.dtype == np.uint8 else x for n, x in file.items()}
    top, bottom, left, right = maps["brow_window"]
    maps["brows"] = maps["brows"].reshape(-1, bottom - top, right - left)
    return maps


@functools.cache
def backgrounds() -> list[np.ndarray]:
    """Photographs without people, (h, w, 3) uint8 sRGB, 160 pixels on the shorter side."""
    file = _file("backgrounds")
    return [cv2.imdecode(file[name], cv2.IMREAD_COLOR)[..., ::-1] for name in sorted(file)]


def decoded(file: np.ndarray) -> np.ndarray:
    """The picture in the bytes of a PNG file: (h, w) or, with opacity, (h, w, 2) uint8."""
    picture = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
    return picture if picture.ndim == 2 else picture[..., [0, 3]]


@functools.cache
def _file(name: str) -> dict[str, np.ndarray]:
    recipe = f"python assets/recipes/{_RECIPES.get(name, 'bake_props.py')}"
    return load_file(assets.path(f"props/{name}.safetensors", recipe=recipe))


def _own(file: str, name: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{name}/"): x for key, x in _file(file).items() if key.startswith(f"{name}/")}


def _shares(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(-1, keepdims=True, dtype=np.float64)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    x, y, z = vectors.T
    return vectors / np.sqrt(x * x + y * y + z * z)[:, None]
