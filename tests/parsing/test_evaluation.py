"""The tables of `occlib evaluate parsing`, for parsers whose figures are known."""

import numpy as np
import pytest

from occlib.data.sample import OCCLUDER
from occlib.evaluation import parsing
from occlib.evaluation.parsing import Counts, photo_table, world_table
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


def test_photos(monkeypatch):
    samples = [FakeWorld(size=64)[index] for index in range(2)]
    monkeypatch.setattr(parsing, "OccludedPhotos", lambda photos, seed, families: samples)
    monkeypatch.setattr(parsing, "face_region", lambda sample: sample.face)

    def parse(photo):
        mask = (photo == 20).all(-1).astype(np.float32)  # the colour of FakeWorld's bars
        return Parse(None, None, None, mask, None)

    table = "\n".join(photo_table({"a": samples[0].clean, "b": samples[1].clean}, 0, parse))
    assert (
        "all                               6       1.000" in table
        and "hands                             2       1.000" in table
    )
    assert "mean 0.00%, most 0.00%" in table
