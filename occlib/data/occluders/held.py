"""What is held in front of a face: phone, cup, microphone, with the hand that holds them."""

from __future__ import annotations

import cv2
import numpy as np

from occlib.data.hands import GESTURES, Gesture, pose_hand
from occlib.data.occluders import shapes, textures
from occlib.data.occluders.hands import Dress, face_part, hand_axes, lay
from occlib.data.occluders.placing import HeightMap, Make, Wearer, cross, facing, standing
from occlib.data.occluders.shapes import Mesh

GRIP = (8.0, 80.0, -27.0)
"""Where the axis of a handle lies in a hand that holds it."""


def _rested(mesh: Mesh, surface: HeightMap, distance: float) -> Mesh:
    """The mesh moved along the surface's direction until it is `distance` mm away."""
    gap = surface.gaps(mesh.vertices).min()
    if not np.isfinite(gap):
        return mesh
    return mesh._replace(vertices=mesh.vertices + (distance - gap) * surface.axes[2])


def _turned(axes: np.ndarray, degrees: float) -> np.ndarray:
    """Axes turned about the third, counter-clockwise as the viewer sees it."""
    a = np.radians(degrees)
    return np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ axes


def _vary(gesture: Gesture, wrist, rng: np.random.Generator) -> Gesture:
    return Gesture(
        gesture.flexion + rng.normal(0, 3, (5, 3)), gesture.spread, np.array(wrist) + rng.normal(0, 6, 2)
    )


