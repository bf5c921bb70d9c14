"""The shipped albedo space: its random draws have to look like people's skin and eyes."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from skimage.color import rgb2lab

from occlib.morphable.model import MorphableModel

# CIELAB of faces as published, (L*, a*, b*): Xiao et al. 2017, forehead and cheek of Chinese, Thai, Kurdish
# and Caucasian people; de Rigal et al. 2010, African-American and Mexican people; the ColorChecker's light
# and dark skin; the darkest cluster of IADR 2009, abstract 120461. Within a group a* and b* have standard
# deviations of 1.4 to 3.1.
MEASURED = np.array([
    (56.4, 11.7, 16.3), (58.9, 11.4, 14.2), (56.8, 11.6, 17.7), (60.7, 10.5, 17.2), (56.1, 11.3, 16.4),
    (58.0, 11.7, 15.8), (59.2, 11.6, 15.1), (59.6, 11.8, 14.6), (44, 14, 19), (48, 15, 20), (58, 15, 21),
    (63, 16, 21), (65.7, 18.1, 17.8), (38.0, 13.6, 14.1), (26.7, 14.6, 14.7)])


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


@pytest.fixture(scope="module")
def vertices(model):
    """(V, 3) the mean face."""
    return model.shape(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))[0].numpy()


@pytest.fixture(scope="module")
def draws(model):
    """(400, V, 3) albedos of random people."""
    texture = torch.randn(400, model.n_texture, generator=torch.Generator().manual_seed(1))
    return model.albedo(texture).numpy()


@pytest.fixture(scope="module")
def tones(model, vertices, draws):
    """(400, 3) CIELAB of everyone's bare skin: cheeks and forehead, where the instruments are held."""
    x, y, z = vertices.T
    cheeks = (np.abs(x) > 25) & (np.abs(x) < 55) & (y > -50) & (y < -25)
    forehead = (np.abs(x) < 40) & (y > 30) & (y < 55)
    bare = (model.regions.numpy() == model.region_names.index("skin")) & (cheeks | forehead) & (z > -10)
    return rgb2lab(draws[:, bare].mean(axis=1).clip(0, 1))


@pytest.fixture(scope="module")
def gaze_angle(model, vertices):
    """(V,) degrees from the middle of the pupil, on the eyeballs; NaN elsewhere."""
    faces, count = model.faces.numpy(), len(vertices)
    edges = (np.ones(faces.size), (faces.ravel(), np.roll(faces, -1, axis=1).ravel()))
    _, piece = connected_components(sparse.coo_matrix(edges, shape=(count, count)), directed=False)
    in_region = model.regions.numpy() == model.region_names.index("eyes")
    eyeballs = [piece == p for p in np.unique(piece[in_region]) if in_region[piece == p].all()]
    assert len(eyeballs) == 2
    angle = np.full(count, np.nan)
    for eyeball in eyeballs:
        out = vertices[eyeball] - (vertices[eyeball].min(axis=0) + vertices[eyeball].max(axis=0)) / 2
        angle[eyeball] = np.degrees(np.arccos(out[:, 2] / np.linalg.norm(out, axis=1)))
    return angle


def hue(lab):
    return np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))


def chroma(lab):
    return np.hypot(lab[:, 1], lab[:, 2])


def test_skin_is_neither_green_nor_orange(tones):
    # Groups' means, and about two standard deviations of a person beyond. Hue: red is 0, yellow 90 degrees.
    hues, chromas = hue(MEASURED), chroma(MEASURED)
    assert hues.min() < np.median(hue(tones)) < hues.max()
    assert hues.min() - 12 < hue(tones).min() and hue(tones).max() < hues.max() + 12
    assert chromas.min() - 7 < chroma(tones).min() and chroma(tones).max() < chromas.max() + 7


def test_all_depths_of_skin_are_drawn(tones):
    # The individual typology angle's classes run from L* of about 30 (dark) to 75 (very light).
    assert 48 < np.median(tones[:, 0]) < 58
    assert np.percentile(tones[:, 0], 5) < 40 and np.percentile(tones[:, 0], 95) > 65
    # Gaussian tails are longer than people's: one in a hundred draws may lie beyond.
    assert np.percentile(tones[:, 0], 1) > 20 and np.percentile(tones[:, 0], 99) < 80


def test_eyes_are_dark_in_the_middle_and_white_without_glowing(draws, gaze_angle):
    iris = draws[:, (gaze_angle > 13) & (gaze_angle < 18)].mean(axis=1)
    white = draws[:, (gaze_angle > 30) & (gaze_angle < 40)]
    assert (iris.mean(axis=1) < white.mean(axis=(1, 2)) - 0.2).all()
    assert white.max() <= 0.85
    assert chroma(rgb2lab(iris.clip(0, 1))).max() < 25


def test_blue_eyes_only_with_light_skin(draws, tones, gaze_angle):
    iris = draws[:, (gaze_angle > 13) & (gaze_angle < 18)].mean(axis=1)
    bluish = iris[:, 2] > iris[:, 0]
    assert not bluish[tones[:, 0] < 50].any()
    # Even then it is a grey blue.
    assert (iris[:, 2] - iris[:, 0]).max() < 0.1


def test_both_halves_of_a_face_match(model, draws):
    mirrored = draws[:, model.symmetry.numpy()]
    assert np.abs(model.albedo(torch.zeros(1, model.n_texture))[0].numpy()[model.symmetry.numpy()]
                  - model.albedo_mean.numpy()).max() < 2e-3  # a float16's rounding
    assert np.abs(draws - mirrored).mean() < 0.01


def test_draws_are_colours(draws):
    # The model is linear and does not clamp; what lies outside [0, 1] must be a rare vertex of a rare face.
    assert ((draws < 0) | (draws > 1)).mean() < 1e-3
    assert draws.min() > -0.15 and draws.max() < 1.15


def test_coefficients_are_ordered_and_tone_comes_first(model, vertices):
    basis = model.albedo_basis.reshape(model.n_texture, -1, 3)
    face = model.subdivide(basis)[:, torch.as_tensor(vertices[:, 2] > 0)]
    variance = face.square().mean(dim=(1, 2))
    assert variance[0] > 0.5 * variance.sum()
    assert variance[0] > 5 * variance[1:].max()
