"""Beanies, caps and brimmed hats, pulled down more or less far over the head's `Globe`."""

from __future__ import annotations

import numpy as np

from occlib.data.occluders import shapes, textures
from occlib.data.occluders.placing import Make, Wearer


def hat(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A beanie, a cap or a brimmed hat, pulled down more or less far."""
    return (_beanie, _cap, _brimmed)[rng.choice(3, p=[0.4, 0.35, 0.25])](wearer, rng)


def _rim(wearer, rng):
    """amount -> latitude of the rim at the front, and how much higher (degrees) the back is."""
    brow = wearer.globe.angles(wearer.landmarks[[19, 24]])[:, 1].mean()
    eyes = wearer.globe.angles(wearer.landmarks[[37, 44]])[:, 1].mean()
    back = rng.uniform(-24, -8)
    return lambda amount: (np.interp(amount, [0, 0.7, 1], [brow + 24, brow + 2, eyes + 4]), back)


def _beanie(wearer, rng):
    globe, rim = wearer.globe, _rim(wearer, rng)
    texture = np.tile(textures.plain(rng) if rng.random() < 0.75 else textures.cloth(rng), (1, 3, 1))
    bump = textures.knit(int(rng.integers(10, 22)))
    slack, folded = rng.uniform(3, 13), rng.random() < 0.6

    def make(amount):
        front, back = rim(amount)
        turns = np.linspace(-180, 180, 73)
        share = np.linspace(1, 0, 30)[:, None] ** 0.9
        edge = front + back * (1 - np.cos(np.radians(turns))) / 2
        latitude = edge + (89 - edge) * share
        offset = 4 + slack * share**2 + (2.5 * (share < 0.32) if folded else 0)
        points = globe.over(turns, latitude, offset * np.minimum(1, 0.3 + 12 * share))
        return [
            shapes.occluder(
                shapes.sheet(points),
                texture=texture,
                bump=np.tile(bump, (1, 4)),
                bump_height=1.0,
                two_sided=True,
                specular=0.15,
                gloss=0.1,
            )
        ]

    return make


def _crown(globe, edge, turns, heights, widths, offset):
    """Rings of a stiff hat: the rim laid around the head at latitudes `edge`, raised by `heights` mm and
    drawn together to `widths` times its width."""
    ring = globe.over(turns, edge, offset)
    middle = np.array([0.0, ring[:, 1].mean(), ring[:, 2].mean()])
    return np.stack([middle + [0, h, 0] + (ring - middle) * [w, 1 if w > 0.5 else w, w]
                     for h, w in zip(heights, widths, strict=True)][::-1])  # fmt: skip


def _cap(wearer, rng):
    globe, rim = wearer.globe, _rim(wearer, rng)
    texture = textures.plain(rng) if rng.random() < 0.75 else textures.cloth(rng)
    visor = textures.plain(rng) if rng.random() < 0.4 else texture
    bump = textures.weave(50, rng)
    length, droop, width = rng.uniform(48, 68), rng.uniform(0.08, 0.4), rng.uniform(52, 64)

    def make(amount):
        front, back = rim(amount)
        turns = np.linspace(-180, 180, 73)
        edge = front + back * (1 - np.cos(np.radians(turns))) / 2
        share = np.linspace(1, 0, 20)[:, None]
        offset = 5 + 9 * np.sin(np.pi * np.minimum(share * 1.3, 1)) * np.cos(np.radians(turns) / 2) ** 2
        dome = globe.over(turns, edge + (89 - edge) * share, offset)
        bow = np.linspace(-1, 1, 25)
        root = globe.over(width * bow, front + back * (1 - np.cos(np.radians(width * bow))) / 2, 4.5)
        out = np.sqrt(np.maximum(1 - bow**2, 0))[:, None]
        reach = np.linspace(0, 1, 9)[:, None, None]
        forward = np.array([0, -droop, 1.0])
        brim = root + reach * out * length * forward - np.array([0, 1, 0]) * 9 * (bow**2)[:, None] * reach
        brim[..., 1] += 5 * np.sin(np.pi * reach[..., 0]) * out[:, 0]
        thick = np.concatenate([brim, brim[::-1] - [0, 2.0, 0]])
        return [
            shapes.occluder(
                shapes.sheet(dome),
                texture=texture,
                bump=bump,
                bump_height=0.3,
                two_sided=True,
                specular=0.2,
                gloss=0.2,
            ),
            shapes.occluder(
                shapes.sheet(thick),
                texture=visor,
                bump=bump,
                bump_height=0.2,
                two_sided=True,
                specular=0.2,
                gloss=0.2,
            ),
        ]

    return make


def _brimmed(wearer, rng):
    globe, rim = wearer.globe, _rim(wearer, rng)
    felt = textures.plain(rng, np.clip(textures.color(rng) * 0.8 + np.array([0.08, 0.05, 0.02]), 0, 1), 0.08)
    band = textures.color(rng)
    bump = textures.weave(int(rng.integers(16, 60)), rng)
    tall, wide, droop, wave = (
        rng.uniform(85, 110),
        rng.uniform(45, 75),
        rng.uniform(-0.1, 0.25),
        rng.uniform(0, 6),
    )

    def make(amount):
        front, back = rim(0.85 * amount)
        turns = np.linspace(-180, 180, 73)
        around = np.radians(turns)
        edge = front + back * (1 - np.cos(around)) / 2
        heights = np.array([0, 0.25, 0.25, 0.7, 0.95, 1.0, 0.94]) * tall
        crown = _crown(globe, edge, turns, heights, [1.03, 1.02, 1.0, 0.94, 0.82, 0.5, 0.0], 6.0)
        ring = globe.over(turns, edge, 6.0)
        outward = ring - np.array([0.0, 0.0, ring[:, 2].mean()])
        outward[:, 1] = 0
        outward /= np.sqrt((outward**2).sum(1, keepdims=True))
        reach = np.linspace(0, 1, 8)[:, None, None]
        lift = (-droop * wide * reach[..., 0] ** 1.5 + wave * np.cos(2 * around) * reach[..., 0])[..., None]
        brim = ring + wide * reach * outward + lift * np.array([0, 1.0, 0])
        thick = np.concatenate([brim, brim[::-1] - [0, 2.0, 0]])
        ribbon = _crown(
            globe, edge, turns, np.array([0.5, 0.5, 13, 13]) + 1.0, [1.03, 1.045, 1.04, 1.02], 6.0
        )
        cloth = {
            "texture": felt,
            "bump": bump,
            "bump_height": 0.4,
            "two_sided": True,
            "specular": 0.15,
            "gloss": 0.15,
        }
        return [
            shapes.occluder(shapes.sheet(crown), **cloth), shapes.occluder(shapes.sheet(thick), **cloth),
            shapes.occluder(shapes.sheet(ribbon), color=band, two_sided=True, specular=0.3, gloss=0.3),
        ]  # fmt: skip

    return make
