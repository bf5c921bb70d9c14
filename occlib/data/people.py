"""The people of the synthetic world: everything of one human, drawn at random from face model and props.

Identity ~ N(0, SPREAD^2 I), texture ~ N(0, I), clipped; expression from sparse semantic units; and what goes
with them: hair, beard, brows, lashes, eyes, wrinkles, clothes - chosen so that skin, hair and eyes go
together as people's do.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from occlib.data import clothes, props
from occlib.data.heads import BROWS, EYES, SKIN, HeadGeometry, head_model
from occlib.data.patches import Patch
from occlib.data.scene import Surface
from occlib.data.scene_kernels import BEHIND
from occlib.data.skin import BUMP_MM, UNIT, Eye, Skin, brow_labels, paint_eye, paint_face, teeth_texture
from occlib.morphable.expressions import sample_expression_units

HELD_OUT_HAIR = ("bob02", "short03")
"""Styles that never appear in training."""
BALD = "bald"
"""The style of who has none: a shaved head."""
FRINGES = ("bob01", "short02", "short03", "bob02")
"""Styles that fall over the forehead if they are let."""
TRAINING_HAIR = (BALD, *(name for name in props.HAIR if name not in HELD_OUT_HAIR))
BROW_BLUR = 3.0
"""Texels by which the border of a brow is smoothed."""
SPREAD, CLIP = 1.35, 2.5
"""Coefficients are N(0, 1) clipped to CLIP; of the identity N(0, SPREAD^2), since recognition networks find the face
model's people more alike than real ones."""
_SHORT = ("short01", "short02", "short03", "short04")
_LONG = ("bob01", "bob02", "braid01", "long01", "ponytail01")
_HAIR_COLORS = np.array([  # sRGB under even light: black, browns, blonds, red; grey and white
    [0.075, 0.065, 0.06], [0.15, 0.11, 0.09], [0.23, 0.155, 0.11], [0.33, 0.235, 0.16], [0.47, 0.36, 0.24],
    [0.62, 0.50, 0.34], [0.42, 0.20, 0.10], [0.46, 0.45, 0.44], [0.72, 0.71, 0.69]])  # fmt: skip
_GREY = 7
"""The first of the grey ones."""
_SERIOUS = (  # what a smile does not go with
    "browDownLeft", "browDownRight", "mouthFrownLeft", "mouthFrownRight", "mouthPucker", "mouthFunnel",
    "mouthClose", "mouthRollUpper", "mouthRollLower", "mouthShrugLower", "mouthShrugUpper", "noseSneerLeft",
    "noseSneerRight", "jawDrop", "jawForward", "cheekPuff", "lipsProtrude", "lipsCompress", "lipsDepress",
    "lipsDepressRetract")  # fmt: skip
_BROWS = {True: (0, 3, 4, 7, 8, 11), False: (0, 1, 2, 3, 4, 5, 9, 10)}  # which of the 12 suit men and women
_BEARDS = {  # stubble everywhere, and of `skin.BEARDS` which are full
    "shaved": ((0, 0.08), []), "shade": ((0.1, 0.3), []), "stubble": ((0.3, 0.65), []),
    "moustache": ((0.05, 0.3), [0]), "goatee": ((0.05, 0.3), [0, 1]),
    "full": ((0.05, 0.3), [0, 1, 2])}  # fmt: skip
