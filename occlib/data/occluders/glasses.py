"""Glasses, clear and dark: rims before the eyes, a bridge on the nose, temples to the ears."""

from __future__ import annotations

import numpy as np

from occlib.data.occluders import shapes, textures
from occlib.data.occluders.placing import Make, Wearer


def clear(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Clear glasses: mostly their frame hides anything."""
    return _glasses(wearer, rng, lens=np.append(rng.uniform(0.75, 1.0, 3), rng.uniform(0.03, 0.09)))


def dark(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Dark or coloured lenses, often mirrored."""
    tint = rng.uniform(0.01, 0.12) * np.ones(3) + rng.uniform(0, 0.08, 3)
    return _glasses(wearer, rng, lens=np.append(tint, rng.uniform(0.82, 1.0)))


def _glasses(wearer, rng, lens):
    shaded = lens[3] > 0.5
    power = rng.choice([2.0, 2.3, 3.0, 4.5])  # of the super-ellipse: round .. rectangular
    drop, slant = (
        rng.uniform(0, 0.35),
        rng.uniform(-0.05, 0.14),
    )  # aviators narrow below; cat eyes rise outwards
    metal = rng.random() < 0.45
    rimless = not shaded and rng.random() < 0.12
    frame = textures.color(rng) if not metal else np.array([0.82, 0.72, 0.5]) * rng.uniform(0.6, 1.1)
    proportions = rng.uniform(22.5, 26), rng.uniform(16, 20) + 3 * shaded, rng.uniform(11, 14)
    marks = wearer.landmarks
    eyes = np.array([marks[36:42].mean(0), marks[42:48].mean(0)])
    bridge = marks[27] + 0.55 * (marks[28] - marks[27])
    tilt = np.radians(rng.uniform(4, 10))
    front = wearer.height_map(np.array([0.0, 0.0, 1.0]))

    def make(amount):
        thickness = (0.8 + 0.7 * amount) if metal else (1.2 + 1.9 * amount)
        half_width, half_height, distance = proportions
        half_width, half_height = half_width * (0.94 + 0.2 * amount), half_height * (0.9 + 0.3 * amount)
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        cos, sin = np.cos(angle), np.sin(angle)
        x = np.sign(cos) * np.abs(cos) ** (2 / power) * half_width
        y = np.sign(sin) * np.abs(sin) ** (2 / power) * half_height
        x = x * (1 + drop * np.minimum(y, 0) / half_height)
        rims = []
        for side, eye in zip((-1, 1), eyes, strict=True):
            centre_x = max(abs(eye[0]), half_width + 8.5) + 0.5
            rim = np.stack([side * (centre_x + x), eye[1] - 1.5 + y + slant * x, 0 * x], axis=1)
            rim[:, 2] = eyes[:, 2].mean() + distance + tilt * (rim[:, 1] - eye[1]) - 0.0022 * rim[:, 0] ** 2
            rims.append(rim[::side])
        rims = np.array(rims)
        gaps = front.gaps(rims.reshape(-1, 3))
        rims[..., 2] += max(thickness + 0.5 - gaps[np.isfinite(gaps)].min(), -4.0)
        outer = np.array([rim[np.argmax(np.abs(rim[:, 0]) + 0.4 * rim[:, 1])] for rim in rims])
        inner = np.array([rim[np.argmin(np.abs(rim[:, 0]) - 0.4 * rim[:, 1])] for rim in rims])
        parts = [] if rimless else [shapes.tube(rim, thickness, closed=True, sides=7) for rim in rims]
        arch = inner[0] + (inner[1] - inner[0]) * np.linspace(0, 1, 9)[:, None]
        lift = np.sin(np.linspace(0, np.pi, 9))
        arch += lift[:, None] * np.array([0, 2.5, 1.5])
        arch[:, 2] = np.maximum(arch[:, 2], bridge[2] + thickness + 0.5 * lift)
        parts.append(shapes.tube(arch, thickness, sides=7))
        for k, side in enumerate((-1, 1)):
            ear = wearer.ear(side)[0]
            hinge = outer[k]
            t = np.linspace(0, 1, 9)[:, None]
            temple = hinge + t * (ear + [side * 3.0, 3.0, -4.0] - hinge)
            temple[:, 0] += side * 7.0 * np.sin(np.pi * t[:, 0]) * (1 - t[:, 0])
            around = wearer.globe.angles(temple)
            skin = wearer.globe.over(around[:, 0], around[:, 1], thickness + 0.8, taut=False)
            temple[1:, 0] = side * np.maximum(side * temple[1:, 0], side * skin[1:, 0])
            parts.append(shapes.tube(temple, 0.9 * thickness + 0.3, sides=6, flat=1.5, up=(0, 1, 0)))
        surfaces = [shapes.occluder(shapes.join(parts), color=frame, metal=metal,
                             specular=0.6, gloss=0.75 if metal else 0.7)]  # fmt: skip
        lenses = []
        for rim in rims:
            middle = rim.mean(0)
            rings = middle + np.array([0.0, 0.55, 0.97])[:, None, None] * (rim - middle)
            rings[..., 2] += np.array([[1.6], [0.9], [-0.4]])  # domed; its edge sits inside the rim
            closed = np.concatenate([rings, rings[:, :1]], axis=1)
            lenses.append(shapes.sheet(closed))
        surfaces.append(
            shapes.occluder(
                shapes.join(lenses),
                color=lens,
                glass=True,
                two_sided=True,
                specular=0.5,
                gloss=0.95,
                casts_shadow=bool(shaded),
            )
        )
        return surfaces

    return make
