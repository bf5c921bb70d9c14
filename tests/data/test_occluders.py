"""Occluders: what is drawn, how much of the face it hides, and that it touches the face instead of entering
it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from occlib.data.hands import hand_mesh
from occlib.data.occluders import FAMILIES, HELD_OUT, TRAINING, draw_occluder, hands, press_hair, shapes
from occlib.data.occluders.placing import Globe, Wearer, facing
from occlib.data.scene import Light, Pinhole, Surface, render_scene
from occlib.morphable import MorphableModel

LABELS = np.array([1, 2, 3, 4, 5, 0, 0, 0, 5], np.uint8)  # of the face model's regions
EYES, NOSE, LIPS = 3, 4, 5
SIZE = 96


@pytest.fixture(scope="module")
def heads():
    model, rng = MorphableModel.load("open"), np.random.default_rng(11)
    regions, faces = model.regions.numpy(), model.faces.numpy().astype(np.int32)

    def head():
        identity = torch.from_numpy(rng.normal(0, 0.8, (1, 80))).float()
        vertices = model.shape(identity, torch.zeros(1, 64))[0].numpy()
        return SimpleNamespace(
            vertices=vertices, faces=faces, regions=regions, landmarks=vertices[model.landmark_indices],
            skin_color=np.array([0.8, 0.6, 0.5]),
        )  # fmt: skip

    return [head() for _ in range(3)]


def photograph(head, surfaces, yaw=0.0):
    """From far away, as `coverage` looks."""
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    shift = np.array([0, 25.0, -30_000.0])
    bare = Surface(head.vertices, head.faces, np.full_like(head.vertices, 0.5),
                   label=LABELS[head.regions[head.faces[:, 0]]], is_head=True)  # fmt: skip
    light = Light(np.array([2.0, 0, 0, 0, 0, 0, 0, 0, 0]), np.array([0, 0.6, 0.8]), np.ones(3))
    posed = [s.posed(turn, shift) for s in (bare, *surfaces)]
    return render_scene(posed, light, Pinhole(turn, shift, 30_000 / 240), SIZE)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_draws_whole_surfaces_and_the_same_for_the_same_seed(name, heads):
    surfaces, coverage = FAMILIES[name].draw(heads[0], np.random.default_rng(5))
    again, _ = FAMILIES[name].draw(heads[0], np.random.default_rng(5))
    assert 0 <= coverage <= 1
    for surface, twin in zip(surfaces, again, strict=True):
        assert surface.occluder
        assert np.isfinite(surface.vertices).all()
        assert surface.faces.min() >= 0
        assert surface.faces.max() < len(surface.vertices)
        assert np.abs(surface.vertices).max() < 1000  # mm
        np.testing.assert_array_equal(surface.vertices, twin.vertices)
        for field in ("color", "texture", "bump"):
            np.testing.assert_array_equal(getattr(surface, field), getattr(twin, field))


def test_three_families_are_held_out():
    assert set(HELD_OUT) == {"cup", "sunglasses", "scarf"}
    assert set(TRAINING) | set(HELD_OUT) == set(FAMILIES)
    assert not set(TRAINING) & set(HELD_OUT)


@pytest.mark.parametrize("name", ["palm", "surgical_mask", "hat", "object", "glasses"])
@pytest.mark.parametrize("yaw", [0.0, 0.7])
def test_coverage_is_the_share_of_the_face_that_the_renderer_hides(name, yaw, heads):
    eye = 30_000 * np.array([-np.sin(yaw), 0.0, np.cos(yaw)])  # the camera, seen from a head turned by yaw
    surfaces, coverage = FAMILIES[name].draw(heads[1], np.random.default_rng(2), eye=eye)
    scene = photograph(heads[1], surfaces, yaw)
    assert scene.mask[scene.parts > 0].mean() == pytest.approx(coverage, abs=0.03)


@pytest.mark.parametrize("asked", [(0.0, 0.1), (0.1, 0.2), (0.2, 0.35), (0.35, 0.5)])
def test_coverage_follows_the_asked_range(asked, heads):
    found = [draw_occluder(heads[k % 3], np.random.default_rng([k, 1]), asked)[2] for k in range(12)]
    assert np.mean([asked[0] <= share <= asked[1] for share in found]) >= 0.9
    assert min(found) > asked[0] - 0.05
    assert max(found) < asked[1] + 0.05


def test_what_no_family_reaches_is_refused(heads):
    with pytest.raises(ValueError, match="covers"):
        draw_occluder(heads[0], np.random.default_rng(0), (0.4, 0.5), names=["glasses"])


@pytest.mark.parametrize("placements", ["PALMS", "FINGERS"])
def test_hands_touch_the_face_and_stay_outside(placements, heads):
    hand = hand_mesh()
    floating = []
    for k, placement in enumerate(getattr(hands, placements)):
        head = heads[k % 3]
        only = hands._hands(Wearer(head), np.random.default_rng(k), (placement,), both=0.0)
        vertices = only(1.0)[0].vertices[hand.fingers >= -1].astype(float)
        normals = vertex_normals(head)
        outside = np.flatnonzero(head.regions != 8)  # not the inside of the mouth
        distance, nearest = cKDTree(head.vertices[outside]).query(vertices)
        nearest = outside[nearest]
        depth = -np.einsum("vc,vc->v", vertices - head.vertices[nearest], normals[nearest])
        touching = (distance < 12) & ~np.isin(head.regions[nearest], [2, 5])  # eyes and ears have hollows
        assert depth[touching].max() < 1.0, placement
        floating.append(np.abs(depth[distance < 12]).min())
        assert (np.abs(depth[distance < 6]) < 3).sum() >= 8, placement  # a patch, not a point
    assert max(floating) < 1


def vertex_normals(head):
    a, b, c = (head.vertices[head.faces[:, k]].astype(float) for k in range(3))
    total = np.zeros(head.vertices.shape)
    for k in range(3):
        np.add.at(total, head.faces[:, k], np.cross(b - a, c - a))
    return total / np.linalg.norm(total, axis=1, keepdims=True)


@pytest.mark.parametrize("name", ["surgical_mask", "cloth_mask", "scarf"])
def test_no_nose_or_lip_comes_through_a_mask(name, heads):
    for seed, head in enumerate(heads):
        surfaces = FAMILIES[name].style(Wearer(head), np.random.default_rng(seed))(0.9)
        scene = photograph(head, surfaces)
        assert not (scene.parsing == LIPS).any()
        seen = (scene.parsing == NOSE).sum() / (scene.parts == NOSE).sum()
        assert seen < 0.5  # the bridge
        assert scene.mask[(scene.parts == LIPS)].min() > 0.95


def test_hair_goes_under_a_hat_and_stays_as_it_is_elsewhere(heads):
    head = heads[0]
    wearer = Wearer(head)
    hat = FAMILIES["hat"].style(wearer, np.random.default_rng(0))(0.5)
    longitude, latitude = np.meshgrid(np.linspace(-170, 170, 60), np.linspace(-60, 80, 40))
    curls = wearer.globe.over(
        longitude, latitude, 5.0 + 40 * np.random.default_rng(0).random(longitude.shape)
    )
    hair = Surface(**shapes.sheet(curls)._asdict() | {"vertices": curls.reshape(-1, 3).astype(np.float32)})
    (pressed,) = press_hair([hair], hat, head)
    moved = np.abs(pressed.vertices - hair.vertices).max(1) > 0.01  # mm
    radius = np.linalg.norm(pressed.vertices - wearer.globe.centre, axis=1)
    skin = np.linalg.norm(
        wearer.globe.over(longitude, latitude, taut=False) - wearer.globe.centre, axis=-1
    ).ravel()
    top = latitude.ravel() > 60
    assert moved[top].mean() > 0.95
    assert (radius - skin)[top].max() < 20
    assert (radius - skin).min() > -0.5
    assert not moved[latitude.ravel() < -10].any()


def test_clear_glasses_leave_the_eyes_to_be_seen_and_sunglasses_do_not(heads):
    masks = {}
    for name in ("glasses", "sunglasses"):
        scenes = [photograph(head, FAMILIES[name].draw(head, np.random.default_rng(4))[0]) for head in heads]
        masks[name] = np.mean([scene.mask[scene.parts == EYES].mean() for scene in scenes])
    assert masks["glasses"] < 0.25
    assert masks["sunglasses"] > 0.75


def test_glasses_rest_on_the_face_without_entering_it(heads):
    for seed, head in enumerate(heads):
        wearer = Wearer(head)
        frame = FAMILIES["glasses"].style(wearer, np.random.default_rng(seed))(0.5)[0].vertices
        front = frame[frame[:, 2] > head.landmarks[36:48, 2].min()]
        gaps = wearer.height_map(np.array([0, 0, 1.0])).gaps(front)
        assert gaps.min() > -2
        assert gaps.min() < 4


def test_a_globe_finds_the_radius_of_a_ball_again():
    mesh = shapes.ball(80.0, 60, 90)
    globe = Globe(
        mesh.vertices + [3, 4, 5], mesh.faces, np.ones(len(mesh.vertices), bool), np.array([3.0, 4, 5])
    )
    points = globe.over(np.linspace(-170, 170, 30), np.linspace(-70, 70, 30), 2.0)
    np.testing.assert_allclose(np.linalg.norm(points - [3, 4, 5], axis=1), 82, atol=0.5)
    angles = globe.angles(points)
    np.testing.assert_allclose(angles[:, 0], np.linspace(-170, 170, 30), atol=1e-6)


def test_facing_axes_are_a_rotation():
    axes = facing(np.array([0.5, 0.2, 0.9]), np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)
