"""Heads in NumPy: the face model's, to the last bit alike everywhere, in surfaces with parse labels."""

import numpy as np
import pytest
import torch

from occlib.data.heads import EYES, JAW_MM, LIPS, NOSE, PARTS, SKIN, head_model
from occlib.data.scene import GRID
from occlib.morphable import MorphableModel
from tests.data.people_fixtures import head


@pytest.fixture(scope="module")
def coefficients():
    rng = np.random.default_rng(4)
    return tuple(rng.normal(size=n).clip(-2.5, 2.5).astype(np.float32) for n in (80, 64, 80))


def area(points, faces):
    a, b, c = (points[faces[:, k]].astype(float) for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def test_heads_are_those_of_the_face_model(coefficients):
    model, torch_model = head_model(), MorphableModel.load()
    identity, expression, texture = (torch.from_numpy(x)[None] for x in coefficients)
    _, vertices = model.shape(*coefficients[:2])
    np.testing.assert_allclose(vertices, torch_model.shape(identity, expression)[0].numpy(), atol=2e-3)
    albedo = torch_model.albedo(texture)[0].numpy().clip(0.02, 1)
    np.testing.assert_allclose(model.albedo(coefficients[2]), albedo, atol=1e-3)


def test_positions_and_colours_lie_on_grids(coefficients):
    """Rounding differs between machines; sums this coarse don't."""
    model = head_model()
    anchors, vertices = model.shape(*coefficients[:2])
    for values in (anchors * GRID, vertices * GRID, model.albedo(coefficients[2]) * 4096):
        np.testing.assert_array_equal(values, np.rint(values))


def test_landmarks_and_cheeks_are_the_heads_own():
    one = head(0)
    np.testing.assert_array_equal(one.landmarks, one.vertices[head_model().arrays.landmarks])
    np.testing.assert_allclose(np.linalg.norm(one.normals, axis=1), 1, atol=1e-3)
    model = head_model()
    x, _, z = model.mean_vertices[model.cheeks].T
    assert (x > 0).sum() > 20 and (x < 0).sum() > 20 and (z > 0).all()
    pale, dark = (
        model.geometry(np.zeros(80), np.zeros(64), np.full((len(model.parts), 3), c)) for c in (0.8, 0.3)
    )
    np.testing.assert_allclose(pale.skin_color, 0.8)
    np.testing.assert_allclose(dark.skin_color, 0.3)


def test_parts_are_where_they_belong():
    model = head_model()
    middle = {name: model.mean_vertices[model.parts == k].mean(0) for k, name in enumerate(PARTS)}
    assert middle["right eye"][0] < -20 < 20 < middle["left eye"][0]
    assert middle["upper teeth"][1] > middle["tongue"][1] > middle["lower teeth"][1] - 10
    assert middle["upper teeth"][1] > middle["lower teeth"][1]
    assert abs(middle["tongue"][0]) < 1


def test_patches_are_all_of_the_head_and_nothing_twice():
    model = head_model()
    whole = area(model.mean_vertices, model.faces).sum()
    parts = [area(patch.at(model.mean_vertices), patch.faces).sum() for patch in model.patches.values()]
    assert sum(parts) == pytest.approx(whole, rel=1e-4)


def test_labels_lie_on_their_parts():
    """The face surface around its landmarks: nose, lips, skin between them, lids."""
    model, one = head_model(), head(1)
    face = model.patches["face"]
    middle = face.at(one.vertices)[face.faces].mean(1)
    cheeks = one.vertices[model.cheeks]

    def labels_near(points, radius):
        away = np.linalg.norm(middle[:, None] - np.atleast_2d(points), axis=-1).min(1)
        return face.labels[away < radius]

    marks = one.landmarks
    assert (labels_near(marks[30], 8) == NOSE).all()
    assert (labels_near((marks[51] + marks[62]) / 2, 2) == LIPS).all()
    assert (labels_near((marks[57] + marks[66]) / 2, 2) == LIPS).all()
    assert (labels_near(cheeks, 2) == SKIN).mean() > 0.95
    assert (labels_near((marks[21] + marks[22]) / 2 + [0, 25, 0], 10) == SKIN).all()  # forehead
    assert (labels_near(marks[8], 6) == SKIN).all()  # chin
    assert EYES in labels_near(marks[36:48], 3)


def test_eyes_look_through_the_middle_of_their_texture():
    model = head_model()
    for name in ("right eye", "left eye"):
        ball = model.patches[name]
        points = model.mean_vertices[ball.vertices]
        front = np.argmin(np.linalg.norm(ball.uv - 0.5, axis=1))
        assert points[front, 2] > np.quantile(points[:, 2], 0.97)
        assert 0.45 < np.abs(ball.uv - 0.5).max() <= 0.5


def test_teeth_know_their_row():
    model = head_model()
    teeth = model.patches["teeth"]
    upper = teeth.uv[:, 1] > 0.5
    assert (
        model.mean_vertices[teeth.vertices[upper], 1].mean()
        > model.mean_vertices[teeth.vertices[~upper], 1].mean()
    )
    np.testing.assert_allclose(
        (teeth.uv[:, 0] - 0.5) * JAW_MM, model.mean_vertices[teeth.vertices, 0], atol=1e-3
    )


def test_the_mouth_is_dark_inside_only():
    model = head_model()
    shade = model.mouth_shade
    assert shade.min() < 0.5 and shade.max() == 1
    assert (shade[np.isin(model.parts, [1, 2])] == 1).all()
    assert (shade[model.cheeks] == 1).all()
