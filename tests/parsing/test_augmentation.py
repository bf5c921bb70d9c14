"""Augmentation: the same numbers give the same photo, and labels follow the picture."""

import cv2
import numpy as np
import pytest

from occlib.data.sample import OCCLUDER, Sample
from occlib.parsing.augmentation import (
    Augmentation,
    Layers,
    _end_nearby,
    _grow_beard,
    _light_forehead,
    augmented,
    layers,
)
from tests.data.fake import FakeWorld

NOTHING = Augmentation(
    swap=0,
    tinted=0,
    held=0,
    bare=0,
    beard=0,
    hair=0,
    narrow=0,
    paste=0,
    hollow=0,
    draped=0,
    shadow=0,
    light=0,
    overhead=0,
    grey=0,
    blur=0,
    small=0,
    noise=0,
    jpeg=0,
    scale=(1, 1),
    turn=0,
    shift=0,
)


def world(size=64):
    return FakeWorld(size=size)


def only(**changes):
    return Augmentation(**{**NOTHING.__dict__, **changes})


def test_the_same_generator_gives_the_same_photo():
    one, two = (
        augmented(world()[0], world()[1], np.random.default_rng(3), Augmentation(), 48) for _ in range(2)
    )
    other = augmented(world()[0], world()[1], np.random.default_rng(4), Augmentation(), 48)
    for name in ("image", "labels", "region"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("seed", range(12))
def test_shapes_and_ranges(seed):
    found = augmented(world()[seed], world()[seed + 1], np.random.default_rng(seed), Augmentation(), 48)
    assert found.image.shape == (48, 48, 3) and found.image.dtype == np.float32
    assert found.image.min() >= 0 and found.image.max() <= 1
    assert found.labels.shape == found.region.shape == (48, 48)
    assert found.labels.max() <= OCCLUDER and set(np.unique(found.region)) <= {0, 1}
    # What shows a part lies in the region, unless the nearest pixel says otherwise at its rim.
    assert ((found.labels > 0) & (found.labels < OCCLUDER) & (found.region == 0)).mean() < 0.01


def test_labels_move_with_the_photo():
    size = 64
    y, x = np.mgrid[:size, :size]
    face = (np.hypot(x - 40, y - 24) < 14).astype(np.uint8)
    photo = np.repeat(255 * face[..., None], 3, -1)
    sample = Sample(photo, photo, 0 * face, face, face, shadow=0 * face)
    found = augmented(
        sample, None, np.random.default_rng(1), only(scale=(0.7, 1.3), turn=30, shift=0.1), size
    )
    bright = found.image.mean(-1) > 0.5 * found.image.max()
    assert bright.any() and (bright != (found.labels == 1)).mean() < 0.01
    assert np.array_equal(found.labels, found.region)


def test_a_borrowed_occluder_is_labelled_and_the_face_behind_it_kept():
    sample, other = world()[0], world()[5]
    found = augmented(sample, other, np.random.default_rng(0), only(swap=1.0), 64)
    covered = found.labels == OCCLUDER
    assert covered.any() and found.region[covered].any()
    assert found.region.sum() == (sample.parts > 0).sum()


def test_what_is_held_lies_behind_the_occluder_that_holds_it():
    sample, other = world()[0], world()[5]
    more = []
    for seed in range(12):
        plain, held = (
            augmented(sample, other, np.random.default_rng(seed), only(swap=1.0, held=held), 64).labels == OCCLUDER
            for held in (0.0, 1.0)
        )
        more.append(held.sum() - plain.sum())
    assert np.mean(more) > 30


def test_hair_hides_the_sides_of_a_face_and_counts_as_background():
    y, x = np.mgrid[:128, :128]
    face = (np.hypot((x - 64) / 40, (y - 64) / 52) < 1).astype(np.uint8)
    labels = np.where((np.abs(x - 64) < 10) & (np.abs(y - 64) < 14), np.uint8(4), face)
    labels = np.where((np.abs(x - 30) < 8) & (np.abs(y - 64) < 8), np.uint8(OCCLUDER), labels)
    grey = np.full((128, 128, 3), 128, np.uint8)
    sample = Sample(grey, grey, 255 * (labels == OCCLUDER).astype(np.uint8), labels, face, shadow=0 * face)
    shares, still = [], only(hair=1.0)
    for seed in range(20):
        found = augmented(sample, None, np.random.default_rng(seed), still, 128)
        mirrored = not np.array_equal(found.labels == OCCLUDER, labels == OCCLUDER)
        before, region = (labels[:, ::-1], face[:, ::-1]) if mirrored else (labels, face)
        assert np.array_equal(found.labels == OCCLUDER, before == OCCLUDER)
        changed = found.labels != before
        assert (found.labels[changed] == 0).all() and (found.region[changed] == 0).all()
        assert (found.region <= region).all() and not changed[before == 4].any()  # the nose stays to be seen
        shares.append(1 - found.region.sum() / region.sum())
    assert 0.02 < np.mean(shares) < 0.35 and max(shares) > 0.15


def portrait():
    """A grey face of skin with a nose in its middle, (128, 128), on white."""
    y, x = np.mgrid[:128, :128]
    face = (np.hypot((x - 64) / 30, (y - 64) / 40) < 1).astype(np.uint8)
    labels = np.where((np.abs(x - 64) < 5) & (np.abs(y - 64) < 9), np.uint8(4), face)
    photo = np.where(face[..., None] > 0, np.uint8(128), np.uint8(255)).repeat(3, -1)
    return Sample(photo, photo, 0 * face, labels, labels, shadow=0 * face)


def test_a_beard_grows_below_the_nose_and_is_skin():
    sample = portrait()
    below, middle = np.arange(128)[:, None] > 72, np.abs(np.arange(128) - 64) < 8
    grown = []
    for seed in range(12):
        found = layers(sample)
        _grow_beard(found, np.random.default_rng(seed))
        assert np.array_equal(found.labels, sample.parts)
        change = np.abs(found.image - sample.image / 255).max(-1)
        above = (np.arange(128)[:, None] < 60) & middle
        assert change[above].mean() < 2e-3 and change[found.labels == 0].mean() < 0.005  # but for its soft rim
        grown.append(change[(found.labels == 1) & below].mean())
    assert min(grown) > 0 and max(grown) > 0.15


def test_light_from_above_ends_at_the_brows_and_changes_no_label():
    sample = portrait()
    labels = np.where(sample.parts & (np.abs(np.arange(128) - 50) < 2)[:, None], np.uint8(2), sample.parts)
    above, below = np.arange(128)[:, None] < 44, np.arange(128)[:, None] > 62
    gains = []
    for seed in range(12):
        found = Layers(sample.clean / np.float32(255), labels.copy(), (labels > 0).astype(np.uint8))
        _light_forehead(found, np.random.default_rng(seed))
        assert np.array_equal(found.labels, labels)
        change = found.image.mean(-1) - sample.clean.mean(-1) / 255
        assert np.abs(change[(labels == 1) & below]).mean() < 0.02
        gains.append(change[(labels == 1) & above].mean() / 0.5)
    assert max(gains) > 0.3 and np.std(gains) > 0.1


def test_a_photo_that_ends_nearby_keeps_the_face_and_repeats_its_border():
    sample = portrait()
    sample.clean[:] = np.random.default_rng(0).integers(0, 256, sample.clean.shape)
    repeated = []
    for seed in range(8):
        found = Layers(sample.clean / np.float32(255), sample.parts, (sample.parts > 0).astype(np.uint8))
        _end_nearby(found, np.random.default_rng(seed))
        assert np.array_equal(found.labels, sample.parts)
        kept = (found.image == sample.clean / np.float32(255)).all(-1)
        assert kept[sample.parts > 0].all()
        first = np.nonzero(kept.any(1))[0][0]
        assert (found.image[:first] == found.image[first]).all()
        repeated.append(first)
    assert max(repeated) > 10


def test_only_what_hides_nothing_ends_nearby():
    sample = world()[0]
    covered, bare = (
        augmented(sample, None, np.random.default_rng(0), only(narrow=1.0, bare=bare), 64).image for bare in (0, 1)
    )
    plain, clean = (augmented(sample, None, np.random.default_rng(0), only(bare=bare), 64).image for bare in (0, 1))
    assert np.array_equal(covered, plain) and not np.array_equal(bare, clean)


def test_a_hollow_shape_covers_its_rim_alone():
    shares = [painted(s, hollow=1.0)[1].sum() / max(painted(s)[1].sum(), 1) for s in range(20)]
    assert 0.02 < np.mean(shares) < 0.6


def test_a_draped_cloth_hangs_from_the_face_over_the_chin():
    rows = np.arange(128)
    for seed in range(20):
        found, covered = painted(seed, draped=1.0)
        reach = rows[covered.any(1)]
        assert 30 < reach.min() < 112 and reach.max() > 108
        assert covered[106, 56:72].mean() > 0.5 and not covered[:30].any()


def test_a_lamp_lights_one_side_more_in_a_colour_of_its_own_and_changes_no_label():
    grey, face = np.full((64, 64, 3), 128, np.uint8), np.ones((64, 64), np.uint8)
    sample = Sample(grey, grey, 0 * face, face, face, shadow=0 * face)
    plain, lit = (
        augmented(sample, None, np.random.default_rng(0), only(light=light), 64) for light in (0.0, 1.0)
    )
    assert np.ptp(plain.image.mean(-1)) == 0 and np.ptp(lit.image.mean(-1)) > 0.1
    assert (lit.image[..., 0] / lit.image[..., 2]).std() > 0.01
    assert (lit.labels == 1).all() and (lit.region == 1).all()


def test_validation_sees_the_sample_as_it_is():
    sample = world()[2]
    found = layers(sample)
    assert np.array_equal(np.rint(255 * found.image).astype(np.uint8), sample.image)
    assert np.array_equal(found.labels, sample.parsing)


def painted(seed, **changes):
    """A grey face of skin with eyes, once covered by `_paste` and nothing else: its layers, and where it is covered."""
    y, x = np.mgrid[:128, :128]
    face = (np.hypot((x - 64) / 40, (y - 64) / 52) < 1).astype(np.uint8)
    eyes = (np.abs(np.abs(x - 64) - 18) < 6) & (np.abs(y - 52) < 3)
    labels = np.where(eyes, np.uint8(3), face)
    grey = np.full((128, 128, 3), 128, np.uint8)
    sample = Sample(grey, grey, 0 * face, labels, labels, shadow=0 * face)
    found = augmented(sample, None, np.random.default_rng(seed), only(paste=1.0, **changes), 128)
    return found, found.labels == OCCLUDER


def test_shapes_that_are_aimed_hide_small_parts_more_often():
    def eyes_hidden(aimed):
        counts = [(painted(seed, aimed=aimed)[0].labels == 3).sum() for seed in range(60)]
        return 1 - np.mean(counts) / (2 * 11 * 5)

    assert eyes_hidden(1.0) > 1.25 * eyes_hidden(0.0)


def test_paired_shapes_lie_on_both_sides():
    def likeness(paired):
        covered = [painted(seed, paired=paired)[1] for seed in range(40)]
        return np.mean([(c & c[:, ::-1]).sum() / max((c | c[:, ::-1]).sum(), 1) for c in covered])

    assert likeness(1.0) > 0.85 > likeness(0.0)


def test_the_face_shines_through_glass_which_counts_as_an_occluder():
    y, x = np.mgrid[:128, :128]
    stripes, face = (x // 4 + y // 4) % 2, np.ones((128, 128), np.uint8)
    photo = np.repeat((60 + 120 * stripes).astype(np.uint8)[..., None], 3, -1)
    sample = Sample(photo, photo, 0 * face, face, face, shadow=0 * face)

    def likeness(clear):
        """Mean correlation of stripes and photo where it is covered."""
        found = []
        for seed in range(20):
            made = augmented(sample, None, np.random.default_rng(seed), only(paste=1.0, clear=clear), 128)
            inside = cv2.erode((made.labels == OCCLUDER).astype(np.uint8), np.ones((7, 7))) > 0
            if inside.sum() > 200 and made.image[inside].mean(-1).std() > 1e-3:  # neither black nor white
                found.append(abs(np.corrcoef(stripes[inside], made.image[inside].mean(-1))[0, 1]))
        assert len(found) > 5
        return np.mean(found)

    assert likeness(1.0) > 0.4 and likeness(0.0) < 0.15
