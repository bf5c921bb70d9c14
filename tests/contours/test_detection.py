"""Contours of photos: one definition, finer or coarser, thinner or thicker."""

import cv2
import numpy as np
import pytest
import skimage.data
from skimage.feature import canny

from occlib.contours import detect
from occlib.data import contours_of


@pytest.fixture(scope="module")
def portrait():
    return cv2.resize(skimage.data.astronaut()[:256, 96:352], (256, 256))


def test_it_is_the_contours_of_samples_and_nearly_skimages(portrait):
    ours = detect(portrait)
    np.testing.assert_array_equal(ours, contours_of(portrait))
    theirs = canny(
        cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY) / 255, sigma=2, low_threshold=0.1, high_threshold=0.2
    )
    near = cv2.dilate(theirs.astype(np.uint8), np.ones((3, 3))) > 0
    assert near[ours > 0].mean() > 0.9


def test_more_blur_leaves_fewer_contours_and_thickness_widens_them(portrait):
    counts = [np.count_nonzero(detect(portrait, sigma=sigma)) for sigma in (1, 2, 4)]
    assert counts[0] > 1.3 * counts[1] > 1.6 * counts[2] > 0
    thick = detect(portrait, thickness=3)
    assert set(np.unique(thick)) == {0, 255} and (thick >= detect(portrait)).all()
    line = np.full((64, 64, 3), 60, np.uint8)
    line[:, 32:] = 200
    assert np.count_nonzero(detect(line, thickness=3)[30]) == 2 + np.count_nonzero(detect(line)[30])


def test_a_piece_of_a_photo_has_the_contours_of_the_whole(portrait):
    piece = contours_of(portrait[64:192, 64:192], side=256)
    whole = contours_of(portrait)[64:192, 64:192]
    inner = np.s_[12:-12, 12:-12]
    agree = (piece[inner] == whole[inner]).mean()
    assert agree > 0.99 > (contours_of(portrait[64:192, 64:192])[inner] == whole[inner]).mean()
