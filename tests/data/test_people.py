"""People: what goes together in one, what hides what, the same from the same seeds."""

import dataclasses
import hashlib

import numpy as np
import pytest

from occlib.data import people, props
from occlib.data.heads import BROWS, EYES, LIPS, NOSE
from occlib.data.people import (
    BALD,
    FRINGES,
    HELD_OUT_HAIR,
    TRAINING_HAIR,
    Looks,
    draw_looks,
    draw_skin,
    draw_style,
)
from occlib.data.scene import Light, Pinhole, render_scene
from tests.data.people_fixtures import FACE, GARMENT, LASHES, LEFT_EYE, NECK, RIGHT_EYE, head, person

LIGHT = Light(np.array([2.5] + 8 * [0.0]), np.array([0.0, 0.0, 1.0]), np.full(3, 0.4))
CAMERA = Pinhole(focal=2.6, rotation=np.eye(3), translation=np.array([0.0, 20.0, -800.0]))


def digest(surfaces):
    total = hashlib.sha256()
    for surface in surfaces:
        for field in dataclasses.fields(surface):
            value = getattr(surface, field.name)
            total.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return total.hexdigest()


def picture(surfaces, size=128):
    """From the front."""
    posed = [surface.posed(CAMERA.rotation, CAMERA.translation) for surface in surfaces]
    return render_scene(posed, LIGHT, CAMERA, size)


def looks(**changes):
    return Looks(
        **({"male": True, "age": 0.3, "tone": 0.7, "hair_color": np.full(3, 0.2), "grey": 0.0} | changes)
    )


def rngs(count):
    return (np.random.default_rng(seed) for seed in range(count))


def test_the_same_seeds_give_the_same_bytes():
    one, again = (people.draw_person(np.random.default_rng(7), np.random.default_rng(8)) for _ in range(2))
    assert digest(one.surfaces) == digest(again.surfaces)
    assert digest(one.surfaces) != digest(person(0).surfaces)


def test_a_mood_changes_the_face_and_nothing_else():
    calm, other = person(3, mood=0), person(3, mood=5)
    for name in ("identity", "texture", "hair_color"):
        np.testing.assert_array_equal(getattr(calm, name), getattr(other, name))
    assert calm.style == other.style and digest(calm.hair) == digest(other.hair)
    assert (calm.expression != other.expression).any()
    for part in (FACE, LASHES):
        assert (calm.body[part].vertices != other.body[part].vertices).any()
        np.testing.assert_array_equal(calm.body[part].color, other.body[part].color)
    assert np.abs(calm.body[NECK].vertices - other.body[NECK].vertices)[-96:].max() < 3  # the chest stays


def test_labels_of_a_face_are_where_its_parts_are():
    """Seen from the front, each part's middle is near its landmarks'."""
    for seed in range(3):
        one = person(seed)
        parts = picture([*one.body]).parts
        marks = CAMERA.project(one.head.landmarks, 128)[:, :2]
        for label, points in (
            (BROWS, marks[17:27]),
            (EYES, marks[36:48]),
            (NOSE, marks[27:36]),
            (LIPS, marks[48:60]),
        ):
            rows, columns = np.nonzero(parts == label)
            assert len(rows) > 20
            middle = np.array([columns.mean(), rows.mean()]) + 0.5
            assert np.abs(middle - points.mean(0)).max() < 4
            low, high = points.min(0) - 6, points.max(0) + 6
            at = np.stack([columns, rows], 1) + 0.5
            assert ((at > low) & (at < high)).all(1).mean() > 0.95
        np.testing.assert_array_equal(np.unique(one.body[RIGHT_EYE].label), [EYES])


@pytest.mark.parametrize("style", FRINGES)
def test_hair_hides_no_part_of_the_face_unless_it_is_a_fringe(style):
    one = person(1)
    bald = picture(one.body)
    worn = people.hair_surfaces(style, one.head, one.hair_color, np.random.default_rng(0))
    combed = picture([*one.body, *worn])
    for label in (EYES, NOSE, LIPS):
        np.testing.assert_array_equal(combed.parts == label, bald.parts == label)
    assert combed.mask.max() == 0
    fringe = people.hair_surfaces(style, one.head, one.hair_color, np.random.default_rng(0), fringe=True)
    over = picture([*one.body, *fringe])
    assert over.mask.sum() > 3
    np.testing.assert_array_equal(over.parts, bald.parts)


