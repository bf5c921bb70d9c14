"""Painted skin and eyes: everything where it grows, and nothing elsewhere."""

import dataclasses

import numpy as np
import pytest

from occlib.data import props
from occlib.data.skin import (
    BEARDS,
    EYE_SIDE,
    IRIS,
    UNIT,
    WRINKLES,
    Eye,
    Skin,
    brow_labels,
    paint_eye,
    paint_face,
    teeth_texture,
)  # fmt: skip

PLAIN = Skin(
    wrinkles=np.zeros(5), beard=np.zeros(3), freckles=0.0, blotches=0.0, pores=0.0, brow=0, brow_strength=0.0,
    beard_color=np.full(3, 0.1), brow_color=np.full(3, 0.1), moles=np.zeros((0, 4)),
    offset=np.zeros(2, np.int64),
)  # fmt: skip
COLOR = np.array([0.8, 0.6, 0.5])


def painted(**changes):
    texture, bump = paint_face(dataclasses.replace(PLAIN, **changes), COLOR)
    return texture.astype(int), bump.astype(int)


def only(names, name):
    """One of several kinds at full strength."""
    return np.array([1.0 * (one == name) for one in names])


@pytest.fixture(scope="module")
def plain():
    """Lips are always furrowed; all else is what the tests ask for."""
    return painted()[0]


def test_plain_skin_is_the_albedo_but_for_the_lips():
    texture, bump = painted()
    skin = props.skin_maps()["lips"] == 0
    assert (texture[skin] == UNIT).all() and (bump[skin] == 128).all()
    assert texture[~skin].std() > 1 and abs(texture[~skin].mean() - UNIT) < 5


@pytest.mark.parametrize("name", BEARDS)
def test_beards_grow_where_beards_grow(name, plain):
    texture, _ = painted(beard=only(BEARDS, name))
    density, changed = props.skin_maps()[f"beard/{name}"], (texture != plain).any(-1)
    assert not changed[density == 0].any()
    assert texture[density > 200].mean() < 0.7 * UNIT  # dark hair on this skin
    rows = np.flatnonzero(changed.any(1))
    assert rows.min() > (0.33 if name == "jaw" else 0.5) * len(
        texture
    )  # below the nose; the jaw's to the ears
    assert changed.mean() < 0.35


def test_lips_and_brows_have_no_beard(plain):
    lips = props.skin_maps()["lips"]
    texture, _ = painted(beard=np.ones(3))
    np.testing.assert_array_equal(texture[lips > 200], plain[lips > 200])
    top, bottom, left, right = props.skin_maps()["brow_window"]
    assert (texture[top:bottom, left:right] == UNIT).mean() > 0.99


def test_wrinkles_are_furrows():
    for name in WRINKLES:
        texture, bump = painted(wrinkles=only(WRINKLES, name))
        depth, lips = (props.skin_maps()[kind] for kind in (f"wrinkles/{name}", "lips"))
        assert (bump[(depth == 0) & (lips == 0)] == 128).all() and bump[depth > 100].max() < 128
        assert texture[depth > 100].max() < UNIT


def test_foreheads_are_wrinkled_above_brows_and_mouths_below():
    maps = props.skin_maps()
    middle = {name: np.average(np.arange(704), weights=maps[f"wrinkles/{name}"].sum(1)) for name in WRINKLES}
    assert middle["forehead"] < middle["frown"] < middle["eyes"] < middle["mouth"]


def test_freckles_are_brown(plain):
    texture, _ = painted(freckles=1.0)
    where = props.skin_maps()["freckles"] > 150
    red, green, blue = texture[where].mean(0)
    assert blue < green < red < UNIT
    elsewhere = props.skin_maps()["freckles"] == 0
    np.testing.assert_array_equal(texture[elsewhere], plain[elsewhere])


@pytest.mark.parametrize("brow", range(12))
def test_brows_are_drawn_where_they_are_labelled(brow, plain):
    texture, _ = painted(brow=brow, brow_strength=1.0)
    area, dark = brow_labels(brow), (texture < 0.8 * plain).any(-1)
    assert dark.sum() > 500
    assert (dark & area).sum() > 0.85 * dark.sum()
    assert 0.002 < area.mean() < 0.015
    halves = area[:, :320].sum(), area[:, 320:].sum()
    assert min(halves) > 0.7 * max(halves)  # one for each eye