def phone(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A phone that takes a picture in the mirror, or one at the ear, and the hand that holds it."""
    side = 1 if rng.random() < 0.5 else -1
    calling = rng.random() < 0.35
    size = np.array([rng.uniform(68, 80), rng.uniform(138, 165), rng.uniform(7.5, 12)])
    body = shapes.rounded_box(size, rng.uniform(6, 13), 1.5)
    texture = _phone_back(rng)
    dress = Dress.draw(wearer, rng)
    lean = rng.uniform(-15, 25) + (75 if not calling and rng.random() < 0.2 else 0)
    part = ("eye", "cheek", "mouth", "nose")[rng.integers(4)]
    jitter, distance = rng.normal(0, 8, 3) * [1, 1, 0], rng.uniform(8, 60)
    gesture = _vary(GESTURES["relaxed"], (-20, -5), rng)
    grip_angle, grip_at = rng.uniform(15, 60), rng.uniform(-50, -25)

    def make(amount):
        if calling:  # against the ear, down to the mouth
            normal, angle = np.array([side * (0.95 - 0.5 * amount), -0.05, 0.45 + 0.3 * amount]), side * 22
            target, gap = wearer.landmarks[14 if side > 0 else 2] * (1 - 0.45 * amount) + [0, -8, 0], 0.5
        else:
            normal, angle, gap = np.array([side * 0.15, -0.05, 1.0]), side * lean, distance
            target = (
                face_part(part, side, wearer.landmarks)
                + jitter
                + [side * 75 * (1 - amount), -25 * (1 - amount), 0]
            )
        axes = _turned(facing(normal, np.array([0.0, 1.0, 0.0])), angle)
        surface = wearer.height_map(normal)
        case = _rested(body.moved(axes, target + 60 * axes[2]), surface, gap)
        surface.add(case.vertices, case.faces)
        middle = case.vertices.mean(0)
        hold = middle + grip_at * axes[1] + side * 6 * axes[0]
        hand = lay(gesture, hand_axes(normal, side * (grip_angle) + angle * 0.5), hold, (4, 96), surface, 1.0,
                   mirrored=side < 0)  # fmt: skip
        return [shapes.occluder(case, texture=texture, specular=0.7, gloss=0.75),
                *dress.surfaces(hand, mirrored=side < 0)]  # fmt: skip

    return make


def _phone_back(rng: np.random.Generator) -> np.ndarray:
    """(256, 128, 3): a case or a plain back with its cameras."""
    plain = rng.random() < 0.65
    back = textures.plain(rng, grain=0.015) if plain else textures.cloth(rng)
    back = np.ascontiguousarray(cv2.resize(back, (128, 256), interpolation=cv2.INTER_LINEAR))
    tone = np.clip(textures.color(rng) * 0.5, 0, 1) * 255
    wide, tall = int(rng.integers(26, 60)), int(rng.integers(26, 64))
    cv2.rectangle(back, (10, 10), (10 + wide, 10 + tall), tone.tolist(), -1, cv2.LINE_8)
    for k in range(rng.integers(1, 4)):
        centre = (10 + wide // 4 + (k % 2) * wide // 2, 10 + tall // 4 + (k // 2 + k % 2) * tall // 3)
        cv2.circle(back, centre, 9, (20, 20, 24), -1, cv2.LINE_8)
        cv2.circle(back, centre, 4, (60, 60, 85), -1, cv2.LINE_8)
    return back


def cup(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A cup or mug somebody drinks from."""
    side = 1 if rng.random() < 0.5 else -1
    top, height = rng.uniform(34, 44), rng.uniform(75, 125)
    bottom = top * rng.uniform(0.65, 1.0)
    half = height / 2
    profile = np.array(
        [
            [0, 4 - half],
            [bottom - 2.5, 4 - half],
            [top - 2.5, half - 1],
            [top - 1.2, half + 0.5],
            [top, half - 1],
            [0.5 * (top + bottom), 0],
            [bottom, 1.5 - half],
            [bottom - 2, -half],
            [0, -half],
        ]
    )
    vessel = shapes.lathe(profile, 36)
    texture = textures.plain(rng, grain=0.02) if rng.random() < 0.5 else textures.cloth(rng)
    dress = Dress.draw(wearer, rng)
    aside, gesture = rng.uniform(-0.15, 0.3), _vary(GESTURES["cupped"], (-10, -18), rng)
    grip_angle = rng.uniform(60, 85)

    def make(amount):
        tilt = np.radians(20 + 60 * amount)
        axes = standing(
            np.array([-0.5 * side * aside, np.cos(tilt), -np.sin(tilt)]), np.array([0.0, 0.3, 1.0])
        )
        mouth = wearer.landmarks[[51, 57]].mean(0)
        centre = mouth - half * axes[1] + (0.55 * top) * np.array([0, -np.sin(tilt) + 0.55, 0]) + [0, 0, 80.0]
        front = wearer.height_map(np.array([0.0, 0.0, 1.0]))
        mesh = _rested(vessel.moved(axes, centre), front, -1.5)
        middle = mesh.vertices.mean(0)
        normal = np.array([side * 0.75, -0.25, 0.65])
        surface = wearer.height_map(normal).add(mesh.vertices, mesh.faces)
        hand = lay(
            gesture, hand_axes(normal, side * grip_angle), middle, (-4, 78), surface, 1.0, mirrored=side < 0
        )
        return [shapes.occluder(mesh, texture=texture, specular=0.6, gloss=0.65),
                *dress.surfaces(hand, mirrored=side < 0)]  # fmt: skip

    return make


def microphone(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A microphone at the mouth in somebody's fist."""
    side = 1 if rng.random() < 0.5 else -1
    head, neck = rng.uniform(19, 28), rng.uniform(13, 16)
    angle = np.linspace(0.05, 2.5, 12)
    grille = shapes.lathe(head * np.stack([np.sin(angle), np.cos(angle)], axis=1))
    handle = shapes.lathe(
        np.array(
            [[neck + 2, -head * 0.8], [neck + 2, -head - 4], [neck, -head - 7], [neck - 3, -210], [0, -211]]
        )
    )
    windscreen = rng.random() < 0.3
    tint = np.clip(textures.color(rng) if windscreen else np.full(3, rng.uniform(0.25, 0.6)), 0, 1)
    body = np.clip(np.full(3, rng.uniform(0.03, 0.3)) if rng.random() < 0.8 else textures.color(rng), 0, 1)
    wires = np.uint8(np.kron(np.indices((32, 32)).sum(0) % 2, np.ones((4, 4))) * 255)
    cover = (
        {"gloss": 0.05, "specular": 0.1} if windscreen else {"bump": wires, "bump_height": 0.6, "gloss": 0.5}
    )
    dress = Dress.draw(wearer, rng)
    down = np.array([side * rng.uniform(0.2, 0.6), -1.0, rng.uniform(0.3, 0.9)])
    down /= np.sqrt((down**2).sum())
    grip = GESTURES["fist"].flexion.copy()
    grip[1:] = (60, 80, 42)
    gesture = Gesture(
        grip + rng.normal(0, 2, (5, 3)), GESTURES["fist"].spread, np.array([rng.uniform(-10, 20), -22.0])
    )
    hold, back = rng.uniform(85, 120), np.array([side * 0.35, 0.1, 1.0])
    jitter, gap = rng.normal(0, 4, 3), rng.uniform(1, 14)

    def make(amount):
        axes = standing(-down, back)
        mouth = (
            wearer.landmarks[48:60].mean(0)
            + jitter
            + (1 - amount) * np.array([side * 22, -42, 0])
            + [0, 0, 60]
        )
        ball = _rested(grille.moved(axes, mouth), wearer.height_map(np.array([0.0, 0.0, 1.0])), gap)
        centre = ball.vertices.mean(0)
        hand = _gripping(gesture, axes, centre - hold * axes[1], mirrored=side < 0)
        return [
            shapes.occluder(ball, color=tint, **cover),
            shapes.occluder(handle.moved(axes, centre), color=body, gloss=0.6),
            *dress.surfaces(hand, mirrored=side < 0),
        ]

    return make


def _gripping(gesture: Gesture, axes: np.ndarray, point: np.ndarray, *, mirrored: bool) -> np.ndarray:
    """Vertices (V, 3) of a hand around a handle through `point` along axes[1], thumb up, its back along
    axes[2]."""
    mirror = np.array([-1.0 if mirrored else 1.0, 1, 1])
    up = axes[1] * mirror[0]
    own = np.stack([up, cross(axes[2], up), axes[2]])
    return (pose_hand(gesture) - GRIP) * mirror @ own + point
