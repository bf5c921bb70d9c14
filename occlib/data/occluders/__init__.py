"""Things that hide parts of a face, by family: each is put where such things are, and hides as much as is
asked.

    name, surfaces, coverage = draw_occluder(head, rng, coverage=(0.2, 0.4))

`coverage` is the share of the face region, as the camera sees it, that the surfaces hide. A family first draws a style, then builds it for an amount between 0 and 1; bisection finds the amount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from occlib.data.occluders import glasses, hands, hats, held, loose
from occlib.data.occluders import worn as draped
from occlib.data.occluders.placing import FAR_AHEAD, Make, Wearer
from occlib.data.scene import Surface

TRIES = 5
"""How often the amount is halved towards the asked coverage before another style or family is tried."""


@dataclass(frozen=True)
class Family:
    """weight: how often it is drawn. held_out: never in training. reach: what coverage it usually can have.
    over_hair: it is worn over the hair, see `press_hair`. style: (wearer, rng) -> make, and make(amount in
    [0, 1]) -> surfaces in head space."""

    weight: float
    reach: tuple[float, float]
    style: Callable[[Wearer, np.random.Generator], Make]
    held_out: bool = False
    over_hair: bool = False

    def draw(
        self, head, rng: np.random.Generator, coverage: tuple[float, float] | None = None, eye=FAR_AHEAD
    ):
        """Surfaces in head space and their coverage, within `coverage` if this style can reach it."""
        return _fit(self, Wearer(head, eye), rng, coverage)


FAMILIES: dict[str, Family] = {
    "palm": Family(3.0, (0.03, 0.45), hands.palm),
    "fingers": Family(3.0, (0.01, 0.28), hands.fingers),
    "forehead_chain": Family(0.8, (0.005, 0.05), draped.forehead_chain),
    "headband": Family(0.6, (0.05, 0.2), draped.headband, over_hair=True),
    "glasses": Family(1.5, (0.02, 0.05), glasses.clear),
    "sunglasses": Family(1.2, (0.12, 0.24), glasses.dark, held_out=True),
    "surgical_mask": Family(1.2, (0.2, 0.5), draped.surgical_mask),
    "cloth_mask": Family(1.0, (0.18, 0.48), draped.cloth_mask),
    "hat": Family(0.8, (0.02, 0.35), hats.hat, over_hair=True),
    "phone": Family(1.0, (0.02, 0.38), held.phone),
    "cup": Family(0.8, (0.2, 0.32), held.cup, held_out=True),
    "microphone": Family(0.8, (0.05, 0.12), held.microphone),
    "scarf": Family(0.8, (0.1, 0.55), draped.scarf, held_out=True),
    "leaves": Family(0.8, (0.02, 0.6), loose.leaves),
    "object": Family(1.2, (0.02, 0.5), loose.thing),
    "strokes": Family(0.8, (0.05, 0.55), loose.strokes),
    "other_head": Family(0.4, (0.02, 0.5), loose.other_head),
}
TRAINING = tuple(name for name, family in FAMILIES.items() if not family.held_out)
HELD_OUT = tuple(name for name, family in FAMILIES.items() if family.held_out)


def draw_occluder(
    head,
    rng: np.random.Generator,
    coverage: tuple[float, float] | None = None,
    names: Iterable[str] = TRAINING,
    eye: tuple[float, float, float] | np.ndarray = FAR_AHEAD,
) -> tuple[str, list[Surface], float]:
    """An occluder for a head: its family's name, its surfaces in head space, and the coverage they have.

    head: what `Wearer` needs of it. coverage: lowest and highest share of the face region to hide; None: any.
    names: the families to choose from. eye: mm, where the camera is in head space. Raises ValueError if no
    family in `names` reaches the asked coverage.
    """
    names = list(names)
    if coverage is not None:
        low, high = coverage
        names = [name for name in names if FAMILIES[name].reach[0] <= high and low <= FAMILIES[name].reach[1]]
    if not names:
        raise ValueError(f"no family of occluders covers {coverage} of a face")
    weights = np.array([FAMILIES[name].weight for name in names])
    wearer = Wearer(head, eye)
    best = None
    for _ in range(4):
        name = names[rng.choice(len(names), p=weights / weights.sum())]
        surfaces, share = _fit(FAMILIES[name], wearer, rng, coverage)
        miss = 0.0 if coverage is None else max(coverage[0] - share, share - coverage[1], 0.0)
        if best is None or miss < best[0]:
            best = miss, name, surfaces, share
        if miss == 0.0:
            break
    return best[1:]


def press_hair(hair: list[Surface], worn: list[Surface], head) -> list[Surface]:
    """Hair brought to below what is worn over it, a hat or a headband; all in head space."""
    globe = Wearer(head).globe
    return [replace(surface, vertices=globe.pressed(surface.vertices, worn)) for surface in hair]


def _fit(family, wearer, rng, coverage):
    make = family.style(wearer, rng)
    amount = rng.random() ** 0.7  # rather much than little
    if coverage is None:
        surfaces = make(amount)
        return surfaces, wearer.coverage(surfaces)
    goal = rng.uniform(max(coverage[0], family.reach[0]), max(min(coverage[1], family.reach[1]), coverage[0]))
    low, high = 0.0, 1.0
    for _ in range(TRIES):
        surfaces = make(amount)
        share = wearer.coverage(surfaces)
        if coverage[0] <= share <= coverage[1]:
            break
        low, high = (amount, high) if share < goal else (low, amount)
        amount = 0.5 * (low + high)
    return surfaces, share
