"""Hands on a face: a gesture is turned to a part of the face, moved on until it touches, and its fingers
follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from occlib.data.hands import (
    FINGER_BONES,
    GESTURES,
    Gesture,
    hand_mesh,
    hand_surface,
    hand_texture,
    pose_hand,
)
from occlib.data.occluders import textures
from occlib.data.occluders.placing import HeightMap, Make, Wearer, facing
from occlib.data.scene import GRID, Surface

PRESS = 2.5
"""How many mm the flesh of a hand gives way where it rests."""
FOLLOW = np.radians([-22.0, 30.0])
"""How far a finger bends back, or on, at its root to reach the face."""


@dataclass(frozen=True)
class Placement:
    """How a left hand lies on a face; a right hand mirrors it.

    part: what of the face (see `face_part`) the point `at` of the hand (x, y in its own frame, mm) lies on.
    normal: where the back of the hand looks, in head space. angle: from upright, degrees, positive when the
    fingers point to the subject's right. roll: about its own y axis, positive turns the back of the hand to
    the subject's right. wrist: bent to the palm, and towards the thumb. Ranges are (low, high).
    """

    gesture: str
    part: str
    at: tuple[float, float]
    normal: tuple[float, float, float]
    angle: tuple[float, float]
    wrist: tuple[tuple[float, float], tuple[float, float]] = ((-45, -10), (-12, 12))
    roll: float = 0.0
    slide: float = 70.0


PALMS = (
    Placement("cupped", "cheek", (0, 62), (0.80, -0.05, 0.60), (-5, 30)),
    Placement("flat", "cheek", (0, 70), (0.70, 0.0, 0.70), (-5, 35)),
    Placement("cupped", "mouth", (-5, 92), (0.25, -0.15, 0.95), (45, 85), ((-35, 5), (-25, 0))),
    Placement("relaxed", "mouth", (-5, 110), (0.15, -0.2, 0.95), (15, 70), ((-40, 0), (-20, 5))),
    Placement("flat", "eyes", (-5, 100), (0.30, 0.0, 0.95), (50, 90), ((-35, 5), (-30, -8))),
    Placement("cupped", "eye", (-5, 85), (0.25, 0.05, 0.95), (-5, 35), ((-50, -15), (-10, 10))),
    Placement("cupped", "forehead", (-5, 95), (0.20, 0.25, 0.95), (35, 85), ((-35, 5), (-30, -8))),
    Placement("flat", "nose", (-5, 80), (0.05, 0.0, 1.0), (-15, 30), ((-60, -25), (-10, 10))),
    Placement("fist", "jaw", (-5, 75), (0.60, -0.35, 0.70), (-5, 30), ((-15, 20), (-10, 10))),
    Placement("fist", "mouth", (-5, 75), (0.15, -0.3, 0.95), (5, 60), ((-20, 20), (-15, 5))),
    Placement("relaxed", "chin", (-5, 100), (0.25, -0.45, 0.85), (10, 60), ((-25, 15), (-15, 5))),
)
FINGERS = (
    Placement("spread", "nose", (-5, 115), (0.05, -0.05, 1.0), (-20, 40), ((-55, -15), (-10, 10))),
    Placement("spread", "cheek", (-5, 110), (0.45, 0.0, 0.90), (0, 60)),
    Placement("spread", "eyes", (-5, 125), (0.15, 0.0, 1.0), (20, 80), ((-40, 0), (-25, 0))),
    Placement("spread", "mouth", (-5, 130), (0.15, -0.15, 1.0), (10, 70), ((-40, 0), (-25, 0))),
    Placement("two fingers", "nose", (10, 135), (0.05, -0.1, 1.0), (-20, 45), slide=45),
    Placement("two fingers", "eye", (12, 140), (0.15, 0.0, 1.0), (0, 60), ((-45, 0), (-15, 5)), slide=40),
    Placement("pointing", "cheek", (25, 130), (0.55, -0.1, 0.85), (-5, 40), slide=45),
    Placement(
        "pointing", "mouth", (28, 140), (0.10, -0.1, 1.0), (0, 25), ((-30, 10), (-10, 10)), 55.0, slide=35
    ),
    Placement("pointing", "nose", (28, 150), (0.10, -0.1, 1.0), (0, 60), slide=30),
    Placement("relaxed", "cheek", (-5, 120), (0.55, 0.0, 0.85), (0, 50)),
    Placement("relaxed", "forehead", (-5, 135), (0.25, 0.2, 0.95), (20, 75), ((-35, 5), (-30, -5))),
    Placement("relaxed", "chin", (10, 125), (0.30, -0.35, 0.90), (0, 50)),
)


def palm(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A palm or fist on cheek, mouth, eyes, forehead or chin; now and then both hands."""
    return _hands(wearer, rng, PALMS, both=0.15)


