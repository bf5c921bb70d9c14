"""The world's samples: everything that is said to be true of them is."""

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

from occlib.data import World, collate, contours_of
from occlib.data.occluders import FAMILIES, HELD_OUT
from occlib.data.people import HELD_OUT_HAIR, draw_expression
from occlib.data.sample import OCCLUDER
from occlib.data.sample_files import decode, encode
from occlib.data.world import FRINGE
from occlib.errors import DataError
from occlib.morphable import Coefficients, MorphableModel
from occlib.rendering import Camera

SIZE = 128


@pytest.fixture(scope="module")
def world():
    return World(seed=3, size=SIZE, bare=0.0)


@pytest.fixture(scope="module")
def samples(world):
    return [world[i] for i in range(12)]


def test_photos_are_equal_outside_of_mask_and_shadow(samples):
    for sample in samples:
        touched = (sample.mask > 0) | (sample.shadow > 0)
        np.testing.assert_array_equal(sample.image[~touched], sample.clean[~touched])
        assert touched.any() and not touched.all()


def test_parts_parsing_mask_and_depth_agree(samples):
    for sample in samples:
        hidden, face = sample.parsing == OCCLUDER, sample.face
        assert (sample.parts < OCCLUDER).all()
        # An occluder is what most of a pixel shows where the mask says so; blur moves its rim by a pixel or two.
        inner = cv2.erode((sample.mask > 200).astype(np.uint8), np.ones((5, 5))) > 0
        outer = cv2.dilate((sample.mask > 55).astype(np.uint8), np.ones((5, 5))) > 0
        assert hidden[inner].mean() > 0.98 if inner.any() else True
        assert not (hidden & ~outer).any()
        bare = cv2.dilate(sample.mask, np.ones((3, 3))) == 0
        np.testing.assert_array_equal(sample.parsing[bare], sample.parts[bare])
        # A face has a depth, and its normals look at the camera.
        assert np.isfinite(sample.depth[face]).mean() > 0.99
        assert (np.isfinite(sample.depth) == (np.abs(sample.normals).sum(-1) > 0)).all()
        assert (sample.normals[face][:, 2] > -0.1).mean() > 0.99
        assert sample.coverage == pytest.approx(sample.mask[face].mean() / 255)


def test_a_bare_photo_is_its_own_clean_one():
    sample = World(seed=1, size=SIZE, bare=1.0)[0]
    np.testing.assert_array_equal(sample.image, sample.clean)
    np.testing.assert_array_equal(sample.parsing, sample.parts)
    assert (sample.occluder, sample.coverage, sample.mask.max(), sample.shadow.max()) == ("", 0, 0, 0)


def test_contours_are_those_of_the_clean_photo(samples):
    for sample in samples:
        np.testing.assert_array_equal(sample.contours, contours_of(sample.clean))


def test_landmarks_are_where_the_coefficients_put_their_vertices(samples):
    """Perspective bends a face a little, which scaled orthography cannot follow."""
    model = MorphableModel.load("open")
    for sample in samples:
        found = Coefficients.from_vector(torch.from_numpy(sample.coefficients)[None])
        vertices = model.shape(found.identity, found.expression)
        projected = Camera(found.pose, SIZE).project(model.landmarks(vertices))[0, :, :2].numpy()
        width = np.ptp(sample.landmarks[:, 0])
        assert np.linalg.norm(projected - sample.landmarks, axis=1).mean() < 0.03 * width


def test_landmarks_and_depth_are_of_one_head(samples):
    """The tip of the nose is the nearest point of a face that looks at the camera; there the nose is drawn."""
    for sample in samples:
        tip = sample.landmarks[30].astype(int)
        around = sample.parts[tip[1] - 2 : tip[1] + 3, tip[0] - 2 : tip[0] + 3]
        assert (around == 4).any()
        yaw = sample.coefficients[-5]
        if abs(yaw) < 0.2:
            assert sample.depth[tip[1], tip[0]] < np.min(sample.depth[sample.face]) + 6


@pytest.mark.parametrize("low, high", [(0.1, 0.2), (0.3, 0.4), (0.45, 0.6)])
def test_coverage_follows_the_asked_range(low, high):
    world = World(seed=5, size=96, coverage=(low, high), bare=0.0)
    covered = np.array([world[i].coverage for i in range(16)])
    assert ((covered > low - 0.021) & (covered < high + 0.021)).all(), covered.round(2)


