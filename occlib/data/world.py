"""The synthetic world: endless photos of people who do not exist, occluded and not, with everything that is true.

    sample i:  person i --pose, light, camera--> shot --occluder--> scene, drawn with and without it --> photos

Every sample has random streams of its own, made from (seed, split, person, shot): it is the same bytes on every
machine, in any order and with any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from occlib.data.occluders import FAMILIES, TRAINING, draw_occluder, press_hair
from occlib.data.people import FRINGES, TRAINING_HAIR, Person, draw_person
from occlib.data.photography import Shot, develop, draw_shot, orthographic_pose
from occlib.data.props import HAIR
from occlib.data.sample import Sample, contours_of
from occlib.data.scene import SceneImage, Surface, render_scene
from occlib.errors import DataError

SPLITS = ("train", "validation", "test")
FRINGE = "hair"
"""The family of a person's own hair over the forehead."""
FRINGE_WEIGHT = 1.0
"""How often it is drawn, beside the weights of FAMILIES."""
FRINGE_REACH = (0.0, 0.2)
MOST = 0.6
"""Largest share of a face that is hidden, unless asked for."""
BARE = 0.1
"""Share of samples without an occluder, unless asked for."""
TRIES, SLACK, LEAST = 4, 0.02, 0.003
"""A sample whose occluder misses the asked coverage by more than SLACK, or hides less than LEAST, is drawn again, up to
TRIES times."""
LENGTH = 10**6


class World:
    """A map-style dataset of rendered faces: Sample by index, with every field.

    seed: another world. size: pixels a side; the same index shows the same scene at every size. split: "train",
    "validation" or "test"; no two share a person, and some families of occluders (`occluders.HELD_OUT`) and hair styles
    (`people.HELD_OUT_HAIR`) are drawn in "test" only. families: occluders to draw from, by default all of the split's.
    coverage: lowest and highest share of the face to hide. bare: share of samples that nothing occludes.
    """

    def __init__(
        self,
        seed: int = 0,
        size: int = 256,
        split: str = "train",
        families: Iterable[str] | None = None,
        coverage: tuple[float, float] = (0.0, MOST),
        bare: float = BARE,
    ):
        if split not in SPLITS:
            raise DataError(f"no split {split!r}: there are {', '.join(SPLITS)}")
        everything = split == "test"
        self.seed, self.size, self.split, self.coverage, self.bare = seed, size, split, coverage, bare
        self.styles = ("bald", *HAIR) if everything else TRAINING_HAIR
        if families is None:
            families = (*(FAMILIES if everything else TRAINING), FRINGE)
        self.families = tuple(families)
        unknown = sorted(set(self.families) - FAMILIES.keys() - {FRINGE})
        if unknown or not self.families:
            raise DataError(f"no occluders {', '.join(unknown) or 'chosen'}: there are {', '.join([*FAMILIES, FRINGE])}")

    def __len__(self) -> int:
        """Endless in principle; finite, so that loaders can shuffle."""
        return LENGTH

    def __getitem__(self, index: int) -> Sample:
        if not -LENGTH <= index < LENGTH:
            raise IndexError(f"a world has {LENGTH} people, there is none with number {index}")
        return self.sample(index % LENGTH)

    def sample(self, person: int, shot: int = 0) -> Sample:
        """A photo of a person; other `shot` numbers show the same one with another expression, pose, light, occluder."""
        low, high = self.coverage
        for attempt in range(TRIES):
            sample = self._draw(person, shot, attempt)
            if not sample.occluder or max(low - SLACK, LEAST) <= sample.coverage <= high + SLACK:
                break
        return sample

    def _draw(self, person: int, shot: int, attempt: int) -> Sample:
        key = [self.seed, SPLITS.index(self.split), person]
        who, rng = np.random.default_rng([*key, 0]), np.random.default_rng([*key, 1, shot, attempt])
        family = self._family(rng)
        styles = tuple(style for style in self.styles if style in FRINGES) if family == FRINGE else self.styles
        one = draw_person(who, rng, styles, fringe=family == FRINGE)
        taken = draw_shot(rng, self.size, one.head.landmarks)
        occluder: list[Surface] = []
        hair = one.hair
        if family not in ("", FRINGE):
            _, occluder, _ = draw_occluder(one.head, rng, self.coverage, [family], taken.camera.eye)
            if FAMILIES[family].over_hair:
                hair = press_hair(hair, occluder, one.head)
        surfaces = [s.posed(taken.camera.rotation, taken.camera.translation) for s in (*one.body, *hair, *occluder)]
        scene = render_scene(surfaces, taken.light, taken.camera, self.size)
        info = {"seed": self.seed, "split": self.split, "index": person, "shot": shot, "hair": one.style}
        return _sample(one, taken, scene, family, info, rng)

    def _family(self, rng: np.random.Generator) -> str:
        """The name of a family that can hide as much as asked, "" for none."""
        low, high = self.coverage
        bare = rng.random() < self.bare
        if bare or high <= 0:
            return ""
        reach = {name: FAMILIES[name].reach for name in self.families if name != FRINGE} | {FRINGE: FRINGE_REACH}
        able = [name for name in self.families if reach[name][0] <= high and low <= reach[name][1]]
        if not able:
            raise DataError(f"none of {', '.join(self.families)} hides {low:.0%} to {high:.0%} of a face")
        weights = np.array([FRINGE_WEIGHT if name == FRINGE else FAMILIES[name].weight for name in able])
        return able[rng.choice(len(able), p=weights / weights.sum())]


def _sample(
    person: Person, shot: Shot, scene: SceneImage, family: str, info: dict, rng: np.random.Generator
) -> Sample:
    """Develop the scene and put it together with its truth."""
    size = len(scene.clean)
    photo = develop(scene, shot, rng)
    face = scene.parts > 0
    pose = orthographic_pose(shot.camera, person.head.landmarks, size)
    vector = (person.identity, person.expression, person.texture, photo.lighting, pose)
    return Sample(
        image=photo.image,
        clean=photo.clean,
        mask=photo.mask,
        shadow=photo.shadow,
        parsing=scene.parsing,
        parts=scene.parts,
        contours=contours_of(photo.clean),
        landmarks=shot.camera.project(person.head.landmarks, size)[:, :2].astype(np.float32),
        coefficients=np.concatenate(vector).astype(np.float32),
        depth=scene.depth,
        normals=scene.normals,
        occluder=family,
        coverage=float(photo.mask[face].mean() / 255) if face.any() else 0.0,
        info=info,
    )
