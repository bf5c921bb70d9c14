"""The open face model: what a fit relies on."""

import numpy as np
import pytest
import scipy.sparse
import torch

from occlib import assets
from occlib.morphable import MorphableModel
from occlib.morphable.landmarks import IBUG_MIRROR, NOW_FROM_IBUG

MIRROR = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


@pytest.fixture(scope="module")
def mean(model):
    return model.shape(torch.zeros(1, 80), torch.zeros(1, 64))[0]


def random_coefficients(model, count, dtype=torch.float32):
    generator = torch.Generator().manual_seed(7)
    sizes = (model.n_identity, model.n_expression, model.n_texture)
    return [torch.randn(count, size, generator=generator, dtype=dtype) for size in sizes]


def test_sizes_are_those_of_the_paper(model):
    assert (model.n_identity, model.n_expression, model.n_texture) == (80, 64, 80)
    assert model.landmark_indices.shape == (68,)
    assert set(model.region_names) == {"skin", "brows", "eyes", "nose", "lips", "ears", "scalp", "neck",
                                       "mouth"}
    assert model.regions.bincount(minlength=9).min() > 50  # every region has vertices
    assert len(model.unit_names) == 64


def test_file_is_small_enough_to_ship():
    assert assets.path("face_model/open.safetensors").stat().st_size <= 9 * 2**20


def test_mean_head_is_of_human_size_and_place(model, mean):
    points = model.landmarks(mean[None])[0]
    assert 80 < (points[45] - points[36]).norm() < 98  # between the outer eye corners, mm
    assert 105 < (points[27] - points[8]).norm() < 130  # from the nose's root to the chin
    eyes = points[[36, 39, 42, 45]].mean(0)
    assert eyes[:2].norm() < 5 and 0 < eyes[2] < 20  # the origin lies between the eyeballs
    assert mean[:, 2].max() - points[30, 2] < 1  # the nose leads


def test_bases_add_up_linearly(model, mean):
    """Eq. 9: what identity and expression change adds up; twice the coefficients, twice the change."""
    identity, expression, _ = random_coefficients(model, 1)
    zero_id, zero_exp = torch.zeros_like(identity), torch.zeros_like(expression)
    both = model.shape(identity, expression)[0] - mean
    parts = model.shape(identity, zero_exp)[0] - mean + model.shape(zero_id, expression)[0] - mean
    assert torch.allclose(both, parts, atol=1e-3)
    assert torch.allclose(model.shape(2 * identity, 2 * expression)[0] - mean, 2 * both, atol=2e-3)


def test_a_batch_equals_its_single_faces(model):
    identity, expression, texture = random_coefficients(model, 3)
    together, colours = model.shape(identity, expression), model.albedo(texture)
    for n in range(3):
        alone = model.shape(identity[n:n + 1], expression[n:n + 1])
        assert torch.allclose(together[n:n + 1], alone, atol=1e-3)
        assert torch.allclose(colours[n:n + 1], model.albedo(texture[n:n + 1]), atol=1e-5)


def test_subdivision_against_scipy():
    """Fine = S coarse, rows of S sum to one: a translated coarse mesh is a translated fine mesh."""
    double = MorphableModel.load("open", dtype=torch.float64)
    starts, columns, values = double._rows("s")
    ends = torch.cat([starts[1:], torch.tensor([len(columns)])])
    rows = torch.arange(len(starts)).repeat_interleave(ends - starts)
    matrix = scipy.sparse.csr_matrix((values, (rows, columns)), shape=(len(starts), len(double.shape_mean)))
    assert np.allclose(matrix.sum(axis=1), 1, atol=1e-6)
    coarse = torch.randn(2, len(double.shape_mean), 3, dtype=torch.float64, requires_grad=True)
    fine = double.subdivide(coarse)
    (fine**2).sum().backward()
    for n in range(2):
        assert np.allclose(fine[n].detach(), matrix @ coarse[n].detach().numpy(), atol=1e-12)
        assert np.allclose(coarse.grad[n], 2 * matrix.T @ fine[n].detach().numpy(), atol=1e-10)


def test_gradients_agree_with_finite_differences():
    """Along a random direction of all 224 coefficients, in float64."""
    model = MorphableModel.load("open", dtype=torch.float64)
    coefficients = [c.requires_grad_() for c in random_coefficients(model, 1, torch.float64)]
    weights = torch.linspace(-1, 1, 3 * len(model.symmetry), dtype=torch.float64).reshape(-1, 3)

    def loss(identity, expression, texture):
        return ((model.shape(identity, expression)[0] * 0.01) ** 2 * weights).sum() + (
            model.albedo(texture)[0] ** 2 * weights).sum()

    loss(*coefficients).backward()
    with torch.no_grad():
        for changed in range(3):
            step = [torch.randn_like(c) * (k == changed) for k, c in enumerate(coefficients)]
            up, down = ([c + sign * 1e-4 * s for c, s in zip(coefficients, step)] for sign in (1, -1))
            numeric = (loss(*up) - loss(*down)) / 2e-4
            exact = (coefficients[changed].grad * step[changed]).sum()
            assert torch.isclose(exact, numeric, rtol=1e-6)