def test_hair_is_of_its_style_and_colour():
    one = person(0)
    for rng, name in zip(rngs(10), props.HAIR, strict=True):
        (hair,) = people.hair_surfaces(name, one.head, one.hair_color, rng)
        assert hair.hair and hair.two_sided and not hair.occluder
        np.testing.assert_array_equal(hair.color[:, 3], props.hair(name).kept)
        shown = hair.color[:, :3] * 150 / 255
        assert (np.abs(shown.mean(0) / one.hair_color - 1) < 0.3).all()
    assert people.hair_surfaces(BALD, one.head, one.hair_color, np.random.default_rng(0)) == []


def test_training_never_shows_the_held_out_styles():
    assert not set(TRAINING_HAIR) & set(HELD_OUT_HAIR) and len(HELD_OUT_HAIR) == 2
    assert {*TRAINING_HAIR, *HELD_OUT_HAIR} == {BALD, *props.HAIR}
    drawn = {draw_style(rng, looks(male=bool(k % 2)), TRAINING_HAIR) for k, rng in enumerate(rngs(150))}
    assert drawn <= set(TRAINING_HAIR) and len(drawn) >= 7


def test_men_are_bald_at_times_women_seldom_and_afros_are_dark():
    drawn = {
        (male, tone): [draw_style(rng, looks(male=male, tone=tone), (BALD, *props.HAIR)) for rng in rngs(200)]
        for male in (True, False) for tone in (0.2, 0.8)
    }  # fmt: skip
    assert 10 < drawn[True, 0.8].count(BALD) < 60
    assert drawn[False, 0.8].count(BALD) < 10
    assert drawn[True, 0.2].count("afro01") > 5 and drawn[False, 0.8].count("afro01") == 0
    short = {key: sum(style.startswith("short") for style in styles) for key, styles in drawn.items()}
    assert short[True, 0.8] > 2 * short[False, 0.8]


def test_beards_are_mens():
    assert not any(draw_skin(rng, looks(male=False)).beard.any() for rng in rngs(50))
    beards = np.array([draw_skin(rng, looks()).beard for rng in rngs(300)])
    assert (beards.max(1) < 0.1).mean() > 0.15  # shaved
    assert 0.05 < (beards[:, 2] > 0.7).mean() < 0.2  # full
    moustache_only = (beards[:, 0] > 0.7) & (beards[:, 1:] < 0.5).all(1)
    assert 0.01 < moustache_only.mean() < 0.12


def test_age_brings_wrinkles_and_grey_hair():
    young, old = ([draw_skin(rng, looks(age=age)).wrinkles.sum() for rng in rngs(40)] for age in (0.1, 0.9))
    assert np.mean(old) > 5 * np.mean(young)
    for rng in rngs(20):
        wrinkles = draw_skin(rng, looks(age=0.9)).wrinkles
        assert wrinkles[:2].min() == 0 and wrinkles.max() <= 1  # of two kinds of lines on a forehead, one
    drawn = [draw_looks(rng, np.zeros(80), np.array([0.75, 0.6, 0.52])) for rng in rngs(400)]
    assert not any(one.grey for one in drawn if one.age < 0.25)
    assert np.mean([one.grey for one in drawn if one.age > 0.7]) > 0.4
    silver = [one.hair_color for one in drawn if one.grey == 1]
    assert silver and np.ptp(silver, axis=1).max() < 0.06


