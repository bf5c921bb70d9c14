"""What comes between a face and the camera: leaves, things, painted strokes, somebody else's head."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import cv2
import numpy as np
import torch

from occlib.data.occluders import hats, shapes, textures
from occlib.data.occluders.placing import Make, Wearer, cross
from occlib.data.scene import GRID, Surface
from occlib.morphable import open_model

MIDDLE = np.array([0.0, -28.0, 0.0])
"""About the middle of a face, in head space."""


def _in_view(wearer: Wearer, x, y, distance):
    """Head space (..., 3) of points x mm to the right of the face's middle, y above, `distance` before its
    front."""
    front = (wearer.landmarks - MIDDLE) @ wearer.view[2]
    x, y, z = np.broadcast_arrays(x, y, front.max() + np.asarray(distance, np.float64))
    return MIDDLE + np.stack([x, y, z], axis=-1) @ wearer.view


def rotation(rng: np.random.Generator) -> np.ndarray:
    """(3, 3) drawn evenly from all rotations, by a random quaternion."""
    w, x, y, z = (q := rng.normal(size=4)) / np.sqrt((q**2).sum())
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def thing(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A box, ball or lump with any texture, before some part of the face."""
    kind = rng.integers(3)
    proportions = rng.uniform(0.5, 1.6, 3) * [1, 1, 0.2 if rng.random() < 0.4 else 1]
    mesh = (
        shapes.rounded_box(proportions * 60, 60 * proportions[:2].min() * rng.uniform(0.02, 0.4), 2.0)
        if kind == 0
        else shapes.ball(42.0, 21, 32)
        if kind == 1
        else shapes.blob(40.0, rng.uniform(0.1, 0.45), rng)
    )
    texture, turn = textures.anything(rng), rotation(rng)
    bump = textures.weave(int(rng.integers(6, 40)), rng) if rng.random() < 0.5 else None
    gloss, heading = rng.uniform(0, 0.85), rng.uniform(0, 2 * np.pi)
    distance, metal = rng.uniform(2, 60), rng.random() < 0.12

    def make(amount):
        size = 0.55 + 0.75 * amount
        away = 78 - 60 * amount
        centre = _in_view(wearer, away * np.cos(heading), 1.15 * away * np.sin(heading), distance + 40 * size)
        moved = mesh._replace(vertices=mesh.vertices * size).moved(turn, centre)
        material = {} if bump is None else {"bump": bump, "bump_height": 1.0}
        return [shapes.occluder(moved, texture=texture, gloss=gloss, metal=metal, **material)]

    return make


