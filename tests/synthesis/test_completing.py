"""Completing photos: what is visible stays exactly, what is hidden is not looked at."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch

from occlib.errors import MaskError
from occlib.guide import blank_guide
from occlib.synthesis import baselines, completing
from occlib.synthesis.completing import complete, complete_aligned, hole_of
from occlib.synthesis.network import SynthesisNetwork, goal_contours


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = SynthesisNetwork((8, 8, 8), blocks=1, fold=4, skips=True).eval()
    torch.nn.init.normal_(network.generator.leave.weight, 0, 0.3)
    return network


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture
def mask():
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 10:50] = 1
    return mask


def no_contours(photo, hole, guide):
    return np.zeros(hole.shape, np.float32)


def test_visible_pixels_stay_exactly_and_hidden_ones_change_nothing(network, photo, mask):
    done = complete_aligned(photo, mask, draw_contours=no_contours, network=network).completed
    assert done.dtype == np.uint8
    np.testing.assert_array_equal(done[mask == 0], photo[mask == 0])
    other = np.where(mask[..., None] > 0, np.uint8(255), photo)
    again = complete_aligned(other, mask, draw_contours=no_contours, network=network).completed
    np.testing.assert_array_equal(again, done)
    assert (done[mask > 0] != photo[mask > 0]).any()


def test_contours_are_the_photos_outside_and_drawn_inside(network, photo, mask):
    asked = []

    def draw(*arguments):
        asked.append(arguments)
        return np.full((64, 64), 0.75, np.float32)

    guide = blank_guide(photo / np.float32(255), mask > 0)
    contours = complete_aligned(photo, mask, guide, draw_contours=draw, network=network).contours
    assert (contours[mask > 0] == 0.75).all()
    np.testing.assert_array_equal(contours[mask == 0], (guide.contours / 255)[mask == 0])
    assert asked[0][2] is guide


def test_goal_contours_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    true, made = (torch.rand(1, 1, 3, 4, generator=generator) for _ in range(2))
    mask = (torch.rand(1, 1, 3, 4, generator=generator) > 0.5).float()
    goal = goal_contours(true, made, mask)
    for row, column in np.ndindex(3, 4):
        source = made if mask[0, 0, row, column] else true
        assert goal[0, 0, row, column] == source[0, 0, row, column]


def test_an_untrained_guided_network_paints_the_guide(photo, mask):
    network = SynthesisNetwork((8, 8, 8), blocks=1, fold=4).eval()
    guide = blank_guide(photo / np.float32(255), mask > 0)
    done = complete_aligned(photo, mask, guide, draw_contours=no_contours, network=network).completed
    np.testing.assert_array_equal(done, baselines.model_fill(photo, mask > 0, guide))


def test_far_from_the_face_lines_go_on_instead(network, photo, mask, monkeypatch):
    coverage = np.zeros((64, 64), np.float32)
    coverage[:, :16] = 1
    near = completing.near_face(coverage)
    assert (near[:, :17] > 0.99).all() and (near[:, 24:] < 0.01).all()  # 12 pixels of 256 are 3 of 64
    guide = replace(blank_guide(photo / np.float32(255), mask > 0), coverage=coverage)

    def completed():
        done = complete_aligned(photo, mask, guide, draw_contours=no_contours, network=network).completed
        return done.astype(int)

    done, lines = completed(), baselines.navier_stokes(photo, mask > 0)
    monkeypatch.setattr(completing, "REACH", 10)
    painted = completed()  # by the network everywhere
    assert np.abs(painted - lines)[mask > 0].mean() > 10
    expected = near[..., None] * painted + (1 - near[..., None]) * lines
    assert np.abs(done - expected)[mask > 0].max() <= 1.5


@pytest.mark.parametrize("fill", [baselines.telea, baselines.navier_stokes])
def test_classical_fills_continue_what_is_around(fill):
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[:, :20], photo[:, 20:] = (200, 100, 50), (20, 120, 220)
    hole = np.zeros((40, 40), bool)
    hole[15:25, 5:12] = True
    np.testing.assert_allclose(fill(photo * ~hole[..., None], hole), photo, atol=3)


def test_masks_of_every_kind():
    soft = np.array([[0.0, 0.4], [0.5, 1.0]], np.float32)
    assert hole_of(soft, (2, 2)).tolist() == [[False, False], [True, True]]
    assert hole_of(np.array([[0, 1], [255, 0]], np.uint8), (2, 2)).sum() == 2
    with pytest.raises(MaskError, match="same size"):
        hole_of(soft, (3, 2))
    with pytest.raises(MaskError, match="whole photo"):
        hole_of(np.ones((2, 2)), (2, 2))


def test_a_whole_photo(monkeypatch, network):
    """A face in a larger photo: the hole is filled in the square and beside it, and nothing else changes."""
    photo = skimage.data.astronaut()[:400]
    mask = np.zeros(photo.shape[:2], bool)
    mask[140:170, 190:260] = True  # the mouth
    mask[20:50, 300:330] = True  # beside the face
    covered = np.where(mask[..., None], np.uint8(0), photo)
    monkeypatch.setattr(completing, "load_synthesis", lambda: network)
    monkeypatch.setattr("occlib.contours.draw_contours", no_contours)
    torch.nn.init.zeros_(network.generator.leave.weight)  # paints the guide
    done = complete(covered, mask)
    assert done.shape == photo.shape and done.dtype == np.uint8
    np.testing.assert_array_equal(done[~mask], covered[~mask])
    for part in (np.s_[140:170, 190:260], np.s_[20:50, 300:330]):
        before, after = (np.abs(x[part].astype(int) - photo[part]).mean() for x in (covered, done))
        assert after < 0.4 * before
    np.testing.assert_array_equal(complete(photo, np.zeros_like(mask)), photo)
    with pytest.raises(MaskError):
        complete(photo, mask[1:])
