"""Fits of heads whose truth is known: better than the mean face, robust to occluders, the same every time."""

import numpy as np
import pytest
import torch

from occlib.errors import NoFaceError
from occlib.evaluation.fitting import face_region, surface_error, vertex_error
from occlib.evaluation.heads import draw_heads
from occlib.morphable import MorphableModel
from occlib.pipeline import reconstruct
from occlib.reconstruction import FitSettings


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


@pytest.fixture(scope="module")
def heads(model):
    return list(draw_heads(model, 3, seed=12))


@pytest.fixture(scope="module")
def faces(model, heads):
    return [reconstruct(head.photo, model=model) for head in heads]


def mean_error(model, faces, heads):
    region = face_region(model)
    return np.mean([vertex_error(face.vertices, head.vertices, region) for face, head in zip(faces, heads)])


def test_the_fit_is_far_nearer_to_the_truth_than_the_mean_face(model, heads, faces):
    region = face_region(model)
    neutral = model.shape(torch.zeros(1, 80), torch.zeros(1, 64))[0].numpy()
    of_mean = np.mean([vertex_error(neutral, head.vertices, region) for head in heads])
    assert mean_error(model, faces, heads) < 0.65 * of_mean


def test_pixels_add_to_landmarks(model, heads, faces):
    landmarks_only = [
        reconstruct(head.photo, model=model, settings=FitSettings(gauss_newton=(), levels=())) for head in heads
    ]
    assert mean_error(model, faces, heads) < 0.9 * mean_error(model, landmarks_only, heads)


def test_a_known_mask_keeps_the_occluder_out(model, heads):
    region = face_region(model)
    masked, defenceless = [], []
    for head in heads:
        face = reconstruct(head.occluded, head.mask, model=model)
        masked.append(vertex_error(face.vertices, head.vertices, region))
        try:
            face = reconstruct(head.occluded, model=model, settings=FitSettings(robust=False))
        except NoFaceError:  # without the mask the occluder can hide the face altogether
            masked.pop()
            continue
        defenceless.append(vertex_error(face.vertices, head.vertices, region))
    assert defenceless and np.mean(masked) < 0.8 * np.mean(defenceless)


def test_the_same_photo_gives_the_same_face(model, heads, faces):
    again = reconstruct(heads[0].photo, model=model)
    assert torch.equal(again.coefficients.vector(), faces[0].coefficients.vector())


def test_history_replays_the_fit_and_the_loss_falls(faces):
    history = faces[0].fit.history
    assert [step.level for step in history] == sorted(step.level for step in history)
    assert history[-1].losses["pixel"] < 0.8 * history[0].losses["pixel"]
    assert all(step.vector.shape == (239,) for step in history)


def test_features_of_equation_12_enter_when_asked(model, heads):
    seen = []
    settings = FitSettings(gauss_newton=((1.5, 2, 1),), levels=((64, 2),), lambda_features=0.25)
    reconstruct(heads[0].photo, model=model, settings=settings, progress=seen.append)
    distances = [step.losses["features"] / 0.25 for step in seen]  # 1 - cosine of the photo and the rendering
    assert len(distances) == 3 and all(0 < distance < 1 for distance in distances)


def test_surface_error_sees_shape_and_not_place_or_size(model):
    region = face_region(model)
    truth = model.shape(torch.zeros(1, 80), torch.zeros(1, 64))[0].numpy()
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert surface_error(1.3 * truth @ turn.T + 50, truth, model.faces, region) < 1e-3
    other = model.shape(torch.ones(1, 80), torch.zeros(1, 64))[0].numpy()
    assert surface_error(other.astype(np.float32), truth, model.faces, region) > 0.5
