"""Shots: framing, light, poses; and the darkroom, where clean and occluded photos must stay alike."""

import dataclasses

import numpy as np
import pytest
import torch

from occlib.data.backgrounds import draw_background
from occlib.data.photography import (
    FOREHEAD,
    develop,
    draw_shot,
    lighting_coefficients,
    orthographic_pose,
)
from occlib.data.scene import Light, Surface, render_scene
from occlib.morphable import MorphableModel
from occlib.rendering import LAMBERT, Camera, sh_basis

SIZE = 128


@pytest.fixture(scope="module")
def head():
    model = MorphableModel.load()
    vertices = model.shape(torch.zeros(1, 80), torch.zeros(1, 64))[0].numpy()
    parts = np.array([1, 2, 3, 4, 5, 0, 0, 0, 5], np.uint8)[model.regions.numpy()]
    faces = model.faces.numpy()
    color = model.albedo_mean.numpy().clip(0, 1)
    surface = Surface(vertices, faces, color=color, label=parts[faces[:, 0]], translucency=1.0, is_head=True)
    return surface, vertices[model.landmark_indices.numpy()]


def bar():
    """A bar across the mouth."""
    x, y, z = 45.0, 8.0, 62.0
    vertices = np.float32([[-x, -70 - y, z], [x, -70 - y, z], [x, -70 + y, z], [-x, -70 + y, z]])
    color = np.full((4, 3), 0.3, np.float32)
    return Surface(vertices, np.array([[0, 1, 2], [0, 2, 3]]), color=color, two_sided=True, occluder=True)


def take(head, seed, size=SIZE, **effects):
    surface, landmarks = head
    shot = draw_shot(np.random.default_rng(seed), size, landmarks)
    shot = dataclasses.replace(shot, effects=dataclasses.replace(shot.effects, **effects))
    camera = shot.camera
    posed = [s.posed(camera.rotation, camera.translation) for s in (surface, bar())]
    scene = render_scene(posed, shot.light, camera, size)
    return scene, shot, develop(scene, shot, np.random.default_rng(seed + 1))


def test_faces_are_framed_as_aligned_photos_are(head):
    _, landmarks = head
    rolls, sides, centres, yaws, distances = [], [], [], [], []
    for seed in range(200):
        shot = draw_shot(np.random.default_rng(seed), 32, landmarks)
        points = shot.camera.project(landmarks.astype(float), 1)
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        low[1] -= FOREHEAD * (high[1] - low[1])
        sides.append((high - low).max())
        centres.append((low + high) / 2)
        eyes = points[45] - points[36]
        rolls.append(np.rad2deg(np.arctan2(eyes[1], eyes[0])))
        yaws.append(np.rad2deg(shot.angles[1]))
        distances.append(points[:, 2].mean())
    assert abs(np.mean(sides) - 2 / 3) < 0.01
    assert 0.02 < np.std(sides) < 0.04
    assert np.abs(np.mean(centres, 0) - 0.5).max() < 0.01
    assert np.abs(np.array(centres) - 0.5).max() < 0.06
    assert abs(np.mean(rolls)) < 0.6
    assert 1 < np.std(rolls) < 3
    assert np.abs(yaws).max() <= 60
    assert 0.5 < (np.abs(yaws) < 15).mean() < 0.8
    assert (np.abs(yaws) > 30).mean() > 0.05
    assert min(distances) > 300


def test_a_shot_is_the_same_for_the_same_seed_and_another_for_another(head):
    _, landmarks = head
    first, second, other = (draw_shot(np.random.default_rng(seed), SIZE, landmarks) for seed in (3, 3, 4))
    assert first.background.tobytes() == second.background.tobytes()
    np.testing.assert_array_equal(first.light.lighting, second.light.lighting)
    np.testing.assert_array_equal(first.camera.rotation, second.camera.rotation)
    assert not np.array_equal(first.camera.rotation, other.camera.rotation)


def test_the_scaled_orthographic_pose_is_near_the_perspective_picture(head):
    _, landmarks = head
    for seed in range(10):
        shot = draw_shot(np.random.default_rng(seed), SIZE, landmarks)
        pose = orthographic_pose(shot.camera, landmarks, SIZE)
        flat = Camera(torch.from_numpy(pose)[None], SIZE).project(torch.from_numpy(landmarks)[None])[0, :, :2]
        error = flat.numpy() - shot.camera.project(landmarks.astype(float), SIZE)[:, :2]
        assert np.sqrt(np.square(error).sum(-1).mean()) < 0.015 * SIZE
        assert np.abs(pose[:3] - shot.angles).max() < 0.2


