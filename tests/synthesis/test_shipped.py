"""The networks that ship, on faces that they never saw: nearer to the truth than what fills a hole without them."""

import numpy as np
import pytest

from occlib import assets
from occlib.data import OccludedPhotos, World
from occlib.evaluation.photos import bench_photos
from occlib.evaluation.synthesis import Case
from occlib.faces import detect
from occlib.synthesis import baselines, complete, complete_aligned
from occlib.synthesis.completing import WEIGHTS


def psnr(done, case):
    return -10 * np.log10(np.square((done.astype(float) - case.clean)[case.area] / 255).mean())


def samples(kind):
    if kind == "world":
        world = World(3, split="test", coverage=(0.15, 0.45), bare=0)
        return [world[index] for index in range(6)]
    photos = OccludedPhotos(list(bench_photos(6).values()), 3, coverage=(0.15, 0.45))
    return [photos[index] for index in range(6)]


@pytest.mark.parametrize("kind", ["world", "photos"])
def test_completed_faces_are_nearer_to_the_truth_than_teleas(kind):
    gains, found = [], 0
    for case in map(Case.of, samples(kind)):
        done = complete_aligned(case.photo, case.hole, case.guide).completed
        assert np.array_equal(done[~case.hole], case.photo[~case.hole])
        gains.append(psnr(done, case) - psnr(baselines.telea(case.photo, case.hole), case))
        found += bool(detect(done))
    assert np.mean(gains) > 1.5, gains
    assert found == len(gains)


def test_a_photo_of_any_size_keeps_what_is_visible():
    from occlib.images import load_mask, load_photo

    photo = load_photo(assets.path("photos/astronaut_hand.jpg"))
    mask = load_mask(assets.path("photos/astronaut_hand_mask.png"), photo.shape)
    done = complete(photo, mask)
    assert done.shape == photo.shape and done.dtype == np.uint8
    assert np.array_equal(done[mask == 0], photo[mask == 0])
    assert (done[mask > 0] != photo[mask > 0]).any(-1).mean() > 0.9


def test_the_weights_are_small():
    assert assets.path(WEIGHTS, recipe="").stat().st_size < 22 * 2**20
