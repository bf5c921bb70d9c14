"""The landmark likelihood: residuals in the face's own millimetres, and a covariance that is really inverted."""

import pytest
import torch

from occlib.morphable import MorphableModel
from occlib.reconstruction import LandmarkTerm
from occlib.reconstruction.landmark_term import HIDDEN_SD, MISLED
from occlib.rendering import Camera


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


@pytest.fixture(scope="module")
def term(model):
    return LandmarkTerm.for_model(model)


def mean_landmarks(model, term):
    return model.shape(torch.zeros(1, 80), torch.zeros(1, 64))[:, term.vertices]


@pytest.mark.parametrize("roll", [0.0, 0.6, -2.0])
def test_residual_is_in_upright_millimetres_whatever_roll_and_scale(model, term, roll):
    landmarks = mean_landmarks(model, term)
    camera = Camera(torch.tensor([[0.1, 0.2, roll, 1.7, 100.0, 90.0]]), 256)
    error = torch.tensor([3.0, -2.0])  # mm: to the face's left of the picture, up
    cos, sin = torch.tensor(roll).cos(), torch.tensor(roll).sin()
    pixels = 1.7 * torch.stack([cos * error[0] + sin * error[1], -sin * error[0] + cos * error[1]])
    detected = camera.project(landmarks)[..., :2] + pixels
    residual = term.residual(landmarks, detected, camera).reshape(-1, 2)
    assert torch.allclose(residual + term.offset, error.expand_as(residual), atol=1e-3)


def test_whitening_inverts_the_covariance(term):
    whitening = term.whitening().double()
    product = whitening @ term.covariance @ whitening.T
    assert torch.allclose(product, torch.eye(len(product)).double(), atol=1e-3)


def test_a_hidden_point_says_little_and_widens_the_others(term):
    hidden = torch.zeros(len(term.points))
    hidden[4] = 1.0
    whitening = term.whitening(hidden).double()
    covariance = torch.linalg.inv(whitening.T @ whitening)
    grown = (covariance - (1 + MISLED / len(hidden)) * term.covariance).diagonal()
    assert torch.allclose(grown[8:10], torch.tensor([HIDDEN_SD**2] * 2).double(), rtol=1e-3)
    assert float(grown[10:].abs().max()) < 0.05


def test_calibrated_points_sit_on_the_face_and_symmetrically(model, term):
    landmarks = mean_landmarks(model, term)[0]
    right, left = landmarks[33], landmarks[263]  # outer corners of the eyes
    assert abs(float(right[0] + left[0])) < 4 and float(left[0]) > 30
    assert float(landmarks[152, 1]) < float(landmarks[1, 1]) < float(landmarks[10, 1])  # chin, nose, forehead


def test_another_model_falls_back_to_its_68_landmarks(model):
    other = MorphableModel.load("open")
    other.name = "some other model"
    term = LandmarkTerm.for_model(other)
    assert torch.equal(term.vertices, other.landmark_indices) and len(term.points) == 68
