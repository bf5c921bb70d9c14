"""A hand with its forearm that takes gestures: linear blend skinning of the finger rig in
`assets/props/hands.safetensors`.

    v' = sum_b w_b T_b v,   T_b = T_parent(b) . (turn about joint b)

Frame of a left hand, mm: origin at the wrist, y along the middle metacarpal, z out of the back of the hand,
so x points to the thumb's side. The hand itself stays where it is; the wrist's turn moves the forearm.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from safetensors.numpy import load_file

from occlib import assets
from occlib.data.scene import Surface
from occlib.rendering.kernels import kernel

RECIPE = "python assets/recipes/bake_hands.py"
FINGER_BONES = np.array([[2, 3, 4], [6, 7, 8], [10, 11, 12], [14, 15, 16], [18, 19, 20]])
"""The three bones of thumb, index, middle, ring and little finger, from the palm outwards."""
WRIST = 1


@dataclass(frozen=True)
class HandMesh:
    """vertices (V, 3), faces (F, 3), uv (V, 2); twin (V,): vertices at one place share its first; bones,
    weights (V, 4); of each bone: joints, hinges, spreads (B, 3), flexion (B,) in the rest pose, parents (B,);
    fingers (V,): which finger (0 thumb .. 4 little) a vertex moves with most, -1 palm, -2 forearm; skin (h,
    w, 4) uint8: how much palm, blood, crease, nail; height (h, w) uint8, 0..255 for 0..2 mm."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    twin: np.ndarray
    bones: np.ndarray
    weights: np.ndarray
    joints: np.ndarray
    hinges: np.ndarray
    spreads: np.ndarray
    flexion: np.ndarray
    parents: np.ndarray
    fingers: np.ndarray
    skin: np.ndarray
    height: np.ndarray


@functools.cache
def hand_mesh() -> HandMesh:
    """The baked hand. Raises MissingAssetError and names the recipe when it is not there."""
    file = load_file(assets.path("props/hands.safetensors", recipe=RECIPE))
    wide = {"faces": np.int32, "twin": np.int64, "bones": np.int64, "parents": np.int64}
    arrays = {
        name: array.astype(wide.get(name, array.dtype)) for name, array in file.items() if name != "tails"
    }
    for name in ("vertices", "weights", "joints", "hinges", "spreads", "flexion"):
        arrays[name] = arrays[name].astype(np.float64)
    finger_of = np.full(len(arrays["parents"]), -1)
    finger_of[FINGER_BONES] = np.arange(5)[:, None]
    finger_of[0] = -2
    return HandMesh(fingers=finger_of[arrays["bones"][:, 0]], **arrays)


@dataclass(frozen=True)
class Gesture:
    """Angles in degrees. flexion: (5, 3) how far each joint of thumb .. little finger is bent, 0 straight;
    spread: (5,) towards the thumb's side; wrist: (2,) bent towards the palm, towards the thumb's side."""

    flexion: np.ndarray
    spread: np.ndarray
    wrist: np.ndarray


def _gesture(index, middle, ring, little, thumb=(-41, 13, 4), spread=(0, 0, 0, 0, 0)) -> Gesture:
    angles = np.array([thumb, index, middle, ring, little], np.float64)
    return Gesture(angles, np.array(spread, np.float64), np.zeros(2))


_STRAIGHT, _FOLDED = (4, 6, 3), (82, 98, 50)
GESTURES = {
    "flat": _gesture(_STRAIGHT, _STRAIGHT, _STRAIGHT, _STRAIGHT, spread=(-26, 4, 2, -4, -6)),
    "spread": _gesture(_STRAIGHT, _STRAIGHT, _STRAIGHT, (8, 8, 3), spread=(6, 12, 3, -7, -14)),
    "relaxed": _gesture((16, 24, 12), (20, 28, 14), (24, 30, 16), (26, 32, 16), spread=(-18, 3, 1, -2, -3)),
    "cupped": _gesture((24, 16, 8), (26, 18, 8), (28, 18, 8), (28, 20, 10), spread=(-30, -2, 0, 1, 5)),
    "fist": _gesture(_FOLDED, _FOLDED, _FOLDED, _FOLDED, thumb=(-22, 34, 40), spread=(-22, 0, 0, 2, 4)),
    "pointing": _gesture(_STRAIGHT, _FOLDED, _FOLDED, _FOLDED, thumb=(-16, 40, 40), spread=(-26, 0, 0, 2, 4)),
    "two fingers": _gesture(
        (3, 5, 3), (3, 5, 3), _FOLDED, _FOLDED, thumb=(-8, 44, 40), spread=(-28, 10, -5, 2, 4)
    ),
    "grip": _gesture(
        (38, 52, 28), (40, 54, 30), (42, 54, 30), (44, 54, 30), thumb=(-30, 20, 20), spread=(-6, 3, 1, 0, -2)
    ),
}


def pose_hand(gesture: Gesture) -> np.ndarray:
    """Vertices (V, 3) float64, mm, of the left hand in a gesture."""
    hand = hand_mesh()
    turns = np.zeros((len(hand.parents), 2))  # radians about hinge and spread axis, beyond the rest pose
    turns[FINGER_BONES, 0] = np.radians(gesture.flexion) - hand.flexion[FINGER_BONES]
    turns[FINGER_BONES[:, 0], 1] = np.radians(gesture.spread)
    turns[WRIST] = np.radians(gesture.wrist) - [hand.flexion[WRIST], 0]
    posed = np.empty_like(hand.vertices)
    transforms = np.empty((len(hand.parents), 3, 4))
    _chain(hand.parents, hand.joints, hand.hinges, hand.spreads, turns, transforms)
    _skin(hand.vertices, hand.bones, hand.weights, transforms, posed)
    return posed


