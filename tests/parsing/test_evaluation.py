"""The tables of `occlib evaluate parsing`, for parsers whose figures are known."""

import numpy as np
import pytest

from occlib.data.sample import OCCLUDER
from occlib.evaluation import parsing
from occlib.evaluation.parsing import Counts, photo_table, world_table
from occlib.evaluation.photos import bare_photos, drawn_hair
from occlib.parsing import Parse
from tests.data.fake import FakeWorld


class Known:
    """A world, and a parser that looks its samples up."""

    def __init__(self, spoil=lambda mask: mask):
        self.samples, self.spoil = [FakeWorld(size=64)[index] for index in range(6)], spoil
        self.samples[5] = self.samples[5].replace(
            image=self.samples[5].clean, parsing=self.samples[5].parts, occluder=""
        )

    def __call__(self, photo):
        (sample,) = [one for one in self.samples if np.array_equal(one.image, photo)]
        mask = ((sample.parsing == OCCLUDER) & sample.face).astype(np.float32)
        return Parse(sample.parsing, np.ones_like(mask), sample.face.astype(np.float32), self.spoil(mask), mask > 0)


def test_counts():
    counts = Counts()
    counts.add("chain", np.array([1, 1, 1, 0]) > 0, np.array([0, 1, 1, 1]) > 0)
    assert counts.iou("chain") == 0.5 and counts.f1("chain") == pytest.approx(2 / 3)


def test_a_perfect_parser_gets_full_marks():
    known = Known()
    table = "\n".join(world_table(known.samples, 6, known))
    assert "families seen in training         5       1.000       1.000" in table and "palm" in table
    assert "bare faces  0.00%" in table and "five parts 1.000" in table


def test_a_blind_one_gets_none():
    known = Known(spoil=np.zeros_like)
    table = "\n".join(world_table(known.samples, 6, known))
    assert "families seen in training         5       1.000       0.000" in table


@pytest.fixture
def two_samples(monkeypatch):
    """Aligned as they are, with black where hair hangs over the face, and a parser of colours."""
    samples = []
    for index in range(2):
        sample = FakeWorld(size=64)[index]
        info = {**sample.info, "photo_to_aligned": [[1, 0, 0], [0, 1, 0]]}
        samples.append(sample.replace(info=info))
    monkeypatch.setattr(parsing, "OccludedPhotos", lambda photos, seed, families: samples)
    monkeypatch.setattr(parsing, "face_region", lambda sample: sample.face)
    return samples


def colours(*occluders):
    def parse(photo):
        mask = np.any([(photo == colour).all(-1) for colour in occluders], 0).astype(np.float32)
        return Parse(None, None, None, mask, None)

    return parse


BAR, HAIR = 20, 0
"""The colours of FakeWorld's bars and of the hair in `test_hair`."""


def test_photos(two_samples):
    photos = {name: sample.clean for name, sample in zip("ab", two_samples, strict=True)}
    table = "\n".join(photo_table(photos, {}, 0, colours(BAR)))
    assert "all                              30       1.000       1.000" in table
    assert "hands                            10       1.000       1.000" in table
    assert "mean 0.00%, most 0.00%" in table


def test_hair(two_samples):
    """A mask that shows drawn hair is wrong by one column and right by the other."""
    free = two_samples[0].mask <= 127
    places = np.argwhere(two_samples[0].face & free)
    y, x = places[len(places) // 2]
    hair = np.zeros_like(free)
    hair[y - 3 : y + 4, x - 3 : x + 4] = free[y - 3 : y + 4, x - 3 : x + 4]
    for photo in (two_samples[0].image, two_samples[0].clean):
        photo[hair] = HAIR
    photos = {name: sample.clean for name, sample in zip("ab", two_samples, strict=True)}
    polygons = {"a": [np.array([(x - 3, y - 3), (x + 3, y - 3), (x + 3, y + 3), (x - 3, y + 3)]) + 0.5]}

    both = "\n".join(photo_table(photos, polygons, 0, colours(BAR, HAIR)))
    (line,) = [line for line in both.splitlines() if line.startswith("all ")]
    in_face, but_hair = map(float, line.split()[2:])
    assert in_face < but_hair == 1
    share = (hair & two_samples[0].face).sum() / two_samples[0].face.sum() / 2
    assert f"mean {share:.2%}" in both and "beside hair 0.00%" in both and "found 100%" in both
    assert "found 0%" in "\n".join(photo_table(photos, polygons, 0, colours(BAR)))


def test_drawn_hair_lies_on_bare_photos():
    """Every polygon is of a photo that is evaluated, and inside it."""
    photos = bare_photos()
    for name, polygons in drawn_hair().items():
        height, width = photos[name].shape[:2]
        for polygon in polygons:
            assert polygon.shape[1] == 2 and len(polygon) >= 3
            assert (polygon >= 0).all() and (polygon <= (width, height)).all()
