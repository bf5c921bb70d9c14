"""Holes and the examples around them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from occlib.data.augmenting import Photography
from occlib.data.fits import Fits, read_fits, write_fits
from occlib.data.holes import (
    BLOCKS,
    FittedHoles,
    Incomplete,
    block_hole,
    draw_hole,
    hidden_share,
    incomplete_face,
    moved,
    own_hole,
)
from occlib.data.sample import Sample
from occlib.errors import DataError, MissingAssetError
from occlib.guide import face_picture, model_guide
from occlib.morphable import Coefficients, open_model
from occlib.rendering import Camera
from tests.data.fake import FakeWorld

STILL = Incomplete(crop=64, scale=(1, 1), turn=0, shift=0, photography=Photography(0, 0, 0, 0, 0))


def world():
    return FakeWorld(size=64)


def test_the_same_numbers_give_the_same_example():
    one, two, three = (
        incomplete_face(world(), 3, np.random.default_rng(seed), Incomplete(crop=48), True)
        for seed in (1, 1, 2)
    )
    assert one.keys() == {"photo", "clean", "mask", "contours", "guide"}
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["photo"], three["photo"])
    shapes = {name: tuple(x.shape) for name, x in one.items()}
    assert shapes == {
        "photo": (3, 48, 48), "clean": (3, 48, 48), "mask": (1, 48, 48), "contours": (1, 48, 48),
        "guide": (5, 48, 48),
    }  # fmt: skip
    assert all(0 <= x.min() and x.max() <= 1 and x.dtype == torch.float32 for x in one.values())
    assert set(one["mask"].unique().tolist()) <= {0.0, 1.0}


def test_without_a_generator_the_sample_stands_behind_its_own_mask():
    sample = world()[2]
    example = incomplete_face(world(), 2, None, Incomplete(), False)
    assert "guide" not in example
    hole = example["mask"][0].numpy() > 0
    clean = (255 * example["clean"]).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(hole, own_hole(sample))
    np.testing.assert_array_equal(clean[hole], sample.clean[hole])
    np.testing.assert_array_equal(clean[~hole], sample.image[~hole])


def test_the_target_in_the_hole_is_never_the_occluder():
    how = Incomplete(crop=64, scale=(1, 1), turn=0, shift=0, other=0, shape=0, block=0)
    for index in range(6):
        example = incomplete_face(world(), index, np.random.default_rng(index), how, False)
        inside = example["clean"][:, example["mask"][0] > 0]
        assert inside.shape[1] > 10
    sample = world()[0]
    hole, around = draw_hole(sample, world(), np.random.default_rng(0), how)
    assert (around == sample.image).all() and not (sample.clean[hole] == 20).all(-1).any()


def test_holes_hide_some_of_the_face_but_not_all():
    shares = []
    for index in range(40):
        sample = world()[index]
        hole, _ = draw_hole(sample, world(), np.random.default_rng(index), Incomplete())
        shares.append(hidden_share(sample, hole))
    assert np.mean([0.02 <= share <= 0.6 for share in shares]) > 0.8 and np.std(shares) > 0.05


def test_own_holes_surround_the_occluder_and_end_with_the_face():
    sample = world()[1]
    hole = own_hole(sample, margin=8, face_only=False)
    assert (hole | ~(sample.mask > 0)).all() and hole.sum() > (sample.mask > 0).sum()
    rows = np.nonzero(own_hole(sample).any(1))[0]
    assert rows[0] > 0 and rows[-1] < 63  # the bar goes on above and below the face


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_cover_their_part(name):
    points = np.full((68, 2), 32, np.float32)
    points[36:48] = [[12, 20], [16, 18], [20, 18], [24, 20], [20, 22], [16, 22]] + [
        [40, 20], [44, 18], [48, 18], [52, 20], [48, 22], [44, 22]
    ]  # fmt: skip
    points[27:36] = np.linspace([32, 20], [32, 38], 9)
    points[48:68] = [[24 + i % 10 * 2, 46 + i // 10 * 4] for i in range(20)]
    sample = world()[0].replace(landmarks=points)
    hole = block_hole(sample, np.random.default_rng(0), name)
    x, y = points[BLOCKS[name]].mean(0).astype(int)
    assert hole[y, x] and 20 < hole.sum() < 64 * 64 / 2
    if name == "centre":
        assert hole.any(0).sum() == pytest.approx(40, abs=10)  # the outer corners' distance


def test_a_moved_pose_follows_the_picture():
    face = Coefficients.neutral(1)
    face.pose[0] = torch.tensor([0.1, -0.3, 0.2, 0.4, 50.0, 47.0])
    vector = face.vector()[0].numpy()
    c, s = 0.7 * np.cos(0.3), 0.7 * np.sin(0.3)
    matrix = np.array([[c, -s, 9.0], [s, c, -4.0]])

    def points(v):
        f = Coefficients.from_vector(torch.from_numpy(v.astype(np.float32))[None])
        return (
            Camera(f.pose, 100)
            .project(open_model("cpu").shape(f.identity, f.expression)[:, ::200])[0, :, :2]
            .numpy()
        )

    expected = cv2.transform(points(vector)[None] - 0.5, matrix)[0] + 0.5
    np.testing.assert_allclose(points(moved(vector, matrix)), expected, atol=1e-3)


def test_the_mirror_turns_everything_together():
    rng = [np.random.default_rng(seed) for seed in range(12)]
    examples = [incomplete_face(world(), 5, one, STILL, True) for one in rng]
    for example in examples:
        visible = example["mask"][0] == 0
        assert torch.equal(example["guide"][:3][:, visible], example["photo"][:, visible])


def test_samples_without_truth_are_refused():
    with pytest.raises(DataError, match="learnt from samples with clean, mask"):
        incomplete_face([world()[0].replace(clean=None)], 0, None, Incomplete(), True)


class Pretended:
    """What FittedHoles would make, without the fit."""

    def __init__(self, count: int):
        self.count, self.made = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.made.append(index)
        hole = np.zeros((64, 64), bool)
        hole[20 : 30 + index, 20:41] = True
        return hole, index % 2 == 0, np.full(239, index, np.float32)


def test_fits_are_read_as_they_were_written_and_gone_on_with(tmp_path):
    file = tmp_path / "fits.npz"
    assert write_fits(Pretended(3), file) == 3
    more = Pretended(5)
    assert write_fits(more, file) == 2 and more.made == [3, 4]
    found = Fits.load(file)
    assert len(found) == 5
    for index in range(5):
        hole, own, vector = more[index]
        np.testing.assert_array_equal(found.hole(index), hole)
        assert found.own[index] == own
        np.testing.assert_array_equal(found.vectors[index], vector)


def test_fits_that_are_missing_or_damaged_are_told(tmp_path):
    with pytest.raises(MissingAssetError, match="occlib fits"):
        Fits.load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="bad.npz"):
        Fits.load(tmp_path / "bad.npz")


def test_a_fitted_example_has_the_stored_hole_and_the_face_of_the_stored_fit(tmp_path):
    file, samples = tmp_path / "fits.npz", world()
    truth = samples[0].coefficients
    hole = block_hole(samples[0], np.random.default_rng(0), "eyes")
    packed = np.packbits(hole, axis=1)
    Fits(packed[None], np.array([False]), truth[None].astype(np.float32)).save(file)
    how = replace(STILL, unguided=0, fits=file, fitted=1.0)
    example = incomplete_face(samples, 7, np.random.default_rng(5), how, True)
    read_fits.cache_clear()
    if not np.array_equal(example["mask"][0].numpy() > 0, hole):  # mirrored
        example = {name: tensor.flip(-1) for name, tensor in example.items()}
    np.testing.assert_array_equal(example["mask"][0].numpy() > 0, hole)
    photo = example["photo"].permute(1, 2, 0).numpy()
    torch.testing.assert_close(example["guide"], model_guide(photo, hole, truth).tensor(), atol=1e-3, rtol=0)


def test_a_fit_of_a_sample_agrees_with_what_is_visible():
    """On a picture of the model itself, the face behind the block is where it was."""
    face = Coefficients.neutral(1)
    face.identity[0, :5] = torch.tensor([0.8, -0.6, 0.4, 0.9, -0.3])
    face.pose[0] = torch.tensor([0.05, 0.2, 0.03, 0.8, 128.0, 122.0])
    truth = face.vector()[0].numpy()
    image = (255 * face_picture(truth, 256)[0].clip(0, 1)).astype(np.uint8)
    vertices = open_model("cpu").shape(face.identity, face.expression)
    landmarks = Camera(face.pose, 256).project(open_model("cpu").landmarks(vertices))[0, :, :2].numpy()
    sample = Sample(image=image, clean=image.copy(), mask=np.zeros((256, 256), np.uint8), landmarks=landmarks)
    fitted = FittedHoles([sample], 3, replace(Incomplete(), own=0, other=0, shape=0))
    hole, own, vector = fitted[0]
    again = fitted[0]
    assert len(fitted) == 1 and not own and hole.any()
    np.testing.assert_array_equal(hole, again[0])
    np.testing.assert_array_equal(vector, again[2])
    assert np.abs(vector[-2:] - truth[-2:]).max() < 4  # pixels
    assert abs(np.log(vector[-3] / truth[-3])) < 0.1