@kernel
def _chain(parents, joints, hinges, spreads, turns, transforms):
    """Each bone's turn about its joint (about its spread axis, then about its hinge), after its parent's."""
    for bone in range(len(parents)):
        turn = _rotation(hinges[bone], turns[bone, 0]) @ _rotation(spreads[bone], turns[bone, 1])
        before, joint = max(parents[bone], 0), joints[bone]
        transforms[bone, :, :3] = np.eye(3)
        transforms[bone, :, 3] = 0
        if bone == WRIST:  # the hand stays, the forearm turns the other way
            transforms[0, :, :3] = turn.T
            transforms[0, :, 3] = joint - turn.T @ joint
        elif bone > WRIST:
            linear = np.ascontiguousarray(transforms[before, :, :3])
            transforms[bone, :, :3] = linear @ turn
            transforms[bone, :, 3] = linear @ (joint - turn @ joint) + transforms[before, :, 3]


@kernel
def _rotation(axis, angle):
    """(3, 3): a turn by `angle` about a unit vector (Rodrigues)."""
    x, y, z = axis
    s, c = np.sin(angle), np.cos(angle)
    d = 1 - c
    return np.array([
        [c + d * x * x, d * x * y - s * z, d * x * z + s * y],
        [d * x * y + s * z, c + d * y * y, d * y * z - s * x],
        [d * x * z - s * y, d * y * z + s * x, c + d * z * z],
    ])  # fmt: skip


@kernel
def _skin(vertices, bones, weights, transforms, posed):
    for v in range(len(vertices)):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        for row in range(3):
            total = 0.0
            for k in range(4):
                t = transforms[bones[v, k], row]
                total += weights[v, k] * (t[0] * x + t[1] * y + t[2] * z + t[3])
            posed[v, row] = total


def hand_texture(skin_color: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(h, w, 3) uint8 sRGB of a hand whose back has `skin_color` (3,).

    Palms are paler, the more so the darker the skin; nails, knuckles, fingertips and creases have their own
    tints.
    """
    hand = hand_mesh()
    texture = np.empty((*hand.skin.shape[:2], 3), np.uint8)
    _tint(hand.skin, _tints(np.asarray(skin_color, np.float64), rng), texture)
    return texture


def hand_surface(vertices: np.ndarray, texture: np.ndarray, *, mirrored: bool) -> Surface:
    """The posed hand as an occluder, in whatever space `vertices` (V, 3) are; `mirrored`: they are a right
    hand's."""
    hand = hand_mesh()
    faces = hand.faces[:, [0, 2, 1]] if mirrored else hand.faces
    return Surface(
        vertices=vertices.astype(np.float32), faces=faces, uv=hand.uv, texture=texture,
        normals=_normals(vertices, faces, hand.twin), bump=hand.height, bump_height=2.0, occluder=True,
        specular=0.45, gloss=0.38, translucency=0.8,
    )  # fmt: skip


def _tints(skin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(5, 3): sRGB 0..255 of the back of the hand, and what full palm, blood, crease and nail add to it."""
    lightness = skin.mean()
    palm = skin + (0.25 + 0.55 * np.clip(0.75 - lightness, 0, 0.5)) * (np.array([0.93, 0.74, 0.66]) - skin)
    blood = np.array([0.02, -0.09, -0.08]) * (0.5 + 0.7 * lightness) * rng.uniform(0.4, 0.95)
    back = skin * np.array([0.98, 0.97, 0.95]) - 0.3 * blood
    crease = -0.14 * skin * np.array([0.75, 1.0, 1.05]) * rng.uniform(0.6, 1.1)
    nail = np.array([0.93, 0.76, 0.72]) * (0.55 + 0.5 * lightness) - back
    if rng.random() < 0.12:  # varnished
        nail = rng.uniform([0.3, 0.0, 0.05], [0.9, 0.5, 0.6]) - back
    return 255 * np.stack([back, palm - skin, blood, crease, (0.75 if nail.mean() > 0 else 0.95) * nail])


@kernel
def _tint(skin, tints, texture):
    shares = np.empty((4, 256, 3), np.int32)  # in 1/256: whole numbers add up alike everywhere
    for k in range(4):
        for value in range(256):
            for c in range(3):
                shares[k, value, c] = np.int32(np.floor(256 * tints[k + 1, c] * value / 255.0))
    base = np.empty(3, np.int32)
    for c in range(3):
        base[c] = np.int32(np.floor(256 * tints[0, c] + 128))
    for row in range(skin.shape[0]):
        for column in range(skin.shape[1]):
            palm, blood, crease, nail = skin[row, column]
            for c in range(3):
                value = (
                    base[c]
                    + shares[0, palm, c]
                    + shares[1, blood, c]
                    + shares[2, crease, c]
                    + shares[3, nail, c]
                )
                texture[row, column, c] = min(max(value >> 8, 0), 255)


@kernel
def _sum_normals(vertices, faces, twin, total):
    for f in range(len(faces)):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        nx = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
        ny = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        nz = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        for k in range(3):
            v = twin[faces[f, k]]
            total[v, 0] += nx
            total[v, 1] += ny
            total[v, 2] += nz


def _normals(vertices: np.ndarray, faces: np.ndarray, twin: np.ndarray) -> np.ndarray:
    """Smooth normals (V, 3) across the seams of the texture."""
    total = np.zeros((len(vertices), 3))
    _sum_normals(vertices, faces, twin, total)
    total = total[twin]
    return (total / np.sqrt(np.maximum((total * total).sum(1, keepdims=True), 1e-20))).astype(np.float32)
