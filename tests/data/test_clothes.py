"""Neck, shoulders and garments: no neck ends in the air, nothing lies inside the body."""

import numpy as np
import pytest

from occlib.data import clothes
from occlib.data.heads import head_model
from tests.data.people_fixtures import head


@pytest.fixture(scope="module", params=[0, 1, 2])
def torso(request):
    return clothes.Torso(head(request.param), turn=0.3)


def rings(surface, torso):
    return surface.vertices.reshape(-1, torso.columns, 3)


def test_the_neck_begins_exactly_where_the_head_ends(torso):
    albedo = np.random.default_rng(0).uniform(0.3, 0.8, (len(head_model().parts), 3))
    neck, rim = clothes.neck(torso, albedo), clothes._rim()
    top = rings(neck, torso)[0]
    heads = [head(seed).vertices[rim] for seed in range(3)]
    assert min(np.abs(top - one).max() for one in heads) < 1e-3
    np.testing.assert_allclose(neck.color[: torso.columns], albedo[rim], atol=1e-6)


def test_the_rim_is_the_loop_where_the_head_is_cut():
    points = head_model().mean_vertices[clothes._rim()]
    assert (points[:, 1] < -90).all()
    assert (
        np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).max() < 12
    )  # it goes round without a jump


@pytest.mark.parametrize("garment", clothes.GARMENTS)
def test_no_neck_ends_in_the_air(garment, torso):
    """All round, skin goes on well below the garment's upper edge, and the garment below the picture."""
    neck = rings(clothes.neck(torso, np.full((len(head_model().parts), 3), 0.5)), torso)
    for seed in range(3):
        sewn = rings(clothes.dress(torso, garment, np.random.default_rng(seed))[0], torso)
        assert (sewn[..., 1].max(0) > neck[-1, :, 1] + 30).all()
        assert sewn[-1, :, 1].max() < neck[-1, :, 1].min() - 5


@pytest.mark.parametrize("garment", clothes.GARMENTS)
def test_garments_lie_on_the_body(garment, torso):
    """Below their hem, along the body's normals, by 2 mm to 3 cm."""
    for seed in range(2):
        sewn = rings(clothes.dress(torso, garment, np.random.default_rng(seed))[0], torso)
        body, normals = torso.grid.reshape(-1, 3), torso.normals.reshape(-1, 3)
        for ring in sewn[8::5]:
            near = np.square(ring[:, None] - body).sum(-1).argmin(1)
            above = ((ring - body[near]) * normals[near]).sum(1)
            assert above.min() > 1 and above.max() < 30


def test_surfaces_look_outwards(torso):
    neck = clothes.neck(torso, np.full((len(head_model().parts), 3), 0.5))
    a, b, c = (neck.vertices[neck.faces[:, k]] for k in range(3))
    normals, middle = np.cross(b - a, c - a), (a + b + c) / 3
    axis = rings(neck, torso).mean(1)
    away = middle - axis[np.abs(middle[:, None, 1] - axis[:, 1]).argmin(1)]
    assert ((normals * away).sum(1) > 0).mean() > 0.95
    np.testing.assert_allclose(np.linalg.norm(torso.normals, axis=-1), 1)


def test_shoulders_turn_and_the_neck_does_not():
    straight, turned = (clothes.Torso(head(0), turn).grid for turn in (0.0, 0.4))
    first = clothes.props.bust().neck_rows
    np.testing.assert_allclose(straight[: first + 1], turned[: first + 1])
    front = straight.shape[1] // 2
    axis = straight[first].mean(0)
    before, after = (grid[-1, front] - axis for grid in (straight, turned))
    assert after[0] > before[0] + 20  # to the viewer's right
    assert np.hypot(*after[[0, 2]]) == pytest.approx(np.hypot(*before[[0, 2]]))


def test_a_shirt_has_a_collar_that_is_open_in_front(torso):
    surfaces = clothes.dress(torso, "shirt", np.random.default_rng(0))
    assert [len(clothes.dress(torso, kind, np.random.default_rng(0))) for kind in ("crew", "hoodie")] == [
        1,
        1,
    ]
    assert len(surfaces) == 2
    collar = surfaces[1].vertices
    gap = torso.grid[torso.first, torso.columns // 2]
    assert len(collar) % torso.columns != 0
    assert np.linalg.norm((collar - gap)[:, [0, 2]], axis=1).min() > 2
    np.testing.assert_array_equal(surfaces[0].texture, surfaces[1].texture)


def test_cloth_is_within_its_range_and_seldom_alike():
    means = []
    for seed in range(60):
        texture, color = clothes.cloth(np.random.default_rng(seed))
        shown = texture / 255 * color
        assert texture.shape == (clothes.TILE, clothes.TILE, 3) and 0 < shown.max() < 1.6
        means.append(shown.mean((0, 1)))
    assert min(np.std(means, axis=0)) > 0.1
    assert min(map(max, means)) < 0.12 and max(map(min, means)) > 0.6  # black to white