def fingers(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Spread or pointing fingers, with the face between them."""
    return _hands(wearer, rng, FINGERS, both=0.08)


def _hands(wearer, rng, placements, both) -> Make:
    placement = placements[rng.integers(len(placements))]
    side = 1 if rng.random() < 0.5 else -1
    dress = Dress.draw(wearer, rng)
    sides = (
        (side, -side)
        if rng.random() < both and placement.part in ("cheek", "eye", "eyes", "mouth")
        else (side,)
    )
    drawn = []
    for one in sides:
        gesture, normal, angle = _vary(placement, rng)
        normal = normal * [one, 1, 1]
        axes = hand_axes(normal, one * angle, one * placement.roll)
        drawn.append((one, gesture, axes, wearer.height_map(normal), rng.uniform(0.92, 1.08)))

    def make(amount):
        surfaces = []
        for second, (one, gesture, axes, face, scale) in enumerate(drawn):
            back = placement.slide - (placement.slide + 12) * amount + 25 * second
            target = face_part(placement.part, one, wearer.landmarks) - back * axes[1]
            below = face.joined(surfaces)
            vertices = lay(gesture, axes, target, placement.at, below, scale, mirrored=one < 0)
            surfaces += dress.surfaces(vertices, mirrored=one < 0)
        return surfaces

    return make


@dataclass(frozen=True)
class Dress:
    """What a hand's skin looks like, and its sleeve: (texture, bump, mm from the wrist where it ends, mm it
    stands off), or None for a bare arm."""

    skin: np.ndarray
    sleeve: tuple | None

    @classmethod
    def draw(cls, wearer: Wearer, rng: np.random.Generator) -> Dress:
        """Mostly in the face's own skin."""
        skin = hand_texture(skin_color(wearer, rng), rng)
        if rng.random() < 0.4:
            return cls(skin, None)
        bump = textures.knit(16) if rng.random() < 0.4 else textures.weave(30, rng)
        return cls(skin, (textures.cloth(rng), bump, rng.uniform(-5, 110), rng.uniform(3, 9)))

    def surfaces(self, vertices: np.ndarray, *, mirrored: bool) -> list[Surface]:
        """The surface of a hand with vertices (V, 3), and that of its sleeve."""
        bare = hand_surface(vertices, self.skin, mirrored=mirrored)
        return [bare] if self.sleeve is None else [bare, _sleeve(vertices, bare.faces, *self.sleeve)]


def skin_color(wearer: Wearer, rng: np.random.Generator) -> np.ndarray:
    """(3,) sRGB: mostly the face's own skin, else somebody else's."""
    if rng.random() < 0.75:
        return np.clip(wearer.head.skin_color * rng.normal(1.0, [0.03, 0.025, 0.025]), 0.05, 0.97)
    share = rng.beta(1.2, 1.0)
    dark, light = np.array([0.32, 0.19, 0.13]), np.array([0.93, 0.74, 0.64])
    return np.clip(dark + share * (light - dark) + rng.normal(0, 0.01, 3), 0.05, 0.97)


def _vary(placement: Placement, rng: np.random.Generator):
    """(gesture, normal, angle in degrees) drawn from a placement."""
    gesture = GESTURES[placement.gesture]
    loose = rng.normal(0, 3.5, (5, 1)) + rng.normal(0, 4.0, 1) + rng.normal(0, 2.0, (5, 3))
    folded = gesture.flexion > 60
    flexion = gesture.flexion + np.where(folded, 0.5 * loose, np.maximum(loose, -3))
    wrist = np.array([rng.uniform(*limits) for limits in placement.wrist])
    gesture = Gesture(flexion, gesture.spread * rng.uniform(0.6, 1.25) + rng.normal(0, 1.5, 5), wrist)
    normal = np.array(placement.normal) + rng.normal(0, 0.08, 3)
    return gesture, normal / np.sqrt((normal**2).sum()), rng.uniform(*placement.angle)


