"""What is draped over a face, following the head's `Globe`: masks, scarf, headband, chains."""

from __future__ import annotations

import numpy as np

from occlib.data.occluders import shapes, textures
from occlib.data.occluders.placing import NECK, Make, Wearer


def surgical_mask(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Three pleats, mostly pale blue or white, ear loops."""
    hues = [
        (0.62, 0.80, 0.90),
        (0.55, 0.75, 0.86),
        (0.93, 0.94, 0.95),
        (0.12, 0.12, 0.13),
        (0.90, 0.70, 0.76),
        (0.66, 0.84, 0.74),
    ]
    base = np.clip(
        np.array(hues[rng.choice(6, p=[0.35, 0.2, 0.17, 0.14, 0.07, 0.07])]) + rng.normal(0, 0.02, 3), 0, 1
    )
    return _mask(wearer, rng, textures.plain(rng, base, 0.03), pleats=3, bulge=rng.uniform(1, 5))


def cloth_mask(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Any fabric, smooth or with a seam down the middle."""
    return _mask(wearer, rng, textures.cloth(rng), pleats=0, bulge=rng.uniform(3, 9))


def _mask(wearer, rng, texture, pleats, bulge):
    globe, marks = wearer.globe, wearer.landmarks
    bump = textures.weave(62, rng)
    half = rng.uniform(54, 64)
    peak = rng.uniform(0.4, 1.4) if pleats == 0 else 0.0  # how pointed a seamed mask is
    nose, tip, under_nose, mouth, chin = globe.angles(marks[[28, 30, 33, 62, 8]])[:, 1]
    jaw = globe.angles(marks[[4, 12]])[:, 1].mean()
    loops = np.clip(textures.color(rng) if rng.random() < 0.3 else np.array([0.9, 0.9, 0.9]), 0, 1)
    askew = rng.normal(0, 1.2)
    below = rng.uniform(6, 12)

    def make(amount):
        # From a mask pulled down below the nose, or for the mouth only, to one that starts at the eyes.
        top = np.interp(amount, [0, 0.25, 0.45, 1], [mouth + 9, under_nose - 2, tip + 5, nose + 6])
        bottom = np.interp(amount, [0, 0.3, 1], [0.5 * (mouth + chin) - 4, chin - below, chin - below - 3])
        side = half * np.interp(amount, [0, 0.4, 1], [0.72, 0.92, 1.05])
        s, t = np.linspace(-1, 1, 41), np.linspace(0, 1, 37)[:, None]
        upper = top - (top - np.minimum(top, 0) * 0.5 - 1.0) * s**2 * (0.75 if top > 0 else 0.2)
        lower = bottom + (jaw + 3 - bottom) * np.abs(s) ** 2.2 * 0.8
        latitude = upper + (lower - upper) * t + askew * s
        longitude = side * s * (1 - 0.10 * t**2)
        tent = (1 - s**2) * np.sin(np.pi * np.clip(t, 0, 1)) ** 0.8
        offset = 1.3 + bulge * tent + peak * 5 * np.exp(-((s / 0.35) ** 2)) * np.sin(np.pi * t)
        if pleats:
            offset = offset + 3.0 * ((pleats * t * 0.999 + 0.35) % 1 - 0.5) * np.sin(np.pi * t) ** 0.5
        hem = np.minimum(1, 8 * np.minimum(np.minimum(t, 1 - t), (1 - np.abs(s)) / 2 + 0 * t))
        points = globe.over(longitude, latitude, 0.4 + offset * hem)
        surfaces = [
            shapes.occluder(
                shapes.sheet(points),
                texture=texture,
                bump=bump,
                bump_height=0.2,
                two_sided=True,
                specular=0.25,
                gloss=0.2,
            )
        ]
        straps = []
        for side_sign, column in ((-1, 0), (1, -1)):
            ear = wearer.ear(side_sign)
            for row, end in ((0, ear[0]), (-1, ear[1])):
                start = globe.angles(points[row, column])
                goal = globe.angles(end + [0, 0, -6.0])
                share = np.linspace(0, 1, 10)
                angles = start + share[:, None] * (goal - start)
                path = globe.over(angles[:, 0], angles[:, 1], 1.0 + 2.0 * share, taut=False)
                path[0] = points[row, column]
                straps.append(shapes.tube(path, 1.3, sides=5, flat=0.5, up=(side_sign, 0, 0.5)))
        return [*surfaces, shapes.occluder(shapes.join(straps), color=loops, specular=0.3, gloss=0.3)]

    return make


def scarf(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A scarf around neck and chin, pulled up over mouth and nose."""
    globe = wearer.globe
    texture, bump = textures.cloth(rng), textures.knit(20) if rng.random() < 0.5 else textures.weave(30, rng)
    nose, mouth, chin = globe.angles(wearer.landmarks[[29, 62, 8]])[:, 1]
    neck = wearer.head.vertices[wearer.regions == NECK].astype(np.float64)
    room = 0.5 * np.ptp(neck, axis=0)[[0, 2]] + 10
    folds, phases = rng.uniform(1.0, 2.6, 3), rng.uniform(0, 6, 6)

    def make(amount):
        top = np.interp(amount, [0, 1], [0.5 * (mouth + chin), nose + 6])
        turns = np.linspace(-175, 175, 72)
        around = np.radians(turns)
        shares = np.linspace(0, 1, 26)[:, None]
        below_ears = np.minimum(top, -26) + 6 * (1 - np.cos(around)) / 2
        front = np.clip((100 - np.abs(turns)) / 45, 0, 1)
        edge = (
            below_ears
            + (top - below_ears) * front**2 * (3 - 2 * front)
            + 1.5 * np.sin(3 * around + phases[0])
        )
        latitude = edge + (-52 - edge) * np.minimum(shares / 0.55, 1)
        wave = sum(
            f * np.sin((3 + k) * around + 9 * shares * (k + 1) + phases[k]) for k, f in enumerate(folds)
        )
        offset = 4 + 7 * np.sqrt(np.minimum(shares / 0.3, 1)) + wave * np.minimum(shares / 0.15, 1)
        points = globe.over(turns, latitude, offset)
        # Below the jaw it hangs straight down, around the neck.
        hang = np.maximum(shares - 0.55, 0)[..., None] / 0.45
        points = np.where(hang > 0, points[14] - hang * [0, 95, 0], points)
        from_neck = points[..., [0, 2]] - neck.mean(0)[[0, 2]]
        inside = np.sqrt((np.square(from_neck / room)).sum(-1, keepdims=True))
        swing = 1 + hang * (0.12 + wave[..., None] / 60)
        points[..., [0, 2]] += from_neck * np.where(
            shares[..., None] > 0.4, swing / np.minimum(inside, 1) - 1, 0
        )
        return [
            shapes.occluder(
                shapes.sheet(points),
                texture=np.tile(texture, (1, 3, 1)),
                bump=bump,
                bump_height=0.8,
                two_sided=True,
                specular=0.15,
                gloss=0.1,
            )
        ]

    return make


def _forehead(wearer, rng):
    """(low, high): latitude just above the brows and at the hairline; and how a band tilts towards the
    back."""
    brow = wearer.globe.angles(wearer.landmarks[[19, 24]])[:, 1].mean()
    return brow + 5, brow + 24, rng.uniform(-14, 16)


def headband(wearer: Wearer, rng: np.random.Generator) -> Make:
    """A band of cloth around the head."""
    globe = wearer.globe
    low, high, back = _forehead(wearer, rng)
    texture, bump = textures.cloth(rng), textures.knit(24) if rng.random() < 0.4 else textures.weave(30, rng)
    shear, thickness = rng.normal(0, 2), rng.uniform(1.2, 3)

    def make(amount):
        width = 3.5 + 20 * amount
        middle = np.interp(amount, [0, 1], [0.5 * (low + high) + 4, low + 0.5 * width - 3])
        turns = np.linspace(-180, 180, 97)
        around = np.radians(turns)
        rows = np.linspace(1, -1, 9)[:, None]
        latitude = middle + back * (1 - np.cos(around)) / 2 + shear * np.sin(around) + rows * width / 2
        offset = thickness * (1 - np.abs(rows) ** 6) + 0.4 + 0.3 * np.sin(5 * around + 3 * rows)
        return [
            shapes.occluder(
                shapes.sheet(globe.over(turns, latitude, offset)),
                texture=np.tile(texture[:48], (1, 3, 1)),
                bump=bump,
                bump_height=0.4,
                two_sided=True,
                specular=0.2,
                gloss=0.2,
            )
        ]

    return make


def forehead_chain(wearer: Wearer, rng: np.random.Generator) -> Make:
    """Beads or links along the forehead, often with a pendant on the midline and a chain up the parting."""
    globe = wearer.globe
    low, high, back = _forehead(wearer, rng)
    metal = rng.random() < 0.75
    gold = np.array([[0.95, 0.76, 0.42], [0.85, 0.85, 0.87], [0.93, 0.66, 0.52]])[rng.integers(3)]
    tint = gold * rng.uniform(0.8, 1.05) if metal else textures.color(rng)
    stone = textures.hue(rng.random(), rng.uniform(0.5, 1), rng.uniform(0.3, 0.9))
    around, parting = rng.random() < 0.75, rng.random() < 0.6
    sag, height = rng.uniform(-7, 2), rng.uniform(0.1, 0.6)
    rows = rng.integers(1, 4)
    drops, pendant = rng.random() < 0.4, rng.random() < 0.5

    def make(amount):
        size = 1.1 + 2.0 * amount  # radius of a bead in mm
        middle = low + (high - low) * height
        centres = []
        if around or not parting:
            for row in range(rows):
                step = 2.1 * size / 100
                turn = np.arange(-105, 105, np.degrees(step))
                bend = np.radians(turn)
                latitude = (
                    middle + 3.2 * size * row * 0.6 + back * (1 - np.cos(bend)) / 2 + sag * np.cos(bend)
                )
                centres.append(globe.over(turn, latitude, 0.8 * size))
                if drops and row == 0:
                    centres.append(globe.over(turn[::3], latitude[::3] - 1.6 * size, 0.8 * size))
        if parting:
            centres.append(globe.over(0.0, np.arange(middle + sag, 84, 2.1 * size * 0.6), 0.8 * size))
        centres = np.concatenate(centres)
        beads = shapes.scatter(shapes.ball(1.0, 5, 7), centres, size)
        parts = [shapes.occluder(beads, color=tint, metal=metal, specular=0.7, gloss=0.75)]
        if parting or pendant:
            hung = globe.over(0.0, middle + sag - 1.2 * (3 + 5 * amount), 2.0)
            disc = shapes.ball(1.0, 9, 14)
            shape = np.array([1.0, 1.25, 0.35]) * (3 + 6 * amount)
            parts.append(shapes.occluder(shapes.scatter(disc, hung[None], shape), color=tint, metal=metal,
                                  specular=0.7, gloss=0.7))  # fmt: skip
            parts.append(
                shapes.occluder(
                    shapes.scatter(disc, hung[None] + [0, 0, 0.25 * shape[0]], 0.55 * shape),
                    color=stone,
                    specular=0.9,
                    gloss=0.9,
                )
            )
        return parts

    return make
