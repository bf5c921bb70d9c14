"""What is worn: it follows the head that wears it, and nothing else."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from occlib import assets
from occlib.data import props
from occlib.data.heads import head_model
from occlib.errors import MissingAssetError
from tests.data.people_fixtures import head

BLINK, SHOUT = ("eyeBlinkLeft", "eyeBlinkRight"), ("jawOpen", "browInnerUp")


def height(wearer, points):
    """(N,) mm above the skin of a head, along its normals."""
    skin = np.flatnonzero(head_model().parts == 0)
    near = skin[cKDTree(wearer.vertices[skin]).query(points)[1]]
    return ((points - wearer.vertices[near]) * wearer.normals[near]).sum(1)


@pytest.fixture(scope="module")
def modelled_on():
    """A head whose anchors lie where hair and bust were modelled."""
    model = head_model()
    return model.geometry(np.zeros(80), np.zeros(64), model.albedo(np.zeros(80)))


def test_hair_follows_identity_and_not_expression():
    calm, shouting, other = head(0), head(0, *SHOUT), head(1)
    assert np.abs(calm.vertices - shouting.vertices).max() > 10
    np.testing.assert_array_equal(calm.shift, shouting.shift)
    hair = props.hair("short01")
    assert np.abs(hair.on(calm.shift) - hair.on(other.shift)).max() > 2


@pytest.mark.parametrize("style", props.HAIR)
def test_hair_stays_attached_to_any_head(style, modelled_on):
    """What lies close to the head's skin on one head does so on all."""
    hair = props.hair(style)
    points = hair.on(modelled_on.shift)
    before = height(modelled_on, points)
    close = (np.abs(before) < 12) & (points[:, 1] > -40)  # not what hangs down behind
    assert close.sum() > 200
    for seed in range(3):
        wearer = head(seed)
        change = np.abs(height(wearer, hair.on(wearer.shift)) - before)[close]
        assert change.mean() < 1 and np.quantile(change, 0.99) < 6


@pytest.mark.parametrize("style", props.HAIR)
def test_hair_that_would_hide_the_eyes_is_cut_off(style):
    hair = props.hair(style)
    assert (hair.kept == 1).mean() > 0.3
    for seed in range(3):
        wearer, points = head(seed), hair.on(head(seed).shift)
        eyes = wearer.landmarks[36:48]
        beside = np.linalg.norm(points[:, None, :2] - eyes[:, :2], axis=-1).min(1)
        before_eyes = (beside < 8) & (points[:, 2] > eyes[:, 2].mean() - 10)
        assert not hair.kept[before_eyes].any()


def test_hair_moves_with_a_head_that_moves_as_a_whole():
    shift = np.tile([3.0, -2.0, 5.0], (160, 1))
    for name in ("afro01", "long01"):
        hair = props.hair(name)
        np.testing.assert_allclose(hair.on(shift), hair.rest + [3, -2, 5], atol=1e-9)
    bust = props.bust()
    np.testing.assert_allclose(bust.on(shift), bust.rest + [3, -2, 5], atol=1e-9)


def test_mirrored_hair_is_the_other_way_round():
    hair, none = props.hair("short02"), np.zeros((160, 3))
    np.testing.assert_array_equal(hair.on(none, mirrored=True), hair.on(none) * [-1, 1, 1])
    wide = np.abs(props.anchor_rest()) * [0.1, 0, 0] * np.sign(props.anchor_rest())  # a head 10 % wider
    change = hair.on(wide, mirrored=True) - hair.on(none, mirrored=True)
    side = np.sign(hair.on(none, mirrored=True)[:, 0])
    assert (side * change[:, 0])[np.abs(hair.rest[:, 0]) > 40].min() > 0


def test_textures_are_grey_hair_with_opacity():
    for name in props.HAIR:
        hair = props.hair(name)
        light, opacity = hair.texture[..., 0].astype(float), hair.texture[..., 3]
        assert opacity.min() == 0 and opacity.max() > 250
        assert 125 < light[opacity > 128].mean() < 180
        np.testing.assert_array_equal(hair.texture[..., 0], hair.texture[..., 2])
        assert hair.faces.max() == len(hair.rest) - 1


@pytest.mark.parametrize("name", props.LASHES)
def test_lashes_blink_with_the_lids(name):
    lashes, open_eyes, shut = props.lashes(name), head(0), head(0, *BLINK)
    before, after = lashes.on(open_eyes.vertices), lashes.on(shut.vertices)
    lids = [wearer.vertices[head_model().parts == 0] for wearer in (open_eyes, shut)]
    for points, lid in zip((before, after), lids, strict=True):
        assert np.quantile(cKDTree(lid).query(points)[0], 0.5) < 4
    drop = before[:, 1] - after[:, 1]
    upper = before[:, 1] > open_eyes.landmarks[[36, 39, 42, 45], 1].mean()
    assert drop.max() > 10 and np.median(drop[upper]) > 2  # upper lashes come down
    assert np.abs(drop[~upper]).mean() < drop[upper].mean()


def test_lashes_are_on_both_eyes_and_look_forward():
    for name in props.LASHES:
        lashes, wearer = props.lashes(name), head(2)
        points = lashes.on(wearer.vertices)
        assert 0.4 < (points[:, 0] > 0).mean() < 0.6
        assert points[:, 2].min() > wearer.vertices[:, 2].max() - 60
        assert 0 < lashes.opacity.mean() < 60 and lashes.opacity.max() == 255


def test_anchors_have_mirror_images():
    rest, mirror = props.anchor_rest(), props.anchor_mirror()
    away = np.linalg.norm(rest[mirror] * [-1, 1, 1] - rest, axis=1)
    assert np.median(away) < 8 and away.max() < 20


def test_the_sex_axis_makes_jaws_wider():
    model, axis = head_model(), props.bust().sex_axis
    assert np.linalg.norm(axis) == pytest.approx(1)
    jaws = []
    for sign in (-2, 2):
        _, vertices = model.shape(sign * axis, np.zeros(64))
        marks = vertices[model.arrays.landmarks]
        jaws.append(marks[12, 0] - marks[4, 0])
    assert jaws[1] > jaws[0] + 1


def test_a_missing_file_names_its_recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "root", lambda: tmp_path)
    for name, recipe in (
        ("hair", "bake_props.py"),
        ("skin", "bake_props.py"),
        ("backgrounds", "bake_backgrounds.py"),
    ):
        with pytest.raises(MissingAssetError, match=recipe):
            props._file.__wrapped__(name)