def leaves(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Twigs with leaves that reach into the picture."""
    autumn = rng.random() < 0.25
    base = textures.hue(rng.uniform(0.02, 0.14) if autumn else rng.uniform(0.19, 0.36), rng.uniform(0.5, 0.9),
                        rng.uniform(0.3, 0.75))  # fmt: skip
    slender, fold, droop = rng.uniform(0.16, 0.4), rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.6)
    t, s = np.linspace(0, 1, 8)[:, None], np.linspace(-1, 1, 5)
    width = slender * np.sin(np.pi * t**0.8) ** 0.9
    blade = shapes.sheet(np.stack([s * width, -t + 0 * s, -droop * t**2 + fold * np.abs(s) * width], axis=-1))
    shade = np.ravel(0.85 + 0.1 * np.abs(s) + 0.12 * (np.abs(s) < 0.1) + 0 * t)
    twigs = []
    for _ in range(rng.integers(1, 4)):
        heading = rng.uniform(0, 2 * np.pi)
        count = int(rng.integers(9, 17))
        twigs.append((heading, rng.normal(0, 0.25), rng.uniform(20, 110), count, rng.uniform(38, 75, count),
                      [rotation(rng) for _ in range(count)], rng.uniform(0.75, 1.2, (count, 1, 1)),
                      rng.uniform(-45, 45)))  # fmt: skip

    def make(amount):
        parts, colors, stems = [], [], []
        for heading, bend, distance, count, sizes, turns, tints, aside in twigs:
            along = np.linspace(190, 95 - 165 * amount, count)
            angle = heading + bend * np.linspace(0, 1, count)
            path = _in_view(
                wearer,
                along * np.cos(angle) - aside * np.sin(heading),
                along * np.sin(angle) + aside * np.cos(heading),
                distance + 6 * np.sin(along / 25),
            )
            stems.append(shapes.tube(path, np.linspace(2.4, 0.8, count), sides=6))
            inward = -np.cos(heading) * wearer.view[0] - np.sin(heading) * wearer.view[1]
            for k in range(count):
                sideways = cross(wearer.view[2], inward) * (1 if k % 2 else -1)
                down = inward + 0.9 * sideways + 0.35 * turns[k][0]
                toward = wearer.view[2] + 0.6 * turns[k][1]
                y = -down / np.sqrt((down**2).sum())
                x = cross(y, toward)
                x /= np.sqrt((x**2).sum())
                axes = np.stack([x, y, cross(x, y)])
                parts.append(blade._replace(vertices=blade.vertices * sizes[k]).moved(axes, path[k]))
            colors.append((base * shade[:, None] * tints).reshape(-1, 3))
        green = np.clip(np.concatenate(colors), 0, 1).astype(np.float32)
        foliage = shapes.join(parts)
        return [
            Surface(
                vertices=foliage.vertices.astype(np.float32),
                faces=foliage.faces,
                color=green,
                occluder=True,
                two_sided=True,
                specular=0.4,
                gloss=0.4,
            ),
            shapes.occluder(shapes.join(stems), color=(0.33, 0.25, 0.16), specular=0.2, gloss=0.2),
        ]

    return make


def strokes(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Flat painted shapes just before the face: brush strokes, bars and patches."""
    kinds = rng.integers(0, 3, rng.integers(1, 5))
    drawn = [
        (
            kind,
            textures.color(rng) if rng.random() < 0.7 else None,
            textures.anything(rng),
            rng.uniform(-1, 1, (6, 2)),
            rng.uniform(0.5, 1.3),
            rng.uniform(0, 6, 7),
        )
        for kind in kinds
    ]
    floating = rng.uniform(2, 25)

    def make(amount):
        surfaces = []
        for k, (kind, tint, texture, knots, wide, phases) in enumerate(drawn):
            reach = 95 - 20 * amount
            if kind == 0:  # a stroke of the brush
                path = cv2.resize((knots * reach).astype(np.float64), (2, 40), interpolation=cv2.INTER_CUBIC)
                ahead = np.gradient(path, axis=0)
                normal = np.stack([-ahead[:, 1], ahead[:, 0]], 1) / np.sqrt(
                    (ahead**2).sum(1, keepdims=True) + 1e-6
                )
                half = wide * (3 + 19 * amount)
                points = path + np.array([1.0, -1.0])[:, None, None] * half * normal
            else:
                angle = np.linspace(0, 2 * np.pi, 41)
                radius = wide * (14 + 42 * amount) / np.sqrt(len(drawn))
                if kind == 1:  # a patch
                    edge = radius * (
                        1 + 0.25 * np.sin(2 * angle + phases[0]) + 0.2 * np.sin(3 * angle + phases[1])
                    )
                else:  # a bar or a box
                    edge = radius / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)) * (1 + phases[2]))
                ring = edge[:, None] * np.stack(
                    [np.cos(angle + phases[3]), np.sin(angle + phases[3])], axis=1
                )
                centre = knots[0] * (70 - 40 * amount)
                points = np.stack([centre + 0 * ring, centre + ring])
            mesh = shapes.sheet(_in_view(wearer, points[..., 0], points[..., 1], floating + 0.3 * k))
            material = {"texture": texture} if tint is None else {"color": tint}
            surfaces.append(
                shapes.occluder(mesh, **material, two_sided=True, specular=0.1, gloss=0.1, casts_shadow=False)
            )
        return surfaces

    return make


CROWD = 12
"""How many others there are."""


@functools.cache
def _somebody(number: int) -> SimpleNamespace:
    """One of the crowd: what `Wearer` needs of a head, and its color (V, 3)."""
    model, rng = open_model("cpu"), np.random.default_rng([number, 2024])
    identity, texture = (torch.from_numpy(rng.normal(0, 0.8, (1, n)).astype(np.float32)) for n in
                         (model.n_identity, model.n_texture))  # fmt: skip
    with torch.no_grad():
        vertices = model.shape(identity, torch.zeros(1, model.n_expression))[0].numpy()
        color = model.albedo(texture)[0].clamp(0, 1).numpy()
    regions = model.regions.numpy()
    scalp = regions == model.region_names.index("scalp")
    shade = np.array([0.24, 0.17, 0.12]) * rng.uniform(0.3, 2.2) * rng.uniform(0.9, 1.1, (scalp.sum(), 1))
    color[scalp] = np.clip(shade, 0, 1)
    vertices[scalp] *= 1 + np.float32(rng.uniform(0.0, 0.08))  # short hair
    return SimpleNamespace(
        vertices=np.rint(vertices * GRID) / np.float32(GRID),
        faces=model.faces.numpy().astype(np.int32),
        regions=regions,
        landmarks=vertices[model.landmark_indices],
        skin_color=color[regions == 0].mean(0),
        color=color,
    )


def other_head(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Somebody's head that comes between from the side, seen from any direction, sometimes with a hat."""
    other = _somebody(int(rng.integers(CROWD)))
    own = Surface(
        vertices=other.vertices, faces=other.faces, color=other.color, occluder=True, translucency=0.8
    )
    hat = hats.hat(Wearer(other), rng)(rng.uniform(0, 0.6)) if rng.random() < 0.5 else []
    side = 1 if rng.random() < 0.5 else -1
    # Never towards the camera: nobody could say whose photo it is.
    yaw, sinks, ahead = np.radians(rng.uniform(65, 295)), rng.uniform(-75, -10), rng.uniform(70, 150)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])

    def make(amount):
        offset = _in_view(wearer, side * (150 - 85 * amount), sinks, ahead)
        return [surface.posed(turn, offset) for surface in [own, *hat]]

    return make
