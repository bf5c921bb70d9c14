"""The face model as a guide: exact where the photo is visible, and nearer to the truth than the hole's
surroundings."""

import cv2
import numpy as np
import pytest
import torch

from occlib.evaluation.verification import aligned_orl, block
from occlib.guide import (
    SOFTER,
    Errors,
    blank_guide,
    colour_match,
    continued,
    face_picture,
    fitted_guide,
    model_guide,
    smooth_fill,
    softened,
)
from occlib.morphable import Coefficients, open_model


@pytest.fixture(scope="module")
def vector():
    """A face that fills most of 96 pixels."""
    face = Coefficients.neutral(1)
    face.identity[0, :5] = torch.tensor([0.8, -0.6, 0.4, 0.9, -0.3])
    face.pose[0] = torch.tensor([0.05, 0.2, 0.03, 0.4, 48.0, 44.0])
    return face.vector()[0].numpy()


@pytest.fixture(scope="module")
def photo(vector):
    """That face in another light's colours before a background."""
    image, coverage, _ = face_picture(vector, 96)
    y, x = np.mgrid[:96, :96] / np.float32(96)
    background = np.stack([0.2 + 0.5 * x, 0.4 * y + 0.3, 0.6 - 0.3 * x], -1)
    coloured = image @ np.diag([0.8, 0.7, 0.6]).astype(np.float32) + np.float32(0.1)
    return np.clip(background + coverage[..., None] * (coloured - background), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def hole():
    hole = np.zeros((96, 96), bool)
    hole[36:60, 30:62] = True
    return hole


def psnr(image, photo, hole):
    return -10 * np.log10(np.square(image - photo)[hole].mean())


def test_visible_pixels_stay_and_the_truth_fills_the_hole(photo, hole, vector):
    guide = model_guide(photo, hole, vector)
    np.testing.assert_array_equal(guide.image[~hole], photo[~hole])
    assert psnr(guide.image, photo, hole) > 33
    assert psnr(guide.image, photo, hole) > psnr(blank_guide(photo, hole).image, photo, hole) + 10
    assert guide.coverage[48, 46] == pytest.approx(1) and guide.coverage[2, 2] == 0


def test_what_is_in_the_hole_is_not_looked_at(photo, hole, vector):
    other = np.where(hole[..., None], np.float32(0.9), photo)
    for one, two in (
        (model_guide(photo, hole, vector), model_guide(other, hole, vector)),
        (blank_guide(photo, hole), blank_guide(other, hole)),
    ):
        np.testing.assert_allclose(one.image, two.image, atol=1e-6)
        np.testing.assert_array_equal(one.contours, two.contours)


def test_every_point_knows_its_opposite(vector):
    """The opposite of a point's opposite is the point, where both are seen; the head is turned, so not all are."""
    _, coverage, opposite = face_picture(vector, 96)
    there = np.isfinite(opposite[..., 0])
    assert 0.5 < there[coverage > 0.99].mean() < 0.99
    again = cv2.remap(np.nan_to_num(opposite, nan=-1e3), np.nan_to_num(opposite), None, cv2.INTER_NEAREST)
    y, x = np.mgrid[:96, :96]
    away = np.hypot(again[..., 0] - x, again[..., 1] - y)[there & (again[..., 0] > 0)]
    assert len(away) > 1000 and np.median(away) < 0.8 and np.percentile(away, 95) < 2
    assert np.abs(opposite[..., 0] - x)[there].max() > 20


def test_what_marks_both_sides_is_found_again_behind_the_hole(photo, vector):
    """A dark spot on each cheek, which the model doesn't know; one of them is hidden."""
    _, coverage, opposite = face_picture(vector, 96)
    y, x = np.mgrid[:96, :96]
    spot = np.hypot(x - 34, y - 62) < 4
    mirrored = np.isfinite(opposite[..., 0]) & (
        np.hypot(opposite[..., 0] - 34, opposite[..., 1] - 62) < 4
    )
    assert spot.sum() > 30 and mirrored.sum() > 20 and not (spot & mirrored).any()
    marked = np.where((spot | mirrored)[..., None], photo - np.float32(0.15), photo)
    hole = cv2.dilate(mirrored.astype(np.uint8), np.ones((9, 9))) > 0
    assert not (hole & spot).any()
    with_it, without = (model_guide(marked, hole, vector, alike=alike).image for alike in (0.7, 0.0))
    assert psnr(with_it, marked, hole) > psnr(without, marked, hole) + 4
    darker = (without - with_it)[mirrored].mean()
    assert 0.5 * 0.15 < darker < 0.9 * 0.15


def test_nothing_on_the_other_side_leaves_the_smooth_continuation(hole):
    rest = np.random.default_rng(0).normal(size=(96, 96, 3)).astype(np.float32)
    nowhere = np.full((96, 96, 2), np.nan, np.float32)
    np.testing.assert_allclose(continued(rest, ~hole, nowhere), smooth_fill(rest, ~hole), atol=1e-5)
    np.testing.assert_allclose(continued(rest, ~hole, nowhere)[~hole], rest[~hole], atol=1e-5)


@pytest.mark.parametrize("blur", [0, 0.8, 1.6])
def test_a_rendering_gets_as_soft_as_its_photo_whatever_the_contrast(photo, blur):
    sharp = cv2.resize(photo, (256, 256), interpolation=cv2.INTER_NEAREST)
    sharp = cv2.GaussianBlur(sharp, (0, 0), 0.5)
    soft = cv2.GaussianBlur(sharp, (0, 0), blur) if blur else sharp
    everywhere = np.ones((256, 256), bool)
    found = softened(sharp, 0.3 + 0.4 * soft, everywhere)
    widths = [pixels for pixels in SOFTER if np.allclose(found, cv2.GaussianBlur(sharp, (0, 0), pixels), atol=1e-6)]
    if blur:
        assert widths and abs(widths[0] - blur) <= 0.4
    else:
        assert np.array_equal(found, sharp)


def test_a_noisy_photo_or_one_that_is_nowhere_seen_softens_nothing(photo):
    noisy = photo + np.random.default_rng(0).normal(0, 0.05, photo.shape).astype(np.float32)
    assert np.array_equal(softened(photo, noisy, np.ones((96, 96), bool)), photo)
    assert np.array_equal(softened(photo, cv2.blur(photo, (9, 9)), np.zeros((96, 96), bool)), photo)


def test_the_guide_of_a_soft_photo_is_nearer_to_it_softened(photo, hole, vector):
    dim = cv2.GaussianBlur(photo, (0, 0), 1.0)
    soft, sharp = (psnr(model_guide(dim, hole, vector, alike=0, soft=soft).image, dim, hole) for soft in (True, False))
    assert soft > sharp + 1


def test_a_grey_photo_gets_a_grey_guide(photo, hole, vector):
    grey = np.repeat(photo.mean(-1, keepdims=True), 3, -1)
    guide = model_guide(grey, hole, vector)
    assert np.ptp(guide.image[hole], axis=-1).max() < 0.02


def test_errors_spoil_it_as_much_as_they_say(photo, hole, vector):
    rng = np.random.default_rng(0)
    draws = np.stack([Errors().applied(vector, 96, rng) - vector for _ in range(400)])
    assert draws[:, :80].std() == pytest.approx(Errors().identity, rel=0.05)
    assert draws[:, 233:236].std() == pytest.approx(Errors().angle, rel=0.1)
    assert (draws[:, 236] / vector[236]).std() == pytest.approx(Errors().scale, rel=0.15)
    assert draws[:, 237:].std() == pytest.approx(Errors().shift * 96, rel=0.1)
    nothing = Errors(*[0] * 7).applied(vector, 96, rng)
    np.testing.assert_allclose(nothing, vector, rtol=1e-6)
    spoilt = model_guide(photo, hole, vector + draws[0])
    assert psnr(spoilt.image, photo, hole) < psnr(model_guide(photo, hole, vector).image, photo, hole) - 5


def test_colour_match_finds_the_map_and_keeps_colours_where_nothing_is_known(photo):
    change = np.array([[0.7, 0.1, 0], [0, 0.8, 0.1], [0.1, 0, 0.9], [0.05, 0, -0.05]], np.float32)
    rng = np.random.default_rng(0)
    drawn = rng.uniform(0, 1, (96, 96, 3)).astype(np.float32)
    found = colour_match(drawn, drawn @ change[:3] + change[3], np.ones((96, 96), bool))
    np.testing.assert_allclose(found, change, atol=0.1)  # the ridge holds it a little
    np.testing.assert_allclose(colour_match(drawn, photo, np.zeros((96, 96), bool)), np.eye(4, 3))


def test_smooth_fill_keeps_what_is_known_and_stays_within_its_range():
    rng = np.random.default_rng(0)
    values = rng.uniform(0.2, 0.8, (50, 37, 3)).astype(np.float32)
    known = np.ones((50, 37), bool)
    known[10:40, 5:30] = False
    filled = smooth_fill(values, known)
    np.testing.assert_allclose(filled[known], values[known], atol=1e-5)
    assert 0.2 <= filled.min() and filled.max() <= 0.8
    np.testing.assert_allclose(smooth_fill(np.full_like(values, 0.3), known), 0.3, atol=1e-5)
    assert not smooth_fill(values, np.zeros_like(known)).any()


def test_a_face_is_fitted_to_what_is_visible_in_a_photo():
    import skimage.data

    photo = cv2.resize(skimage.data.astronaut()[:240, 104:344], (256, 256))
    hole = np.zeros((256, 256), bool)
    hole[150:200, 90:170] = True  # the mouth
    covered = np.where(hole[..., None], np.uint8(0), photo)
    guide = fitted_guide(covered, hole)
    unit = photo / np.float32(255)
    blank = blank_guide(unit, hole)
    assert psnr(guide.image, unit, hole) > psnr(blank.image, unit, hole) + 1


def test_a_hole_in_the_middle_that_hides_most_of_the_face_still_gets_a_face():
    photo, points = aligned_orl(1, 2)
    hole = block("centre 75x75", points)
    guide = fitted_guide(np.where(hole[..., None], np.uint8(128), photo), hole)
    assert guide.coverage[hole].mean() > 0.9
    unit = photo / np.float32(255)
    assert psnr(guide.image, unit, hole) > psnr(blank_guide(unit, hole).image, unit, hole) + 0.3


def test_the_face_is_where_its_landmarks_are(vector):
    model, face = open_model("cpu"), Coefficients.from_vector(torch.from_numpy(vector)[None])
    from occlib.rendering import Camera

    landmarks = model.landmarks(model.shape(face.identity, face.expression))
    x, y = Camera(face.pose, 96).project(landmarks)[0, 30:, :2].numpy().astype(int).T
    coverage = face_picture(vector, 96).coverage
    assert coverage[y, x].min() > 0.5
