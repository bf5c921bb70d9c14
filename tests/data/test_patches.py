"""Patches of the head: cut along smooth lines, without holes, and the same points as before elsewhere."""

import numpy as np
import pytest

from occlib.data.heads import LIPS, NOSE, SKIN, head_model
from occlib.data.patches import Patch, smooth_field


def grid(n):
    """A flat square [0, 1]^2 of n x n cells: points (V, 3), faces (F, 3)."""
    x, y = np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, n + 1))
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1).astype(np.float32)
    a = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + n + 2], 1), np.stack([a, a + n + 2, a + n + 1], 1)])
    return points, faces.astype(np.int32)


def areas(points, faces):
    a, b, c = (points[faces[:, k]].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a)[:, 2] / 2


@pytest.fixture
def square():
    points, faces = grid(7)
    return points, Patch.whole(np.arange(len(points)), points[:, :2], faces, np.zeros(len(faces), np.uint8), len(points))


def test_a_cut_follows_the_line_where_the_field_is_one_half(square):
    points, patch = square
    field = 0.5 + points[:, 0] - 0.3 + 0.5 * (points[:, 1] - 0.4)  # a slanted line through (0.3, 0.4)
    cut = patch.cut(field, 2, over=(0,))
    corners = cut.at(points)
    area = areas(corners, cut.faces)
    assert (area > -1e-8).all()  # none is turned over
    assert area.sum() == pytest.approx(1)
    assert area[cut.labels == 2].sum() == pytest.approx(1 - 0.3 - 0.5 * (0.4 - 0.5), abs=1e-6)
    np.testing.assert_allclose(cut.uv, corners[:, :2], atol=1e-6)


def test_cuts_upon_cuts_stay_on_the_surface(square):
    points, patch = square
    bent = points + np.array([0, 0, 1]) * np.square(points[:, :1] - 0.5)
    for label, field in ((1, 1.2 - points[:, 0]), (2, points[:, 1] + 0.03), (3, points[:, 0] + points[:, 1] - 0.6)):
        patch = patch.cut(patch.at(field[:, None])[:, 0], label, over=(0, 1, 2))
    corners = patch.at(points)
    assert areas(corners, patch.faces).sum() == pytest.approx(1)
    assert (np.diff(patch.between.indptr) <= 3).all()  # every point lies in one triangle of the head
    assert patch.at(bent)[:, 2].max() <= 0.25 + 1e-6


def test_faces_with_other_labels_are_left_alone(square):
    points, patch = square
    labels = np.where(np.arange(len(patch.faces)) % 2, 5, 0).astype(np.uint8)
    patch = Patch.whole(patch.vertices, patch.uv, patch.faces, labels, len(points))
    cut = patch.cut(points[:, 0], 2, over=(0,))
    assert (cut.labels == 5).sum() == (labels == 5).sum()


def test_a_field_is_one_inside_and_smooth_at_the_border():
    points, faces = grid(20)
    chosen = points[faces].mean(1)[:, 0] < 0.5
    field = smooth_field(faces, chosen, 4)
    assert field[points[:, 0] < 0.2].min() > 0.99 and field[points[:, 0] > 0.8].max() < 0.01
    assert ((field > 0.2) & (field < 0.8)).sum() > 21  # more than one row


def test_patches_of_the_head_are_its_faces_with_smooth_borders():
    model = head_model()
    area, total = {}, 0.0
    for name, patch in model.patches.items():
        corners = patch.at(model.mean_vertices).astype(np.float64)
        a, b, c = (corners[patch.faces[:, k]] for k in range(3))
        sizes = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        total += sizes.sum()
        for label in np.unique(patch.labels):
            area[label] = area.get(label, 0) + sizes[patch.labels == label].sum()
    a, b, c = (model.mean_vertices[model.faces[:, k]] for k in range(3))
    sizes = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    assert total == pytest.approx(sizes.sum(), rel=1e-5)
    for label in (SKIN, NOSE, LIPS):  # smoothing moves borders, it does not shrink parts
        assert area[label] == pytest.approx(sizes[model.face_labels == label].sum(), rel=0.1), label