_IRISES = {  # outer iris and the ring around the pupil, sRGB
    "dark": ([0.15, 0.085, 0.05], [0.21, 0.12, 0.065]), "brown": ([0.27, 0.155, 0.08], [0.38, 0.225, 0.11]),
    "hazel": ([0.33, 0.27, 0.14], [0.42, 0.27, 0.11]), "green": ([0.33, 0.38, 0.25], [0.42, 0.36, 0.17]),
    "blue": ([0.30, 0.38, 0.46], [0.42, 0.47, 0.50]),
    "grey": ([0.42, 0.46, 0.48], [0.48, 0.49, 0.46])}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A human in head space, mm.

    identity (80,), expression (64,), texture (80,) float32: coefficients of the face model; head: their
    geometry; body: surfaces of head, eyes, lashes, neck and clothes; hair: its surfaces, maybe none; style:
    one of (BALD, *props.HAIR); hair_color (3,) sRGB.
    """

    identity: np.ndarray
    expression: np.ndarray
    texture: np.ndarray
    head: HeadGeometry
    body: list[Surface]
    hair: list[Surface]
    style: str
    hair_color: np.ndarray

    @property
    def surfaces(self) -> list[Surface]:
        """All that is drawn of them."""
        return [*self.body, *self.hair]


@dataclass(frozen=True)
class Looks:
    """What goes together in a person: male; age in [0, 1] from 20 to 75 years; tone: lightness of the skin in
    [0, 1]; hair_color (3,) sRGB; grey: how much of the hair has turned so, in [0, 1]."""

    male: bool
    age: float
    tone: float
    hair_color: np.ndarray
    grey: float


def draw_person(
    rng: np.random.Generator,
    mood: np.random.Generator,
    styles: tuple[str, ...] = TRAINING_HAIR,
    *,
    fringe: bool = False,
) -> Person:
    """A random person with one of the hair `styles`. The same generators give the same bytes everywhere.

    rng: who it is, and how dressed; mood: the expression. fringe: hair falls over the face and is an occluder
    there.
    """
    model = head_model()
    identity = (SPREAD * rng.normal(size=80)).clip(-CLIP, CLIP).astype(np.float32)
    texture = rng.normal(size=80).clip(-CLIP, CLIP).astype(np.float32)
    expression = draw_expression(mood)
    albedo = model.albedo(texture)
    head = model.geometry(identity, expression, albedo)
    looks = draw_looks(rng, identity, head.skin_color)
    style = draw_style(rng, looks, styles)
    skin = draw_skin(rng, looks)
    body = [
        *_head_surfaces(head, _haired(albedo, looks, style, rng), skin, style, rng),
        *_eyes(head, looks, rng),
        _lashes(head, looks, rng),
        *_clothed(head, albedo, looks, rng),
    ]
    hair = hair_surfaces(style, head, looks.hair_color, rng, fringe=fringe)
    return Person(identity, expression, texture, head, body, hair, style, looks.hair_color)


def draw_expression(rng: np.random.Generator) -> np.ndarray:
    """(64,) float32 expression coefficients in 1 / 65536, mostly mild. Two of five smile, as people do in
    photos."""
    arrays = head_model().arrays
    column = {name: k for k, name in enumerate(arrays.unit_names)}
    units = sample_expression_units(arrays.unit_names, 1, rng)[0].astype(np.float64)
    units *= rng.choice([0.45, 0.8, 1.0], p=[0.4, 0.35, 0.25])
    if rng.random() < 0.4:
        smile, open_mouth, uneven = rng.uniform(0.15, 0.6), rng.uniform(0, 1.2), rng.normal(1, 0.06, 2)
        units[[column[name] for name in _SERIOUS]] *= 0.15
        smiling = {
            "mouthSmile": smile, "cheekSquint": 0.6 * smile, "eyeSquint": 0.3 * smile,
            "mouthUpperUp": 0.5 * open_mouth * smile, "mouthLowerDown": 0.6 * open_mouth * smile,
        }  # fmt: skip
        for unit, weight in smiling.items():
            for side, share in zip(("Left", "Right"), uneven, strict=True):
                units[column[unit + side]] = np.clip(weight * share, 0, 1)
        units[column["jawOpen"]] = 0.25 * open_mouth * smile
    coefficients = units @ arrays.units_to_expression.astype(np.float64)
    return (np.rint(coefficients * 65536) / 65536).astype(np.float32)


def draw_looks(rng: np.random.Generator, identity: np.ndarray, skin_color: np.ndarray) -> Looks:
    """What goes with a face's shape, identity (80,), and its skin, sRGB (3,).

    Faces are as masculine as `props.Bust.sex_axis` says.
    """
    masculine = float(props.bust().sex_axis @ identity)
    male = bool(rng.random() < 1 / (1 + np.exp(-2.5 * masculine)))
    age = float(rng.beta(1.1, 1.9))
    tone = float(np.clip((skin_color @ [0.3, 0.6, 0.1] - 0.27) / 0.45, 0, 1))
    # Black hair is the rule for dark skin, all colours occur with light skin.
    dark = np.array([0.85, 0.13, 0.02, 0, 0, 0, 0])
    light = np.array([0.08, 0.20, 0.24, 0.20, 0.14, 0.08, 0.06])
    share = np.clip((tone - 0.35) / 0.5, 0, 1) * rng.choice([0.0, 1.0], p=[0.2, 0.8])
    color = _HAIR_COLORS[rng.choice(_GREY, p=dark + share * (light - dark))]
    grey = float(np.clip((age - rng.uniform(0.25, 0.9)) * 2.5, 0, 1))
    silver = _HAIR_COLORS[_GREY] + rng.random() * (_HAIR_COLORS[_GREY + 1] - _HAIR_COLORS[_GREY])
    color = color + grey * (silver - color)
    return Looks(male, age, tone, color * rng.uniform(0.85, 1.15), grey)


def draw_style(rng: np.random.Generator, looks: Looks, styles: tuple[str, ...]) -> str:
    """One of `styles`: mostly short on men, long on women, afros of dark hair, bald heads on men."""
    weight = {BALD: 1.0 * looks.male + 0.05, "afro01": 1.0 * (looks.tone < 0.6)}
    weight |= {name: 1.5 if looks.male else 0.35 for name in _SHORT}
    weight |= {name: 0.12 if looks.male else 1.4 for name in _LONG}
    chances = np.array([weight[name] + 1e-6 for name in styles])
    return str(rng.choice(styles, p=chances / chances.sum()))


def draw_skin(rng: np.random.Generator, looks: Looks) -> Skin:
    """Wrinkles with age, freckles on light skin, stubble and beards on men."""
    beard = np.zeros(3)
    if looks.male:
        kind = str(rng.choice(list(_BEARDS), p=[0.3, 0.25, 0.2, 0.05, 0.08, 0.12]))
        shade, strong = _BEARDS[kind]
        beard[:] = rng.uniform(*shade)
        beard[strong] = rng.uniform(0.75, 1.25)
    own = looks.hair_color * (1 if looks.grey > 0.5 else 0.8)
    brow = np.minimum(own * rng.uniform(0.7, 1.0), 0.42)
    count = rng.poisson(1.6)
    moles = np.column_stack([rng.uniform(60, 560, count), rng.uniform(120, 520, count),
                             rng.uniform(0.8, 2.4, count), rng.uniform(0.25, 0.8, count)])  # fmt: skip
    return Skin(
        wrinkles=_draw_wrinkles(rng, looks.age),
        beard=beard, freckles=float(rng.random() < 0.35 * looks.tone) * rng.uniform(0.2, 0.9),
        blotches=rng.uniform(0.3, 1.1), pores=rng.uniform(0.3, 0.9) + 0.2 * looks.age,
        brow=int(rng.choice(_BROWS[looks.male])),
        brow_strength=rng.uniform(0.9, 1.5) if looks.male else rng.uniform(0.65, 1.3),
        beard_color=own, brow_color=brow, moles=moles, offset=rng.integers(0, 256, 2),
    )  # fmt: skip


def _draw_wrinkles(rng: np.random.Generator, age: float) -> np.ndarray:
    """(5,) in [0, 1]: hardly any at 20; of the two kinds of lines on the forehead, one."""
    wrinkles = np.clip(1.3 * age * age * rng.uniform(0.3, 1.3, 5) + rng.uniform(0, 0.06, 5), 0, 1.0)
    wrinkles[rng.integers(2)] = 0
    return wrinkles


def hair_surfaces(
    style: str, head: HeadGeometry, color: np.ndarray, rng: np.random.Generator, *, fringe: bool = False
) -> list[Surface]:
    """Hair of a style on a head, coloured (3,) sRGB, a little lighter towards its ends; nothing for BALD.

    Strands that would fall over the face end at its border, or with `fringe` are an occluder.
    """
    if style == BALD:
        return []
    worn = props.hair(style)
    mirrored = bool(rng.random() < 0.5)
    vertices = worn.on(head.shift, mirrored=mirrored)
    low, high = vertices[:, 1].min(), vertices[:, 1].max()
    tips = ((high - vertices[:, 1]) / (high - low))[:, None] * rng.uniform(-0.1, 0.3)
    paint = np.empty((len(vertices), 4), np.float32)
    paint[:, :3] = color * (1 + tips) * (255 / 150)
    paint[:, 3] = 1.0 if fringe else worn.kept
    return [Surface(
        vertices.astype(np.float32), worn.faces[:, ::-1] if mirrored else worn.faces,
        color=paint, texture=worn.texture, uv=worn.uv, two_sided=True,
        specular=0.5, gloss=float(rng.uniform(0.35, 0.6)), hair=True, occluder=fringe,
    )]  # fmt: skip


def _haired(albedo: np.ndarray, looks: Looks, style: str, rng: np.random.Generator) -> np.ndarray:
    """The albedo (V, 3) without the brows it has painted on, which are drawn hair by hair, and with roots on
    the scalp."""
    maps = props.skin_maps()
    color = albedo.copy()
    color[maps["fill/vertices"].astype(np.int64)] = albedo[maps["fill/sources"].astype(np.int64)].mean(1)
    start, fade = np.float32(rng.uniform(-3, 2)), np.float32(rng.uniform(6, 12))  # mm
    depth = np.clip((maps["hairline"] - start) / fade, 0, 1)
    cover = depth * np.float32(rng.uniform(0, 0.4) if style == BALD else 0.92)
    return color + cover[:, None] * ((0.7 * looks.hair_color).astype(np.float32) - color)


def _head_surfaces(
    head: HeadGeometry, albedo: np.ndarray, skin: Skin, style: str, rng: np.random.Generator
) -> list[Surface]:
    """Skin of the face with its texture, other skin, inside of the mouth, teeth."""
    patches = head_model().patches
    texture, bump = paint_face(skin, head.skin_color)
    gloss, shine = rng.uniform(0.3, 0.48), rng.uniform(0.35, 0.6)
    face, scalp, mouth, teeth = (
        _browed_face(skin.brow),
        *(patches[name] for name in ("scalp", "mouth", "teeth")),
    )
    bare = 1.0 if style == BALD else 0.25  # roots of hair shine little
    albedo = albedo * head_model().mouth_shade[:, None]

    points = np.concatenate([head.vertices, albedo, head.normals], axis=1)  # to be looked up at once

    def surface(patch, bright=1.0, **more):
        vertices, color, normals = np.split(patch.at(points), 3, axis=1)
        return Surface(
            vertices, patch.faces, color=np.float32(bright) * color, normals=normals, uv=patch.uv,
            label=patch.labels, is_head=True, **more,
        )  # fmt: skip

    return [
        surface(face, 255 / UNIT, texture=texture, bump=bump, bump_height=BUMP_MM,
                specular=shine, gloss=gloss, translucency=1.0),
        surface(scalp, specular=shine * bare, gloss=gloss * bare, translucency=bare),
        surface(mouth, specular=0.2, gloss=0.7, translucency=0.5),
        surface(teeth, texture=teeth_texture(), specular=0.3, gloss=0.8),
    ]  # fmt: skip


@functools.cache
def _browed_face(brow: int) -> Patch:
    """The face patch with one of the 12 brows as a label."""
    face, area = head_model().patches["face"], 255 * brow_labels(brow).astype(np.uint8)
    height, width = area.shape
    area = cv2.GaussianBlur(area, (0, 0), BROW_BLUR)  # in whole numbers: the same on every machine
    column, row = face.uv[:, 0] * width - 0.5, (1 - face.uv[:, 1]) * height - 0.5
    field = cv2.remap(area, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)[:, 0] / 255
    return face.cut(field, BROWS, over=(SKIN,))


def _eyes(head: HeadGeometry, looks: Looks, rng: np.random.Generator) -> list[Surface]:
    # Light eyes come with light skin.
    light = np.clip((looks.tone - 0.55) / 0.35, 0, 1)
    dark_skin, light_skin = np.array([[0.75, 0.25, 0, 0, 0, 0], [0.08, 0.3, 0.17, 0.12, 0.25, 0.08]])
    chances = dark_skin * (1 - light) + light_skin * light
    iris, ring = np.array(_IRISES[rng.choice(list(_IRISES), p=chances / chances.sum())])
    vary = rng.uniform(0.85, 1.15)
    catchlight = np.array([
        rng.uniform(-0.45, 0.45), rng.uniform(-0.55, -0.1), rng.uniform(0.1, 0.24), rng.uniform(0.3, 0.95),
    ])  # fmt: skip
    texture = paint_eye(Eye(
        iris * vary, ring * vary, rng.uniform(0.26, 0.45), rng.beta(1.5, 4), rng.integers(0, 256, 2),
        catchlight,
    ))  # fmt: skip
    surfaces = []
    for name in ("right eye", "left eye"):
        ball = head_model().patches[name]
        surfaces.append(Surface(
            head.vertices[ball.vertices], ball.faces, texture=texture, uv=ball.uv, label=EYES,
            normals=head.normals[ball.vertices], specular=0.5, gloss=0.88, is_head=True,
        ))  # fmt: skip
    return surfaces


def _lashes(head: HeadGeometry, looks: Looks, rng: np.random.Generator) -> Surface:
    lashes = props.lashes(str(rng.choice(props.LASHES)))
    vertices = lashes.on(head.vertices)
    color = np.empty((len(vertices), 4), np.float32)
    color[:, :3] = np.minimum(0.5 * looks.hair_color, 0.12) + 0.02
    color[:, 3] = rng.uniform(0.3, 0.7) if looks.male else rng.uniform(0.6, 1.0)
    texture = np.full((*lashes.opacity.shape, 4), 255, np.uint8)
    texture[..., 3] = lashes.opacity
    return Surface(
        vertices.astype(np.float32), lashes.faces, color=color, texture=texture, uv=lashes.uv, label=BEHIND,
        two_sided=True, specular=0.0, gloss=0.0, casts_shadow=False,
    )  # fmt: skip


def _clothed(head: HeadGeometry, albedo: np.ndarray, looks: Looks, rng: np.random.Generator) -> list[Surface]:
    torso = clothes.Torso(head, turn=float(rng.normal(0, 0.22)))
    chances = [0.34, 0.12, 0.24, 0.08, 0.12, 0.10] if looks.male else [0.24, 0.2, 0.14, 0.1, 0.08, 0.24]
    garment = str(rng.choice(clothes.GARMENTS, p=chances))
    skin = clothes.neck(torso, albedo, specular=0.4, gloss=0.35, translucency=1.0)
    return [skin, *clothes.dress(torso, garment, rng)]