def hand_axes(normal: np.ndarray, angle: float, roll: float = 0.0) -> np.ndarray:
    """Rows: the hand's x, y, z axes in head space, for its z along `normal` and its fingers `angle` degrees
    from upright, towards the subject's right; then rolled about its y axis."""
    right, up, toward = facing(normal, np.array([0.0, 1.0, 0.0]))
    a, b = np.radians(angle), np.radians(roll)
    x, y = np.cos(a) * right + np.sin(a) * up, np.cos(a) * up - np.sin(a) * right
    return np.stack([np.cos(b) * x + np.sin(b) * toward, y, np.cos(b) * toward - np.sin(b) * x])


def lay(
    gesture: Gesture, axes, target, at, surface: HeightMap, scale: float, *, mirrored: bool
) -> np.ndarray:
    """Vertices (V, 3) in head space of a hand that lies on `surface`, coming along its direction.

    The hand's point `at` (x, y) stands over `target` (3,). It comes down until it presses PRESS mm into the
    surface; each outstretched finger is bent at its root until it touches too; flesh inside the surface is
    pushed out to it.
    """
    hand = hand_mesh()
    toward = surface.axes[2]
    mirror = np.array([-1.0 if mirrored else 1.0, 1, 1])
    origin = np.array([*at, 0.0]) * mirror * scale
    near = np.flatnonzero(hand.fingers >= -1)
    free = [f for f in range(1, 5) if gesture.flexion[f, 0] < 60]
    for step in range(3):
        local = pose_hand(gesture) * mirror * scale
        vertices = (local - origin) @ axes + target
        gaps = surface.gaps(vertices[near])
        lowest = gaps.min()
        if not np.isfinite(lowest):
            break  # beside the face
        vertices -= (lowest + PRESS) * toward
        if step == 2:
            break
        gaps -= lowest + PRESS
        flexion = gesture.flexion.copy()
        for f in free:
            own = np.flatnonzero(hand.fingers[near] == f)
            closest = own[np.argmin(gaps[own])]
            reach = np.abs(local[near[closest], 1] - scale * hand.joints[FINGER_BONES[f, 0], 1])
            if np.isfinite(gaps[closest]):
                turn = np.clip((gaps[closest] + 0.5 * PRESS) / max(reach, 25.0), *(FOLLOW / 2))
                flexion[f, 0] += np.degrees(turn)
        gesture = replace(gesture, flexion=flexion)
    gaps = surface.gaps(vertices)
    inside = (gaps < 0) & (gaps > -4 * PRESS)
    vertices[inside] -= gaps[inside, None] * toward
    return np.rint(vertices * GRID) / GRID


def _sleeve(vertices, faces, texture, bump, start, thickness) -> Surface:
    hand = hand_mesh()
    far = vertices[hand.vertices[:, 1] < hand.vertices[:, 1].min() + 1].mean(0)
    wrist = vertices[np.abs(hand.vertices[:, 1]) < 6].mean(0)
    axis = (far - wrist) / np.sqrt(((far - wrist) ** 2).sum())
    along = (vertices - wrist) @ axis
    radial = vertices - wrist - along[:, None] * axis
    length = np.sqrt((radial**2).sum(1, keepdims=True))
    wrinkles = np.sin(along[:, None] / 7 + 3 * radial[:, :1] / length) + np.sin(along[:, None] / 17 + 1)
    loose = thickness * (1 + 0.12 * wrinkles) * np.clip((along[:, None] - start) / 8 + 0.6, 0.3, 1)
    cloth = vertices + radial / length * loose
    faces = faces[(along[faces] > start).all(1)]
    return Surface(
        vertices=cloth.astype(np.float32),
        faces=faces,
        uv=hand.uv * np.float32([2, 6]),
        texture=texture,
        bump=bump,
        bump_height=0.6,
        occluder=True,
        two_sided=True,
        specular=0.2,
        gloss=0.15,
    )


def face_part(name: str, side: int, marks: np.ndarray) -> np.ndarray:
    """(3,) the middle of a part of the face, on the subject's left (side 1) or right (-1) where there are
    two."""
    left = side > 0
    eye = marks[42:48] if left else marks[36:42]
    if name == "eye":
        return eye.mean(0)
    if name == "cheek":
        return marks[[45, 13, 54]].mean(0) if left else marks[[36, 3, 48]].mean(0)
    if name == "jaw":
        return marks[[11, 54]].mean(0) if left else marks[[5, 48]].mean(0)
    brows = marks[17:27].mean(0)
    return {
        "eyes": marks[36:48].mean(0) + 0.3 * (eye.mean(0) - marks[36:48].mean(0)),
        "mouth": marks[48:60].mean(0),
        "nose": marks[30],
        "chin": marks[8] + [0, 8, 0],
        "forehead": brows + [0, 22, 0],
    }[name]