def test_symmetry_is_an_involution_and_mirrors_the_mean(model, mean):
    assert torch.equal(model.symmetry[model.symmetry], torch.arange(len(model.symmetry)))
    assert (mean[model.symmetry] * MIRROR - mean).abs().max() < 0.02  # mm
    assert torch.equal(model.regions[model.symmetry], model.regions)


def test_landmarks_are_symmetric(model):
    mirrored = model.symmetry[model.landmark_indices]
    assert torch.equal(mirrored, model.landmark_indices[list(IBUG_MIRROR)])


def test_landmarks_lie_where_their_names_say(model, mean):
    points, regions = model.landmarks(mean[None])[0], model.regions[model.landmark_indices]
    assert points[36, 0] < points[39, 0] < 0 < points[42, 0] < points[45, 0]  # the right eye is at -x
    assert (points[17:27, 1].min() > points[36:48, 1].max()) and (points[48:68, 1].max() < points[33, 1])
    assert points[8, 1] == points[:, 1].min() and points[30, 2] == points[:, 2].max()
    assert (regions[48:60] == model.region_names.index("lips")).float().mean() > 0.8
    assert [NOW_FROM_IBUG[k] for k in (0, 4, 6)] == [36, 33, 54]


def test_faces_point_outward_and_use_every_vertex(model, mean):
    corners = mean[model.faces]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    nose_tip = (model.faces == model.landmark_indices[30]).any(1)
    assert (normals[nose_tip][:, 2] > 0).all()
    assert (corners.mean(1) * normals).sum() / 6 > 2e6  # encloses a head's volume, mm^3
    assert torch.equal(model.faces.unique(), torch.arange(len(mean)))


def test_texture_atlas_is_inside_the_picture_and_never_flipped(model):
    corners = model.uv[model.uv_faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    assert model.uv.min() >= 0 and model.uv.max() <= 1
    assert (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] > 0).all()


def test_identities_vary_as_much_as_people_do(model):
    """Standard deviations over random heads, size removed, in mm: neither clones nor mutants."""
    identity = random_coefficients(model, 400)[0]
    points = model.landmarks(model.shape(identity, torch.zeros(400, 64)))
    ends = {"face length": (27, 8), "mouth width": (48, 54), "intercanthal": (39, 42),
            "nose height": (27, 33)}
    spread = {name: (points[:, a] - points[:, b]).norm(dim=1).std() for name, (a, b) in ends.items()}
    assert 4 < spread["face length"] < 8
    assert 2.5 < spread["mouth width"] < 5
    assert 1.5 < spread["intercanthal"] < 4
    assert 2 < spread["nose height"] < 5


def test_jaw_opens_the_mouth_and_shows_what_is_inside(model, mean):
    weights = torch.zeros(1, 64)
    weights[0, model.unit_names.index("jawOpen")] = 1
    opened = model.shape(torch.zeros(1, 80), model.expression_units(weights))[0]
    closed_points, open_points = mean[model.landmark_indices], opened[model.landmark_indices]
    assert (closed_points[62] - closed_points[66]).norm() < 4  # mm between the lips
    assert (open_points[62] - open_points[66]).norm() > 15
    assert (open_points - closed_points)[36:48].abs().max() < 1  # the eyes stay
    # Lower teeth and tongue follow the jaw, upper teeth do not.
    inside = model.regions == model.region_names.index("mouth")
    moved = (opened - mean).norm(dim=1)[inside]
    assert moved.min() < 0.5 and moved.max() > 15


def test_zero_expression_is_neutral_and_units_round_trip(model):
    assert torch.equal(model.expression_units(torch.zeros(1, 64)), torch.zeros(1, 64))
    rotation = model.units_to_expression.double()
    weights = torch.rand(5, 64, dtype=torch.float64)
    assert torch.allclose(weights @ rotation @ rotation.inverse(), weights, atol=1e-6)


def test_albedo_is_display_colour(model):
    albedo = model.albedo(random_coefficients(model, 50)[2])
    skin = albedo[:, model.regions == model.region_names.index("skin")]
    assert ((skin > 0) & (skin < 1)).float().mean() > 0.995
    red, green, blue = skin.mean((0, 1))
    assert red > green > blue


def test_dtype_and_device_are_those_asked_for():
    model = MorphableModel.load("open", dtype=torch.float64)
    vertices = model.shape(torch.zeros(1, 80, dtype=torch.float64), torch.zeros(1, 64, dtype=torch.float64))
    assert vertices.dtype == torch.float64 and model.faces.dtype == torch.int64
    single = MorphableModel.load("open").to("meta")
    assert single.shape_mean.device.type == "meta" and single._rows("s")[1].device.type == "meta"