def test_a_mole_is_where_it_is_said_to_be(plain):
    texture, _ = painted(moles=np.array([[300.0, 200.0, 2.0, 0.8]]))
    rows, columns = np.nonzero((texture != plain).any(-1))
    assert len(rows) > 8
    assert np.abs(rows - 300).max() <= 3 and np.abs(columns - 200).max() <= 3
    assert texture[300, 200].max() < 0.5 * UNIT
    painted(moles=np.array([[-1.0, 0.0, 2.0, 0.8], [703.0, 639.0, 2.4, 0.8]]))  # at the border: no error


def test_pores_and_blotches_keep_the_colour_on_average():
    texture, bump = painted(pores=1.0, blotches=1.0)
    np.testing.assert_allclose(texture.mean((0, 1)), UNIT, atol=3)
    assert texture.std() > 3 and bump.std() > 1


def test_the_same_skin_is_the_same_bytes():
    for seed in range(2):
        rng = np.random.default_rng(seed)
        skin = dataclasses.replace(
            PLAIN, wrinkles=rng.random(5), beard=rng.random(3), freckles=0.5, blotches=0.5, pores=0.5, brow=3,
            brow_strength=1.2, offset=rng.integers(0, 256, 2),
        )  # fmt: skip
        first, second = paint_face(skin, COLOR), paint_face(skin, COLOR)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def eye(**changes):
    blue, ring = np.array([0.2, 0.35, 0.6]), np.array([0.3, 0.4, 0.6])
    window = np.array([0.3, -0.3, 0.2, 0.0])
    values = {
        "iris": blue,
        "ring": ring,
        "pupil": 0.35,
        "redness": 0.0,
        "offset": np.zeros(2, np.int64),
        "catchlight": window,
    }
    return paint_eye(Eye(**(values | changes))).astype(int)


def ring_of(picture, low, high):
    """Mean colour between two radii, in radii of the iris."""
    at = (np.arange(EYE_SIDE) + 0.5) / EYE_SIDE * 2 - 1
    radius = np.hypot(*np.meshgrid(at, at)) / IRIS
    return picture[(radius >= low) & (radius < high)].mean(0)


def test_an_eye_is_pupil_iris_and_white():
    picture = eye()
    assert ring_of(picture, 0, 0.25).max() < 20
    red, _, blue = ring_of(picture, 0.6, 0.85)
    assert blue > 1.5 * red
    white = ring_of(picture, 1.15, 1.5)
    assert white.min() > 150 and np.ptp(white) < 30
    assert ring_of(picture, 0.9, 0.97).mean() < ring_of(picture, 0.5, 0.7).mean()  # a dark rim


def test_pupils_widen_whites_redden_and_windows_shine():
    assert ring_of(eye(pupil=0.5), 0.38, 0.42).mean() < 0.5 * ring_of(eye(pupil=0.26), 0.38, 0.42).mean()
    calm, red = (ring_of(eye(redness=r), 1.2, 2.4) for r in (0.0, 1.0))
    assert red[0] - red[1] > calm[0] - calm[1] + 10
    bright = eye(catchlight=np.array([0.3, -0.3, 0.2, 1.0])) - eye()
    rows, columns = np.nonzero(bright.sum(-1) > 60)
    assert (rows.mean() + 0.5) / EYE_SIDE * 2 - 1 == pytest.approx(-0.3 * IRIS, abs=0.03)
    assert (columns.mean() + 0.5) / EYE_SIDE * 2 - 1 == pytest.approx(0.3 * IRIS, abs=0.03)


def test_gaps_between_teeth_are_darker_and_symmetric():
    texture = teeth_texture().astype(int)
    np.testing.assert_array_equal(texture, texture[:, ::-1])
    assert texture.max() == 255 and texture.min() < 235
    for half in (texture[4], texture[12]):
        assert half[255].min() < 235  # between the two front teeth
    assert (texture[4] != texture[12]).any()