@pytest.mark.parametrize(
    "effects",
    [
        {"blur": 0.0, "motion": np.zeros(2), "sharpen": 0.0},
        {"blur": 2.0, "motion": np.array([5.0, -3.0]), "sharpen": 1.0, "quality": 30},
        {"grey": True, "read": 0.05, "shot": 0.05, "sharpen": -0.8},
    ],
)
def test_clean_and_occluded_photos_are_equal_wherever_mask_and_shadow_are_zero(head, effects):
    for seed in range(4):
        scene, _, photo = take(head, seed, **effects)
        differs = (photo.image != photo.clean).any(-1)
        outside = (photo.mask == 0) & (photo.shadow == 0)
        assert not (differs & outside).any()
        assert outside.mean() > 0.3
        # And nothing of the occluder is lost: where it covers a pixel the mask says so and the photo changed.
        whole = scene.mask == 1
        assert photo.mask[whole].mean() > 200
        assert differs[whole].mean() > 0.9


def test_a_photo_is_the_same_bytes_for_the_same_seed(head):
    (*_, first), (*_, second) = take(head, 7), take(head, 7)
    for name, array in vars(first).items():
        assert array.tobytes() == getattr(second, name).tobytes(), name


def test_grey_photos_are_grey_and_others_are_not(head):
    *_, grey = take(head, 5, grey=True)
    *_, coloured = take(head, 5, grey=False)
    spread = [(np.ptp(x.image.astype(int), axis=-1)).mean() for x in (grey, coloured)]
    assert spread[0] < 1.5 < 5 < spread[1]


def test_noise_has_the_deviation_asked_for(head):
    """On a middle grey, sRGB 128: linear 0.25, and d sqrt(x) = dx / (2 sqrt(x)), so 0.02 becomes 255 x
    0.02."""
    quiet = {"blur": 0.0, "motion": np.zeros(2), "sharpen": 0.0, "vignette": 0.0, "contrast": 1.0}
    quiet |= {"saturation": 1.0, "quality": 100, "grey": False, "balance": np.ones(3), "gain": 1.0}
    quiet["black"] = 0.0
    scene, shot, _ = take(head, 0)
    flat = np.full((SIZE, SIZE, 3), 128, np.uint8)
    shot = dataclasses.replace(
        shot, background=flat, effects=dataclasses.replace(shot.effects, **quiet, read=0.02, shot=0.0)
    )
    empty = dataclasses.replace(
        scene, clean=scene.clean * 0, occluded=scene.clean * 0, clean_alpha=scene.clean_alpha * 0,
        occluded_alpha=scene.clean_alpha * 0, parts=scene.parts * 0,
    )  # fmt: skip
    photo = develop(empty, shot, np.random.default_rng(0))
    green = photo.clean[..., 1].astype(float)
    gain = 0.95  # of a picture without a face
    assert abs(green.mean() - 255 * np.sqrt(0.252 * gain)) < 2
    assert abs(green.std() - 255 * 0.02 / 2 / np.sqrt(0.252 * gain)) < 0.4


def test_lighting_of_even_light_is_its_root():
    even = Light(np.array([0.49 * np.sqrt(4 * np.pi)] + [0.0] * 8), np.array([0.0, 0.0, 1.0]), np.zeros(3))
    root = np.array([np.sqrt(4 * np.pi)] + [0.0] * 8)
    np.testing.assert_allclose(lighting_coefficients(even, gain=1.0), 0.7 * root, atol=1e-5)
    np.testing.assert_allclose(lighting_coefficients(even, gain=4.0), 1.4 * root, atol=1e-5)


def test_lighting_follows_lamp_and_sky():
    light = Light(
        np.array([2.0, 0.4, 0.1, 0, 0, 0, 0, 0, 0] * 3), np.array([0.8, 0.0, 0.6]), np.array([0.6, 0.6, 0.6])
    )
    directions = torch.tensor([[0.8, 0.0, 0.6], [-0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    basis = (sh_basis(directions) * torch.tensor(LAMBERT)).numpy()
    lit, away, above, below = basis @ lighting_coefficients(light)
    exact = np.sqrt((basis @ light.lighting[:9])[0] + 0.6)
    assert abs(lit - exact) < 0.08
    assert lit > away + 0.2
    assert above > below


def test_backgrounds_are_never_one_colour_and_seldom_alike():
    pictures = [draw_background(np.random.default_rng(seed), 64) for seed in range(60)]
    assert all(p.shape == (64, 64, 3) and p.dtype == np.uint8 for p in pictures)
    spread = [p.reshape(-1, 3).astype(float).std(0).mean() for p in pictures]
    assert min(spread) > 2
    means = np.array([p.reshape(-1, 3).mean(0) for p in pictures])
    assert means.std(0).min() > 25