def test_a_sample_is_the_same_bytes_with_any_number_of_workers(world):
    def batch(workers):
        options = {"multiprocessing_context": "spawn"} if workers else {}
        loader = DataLoader(Subset(world, range(4)), 4, num_workers=workers, collate_fn=collate, **options)
        return next(iter(loader))

    alone = batch(0)
    for workers in (1, 2):
        other = batch(workers)
        assert other["occluder"] == alone["occluder"]
        for name in alone.keys() - {"occluder"}:
            assert torch.equal(other[name], alone[name]), name


def test_another_size_shows_the_same_scene(world, samples):
    large = World(seed=3, size=2 * SIZE, bare=0.0)[0]
    np.testing.assert_allclose(large.landmarks / 2, samples[0].landmarks, atol=1e-3)
    shrunk = cv2.resize(large.clean, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shrunk - samples[0].clean).mean() < 6
    assert (large.occluder, large.info) == (samples[0].occluder, samples[0].info)


def test_other_seeds_and_splits_are_other_people(samples):
    others = [World(seed=4, size=32)[0], World(seed=3, size=32, split="test")[0], samples[1]]
    for other in others:
        assert not np.allclose(other.coefficients[:80], samples[0].coefficients[:80])


def test_another_shot_shows_the_same_person(world):
    first, second = world.sample(7, 0), world.sample(7, 1)
    for part in (slice(0, 80), slice(144, 224)):  # identity, texture
        np.testing.assert_array_equal(first.coefficients[part], second.coefficients[part])
    assert not np.allclose(first.coefficients[80:144], second.coefficients[80:144])
    assert not np.allclose(first.coefficients[224:], second.coefficients[224:])


def test_what_is_held_out_is_in_the_test_split_only():
    worlds = {split: World(seed=0, size=32, split=split) for split in ("train", "validation", "test")}
    for split in ("train", "validation"):
        assert not set(worlds[split].families) & set(HELD_OUT)
        assert not set(worlds[split].styles) & set(HELD_OUT_HAIR)
    assert set(worlds["test"].families) == {*FAMILIES, FRINGE} and set(HELD_OUT_HAIR) <= set(worlds["test"].styles)
    assert len(HELD_OUT) == 3 and len(HELD_OUT_HAIR) == 2
    drawn = {worlds["train"][i].info["hair"] for i in range(40)}
    assert not drawn & set(HELD_OUT_HAIR) and len(drawn) > 4


@pytest.mark.parametrize("family", [*FAMILIES, FRINGE])
def test_every_family_can_be_asked_for(family):
    sample = World(seed=2, size=64, split="test", families=[family], bare=0.0)[1]
    assert sample.occluder == family
    assert sample.mask.max() > 128 or family == FRINGE


def test_a_fringe_hides_the_forehead_and_is_trimmed_in_the_clean_photo():
    sample = World(seed=2, size=SIZE, families=[FRINGE], bare=0.0)[1]
    rows = np.nonzero(sample.mask * sample.face)[0]
    assert sample.coverage > 0.01
    assert rows.mean() < sample.landmarks[36:48, 1].mean()  # above the eyes


def test_samples_survive_being_written(samples):
    again = decode(encode(samples[0]), "sample")
    for name in ("image", "clean", "mask", "shadow", "parsing", "parts", "contours", "landmarks", "coefficients"):
        np.testing.assert_array_equal(getattr(again, name), getattr(samples[0], name))


def test_expressions_are_within_what_faces_do():
    drawn = np.stack([draw_expression(np.random.default_rng(seed)) for seed in range(50)])
    assert np.isfinite(drawn).all() and np.abs(drawn).max() < 8
    assert np.abs(drawn).sum(1).std() > 0  # some mild, some strong


def test_misuse_is_told():
    with pytest.raises(DataError, match="split"):
        World(split="dev")
    with pytest.raises(DataError, match="moustache"):
        World(families=["moustache"])
    with pytest.raises(DataError, match="glasses"):
        World(families=["glasses"], coverage=(0.5, 0.6), bare=0)[0]
    with pytest.raises(IndexError):
        World()[10**6]