def test_skin_hair_and_eyes_go_together():
    pale, dark = np.array([0.80, 0.64, 0.56]), np.array([0.36, 0.24, 0.18])
    by_tone = {
        name: [draw_looks(rng, np.zeros(80), color) for rng in rngs(200)]
        for name, color in (("pale", pale), ("dark", dark))
    }  # fmt: skip
    hair = {
        name: np.array([one.hair_color.mean() for one in group if not one.grey])
        for name, group in by_tone.items()
    }
    assert (hair["dark"] < 0.2).mean() > 0.9
    assert (hair["pale"] > 0.2).mean() > 0.4 and hair["pale"].std() > 2 * hair["dark"].std()

    def blue_irises(tone):
        """How many of 40 have more blue than red in the iris."""
        rims = [
            people._eyes(head(0), looks(tone=tone), rng)[0].texture[56, 56 + 17 : 56 + 20].mean(0)
            for rng in rngs(40)
        ]
        return sum(rim[2] > rim[0] for rim in rims)

    assert blue_irises(0.3) == 0 and 5 < blue_irises(0.95) < 30
    freckled = [draw_skin(rng, looks(tone=0.02)).freckles > 0 for rng in rngs(100)]
    assert sum(freckled) < 5 < sum(draw_skin(rng, looks(tone=0.9)).freckles > 0 for rng in rngs(100))


def test_both_eyes_are_alike_and_brows_are_as_hair():
    for seed in range(3):
        one = person(seed)
        np.testing.assert_array_equal(one.body[RIGHT_EYE].texture, one.body[LEFT_EYE].texture)
    for rng in rngs(20):
        skin = draw_skin(rng, looks(hair_color=np.array([0.15, 0.11, 0.09])))
        assert (skin.brow_color <= 0.15).all() and 0 <= skin.brow < 12


def test_masculine_faces_are_mens():
    axis, pale = props.bust().sex_axis, np.full(3, 0.6)
    men = {s: np.mean([draw_looks(rng, s * axis, pale).male for rng in rngs(100)]) for s in (-1.5, 0, 1.5)}
    assert men[-1.5] < 0.1 and 0.3 < men[0] < 0.7 and men[1.5] > 0.9


def test_lashes_are_thin_and_clothes_are_on():
    one = person(0)
    lashes = one.body[LASHES]
    assert lashes.transparent and not lashes.casts_shadow and lashes.color[:, 3].max() <= 1
    assert one.body[GARMENT].vertices[:, 1].min() < -250
    assert not any(surface.occluder for surface in one.surfaces)
    assert [surface.is_head for surface in one.body[:6]] == 6 * [True]


def test_brows_painted_in_the_albedo_are_gone():
    """They are drawn hair by hair: below them the skin is plain."""
    model = people.head_model()
    albedo = model.albedo(np.zeros(80))
    bare = people._haired(albedo, looks(), BALD, np.random.default_rng(0))
    brows = props.skin_maps()["fill/vertices"]
    skin = albedo[model.cheeks].mean(0)
    assert np.abs(bare[brows] - skin).max() < np.abs(albedo[brows] - skin).max()
    assert (bare[brows].mean(0) > albedo[brows].mean(0)).all()
    scalp = props.skin_maps()["hairline"] > 20
    hairy = people._haired(albedo, looks(hair_color=np.full(3, 0.1)), "short01", np.random.default_rng(0))
    assert hairy[scalp].mean() < 0.5 * bare[scalp].mean()


def test_expressions_are_mild_and_often_smiles():
    model = people.head_model()
    drawn = np.array([people.draw_expression(rng) for rng in rngs(200)])
    assert drawn.dtype == np.float32 and np.isfinite(drawn).all()
    np.testing.assert_array_equal(drawn * 65536, np.rint(drawn * 65536))
    smile = (
        np.isin(model.arrays.unit_names, ["mouthSmileLeft", "mouthSmileRight"])
        @ model.arrays.units_to_expression
    )
    along = drawn @ smile / (smile @ smile)
    assert 0.2 < (along > 0.12).mean() < 0.7
    moved = [
        np.abs(model.shape(np.zeros(80), e)[1] - model.shape(np.zeros(80), 0 * e)[1]).max()
        for e in drawn[:12]
    ]
    assert 0.3 < np.median(moved) < 20
