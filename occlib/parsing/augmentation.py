"""From a sample of the world to something harder: other occluders, other light, other cameras.

A network that only saw the world's photos would learn what renderings look like. So occluders change their
wearer, random things lie before the face, shadows fall across it, and what a camera does to a photo is done
strongly. Every random number comes from the given generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from occlib.data.augmenting import Photography, photographed, random_shape, random_similarity, smooth_noise
from occlib.data.occluders.textures import anything, color
from occlib.data.sample import OCCLUDER, PARTS, Sample


@dataclass(frozen=True)
class Augmentation(Photography):
    """How often each change happens, and how far it goes.

    swap: another sample's occluder; tinted: coloured as the face it covers, as hands are; held: with a random shape
    behind it, as what a hand holds. bare: no occluder.
    beard: around the mouth; it is skin. hair: more hair around the face, which hides its sides and counts as
    background. narrow: a photo that ends close to the face, its border drawn out to the square's. paste: a random
    shape with the face's colour, any colour or texture, or a piece of another photo; aimed: it lies on one of the
    parts of the face, each as often as another; paired: on both sides of the face, as most of what is worn;
    clear: one sees through it, as through a dark glass; hollow: its outline alone, as of wires, chains and frames.
    draped: the shape is a cloth that hangs from the face over chin and neck.
    shadow: a cast shadow. light: a coloured lamp from one side, and glare. overhead: the forehead brighter or darker
    than what is below the brows. scale: limits of pixels of the crop a
    pixel of the photo. turn: degrees, shift: share of the crop, as a detector errs. What a camera does to the
    photo is `Photography`'s.
    """

    grey: float = 0.25
    small: float = 0.35
    swap: float = 0.5
    tinted: float = 0.5
    held: float = 0.3
    bare: float = 0.2
    beard: float = 0.15
    hair: float = 0.3
    narrow: float = 0.3
    paste: float = 0.45
    aimed: float = 0.6
    paired: float = 0.4
    clear: float = 0.4
    hollow: float = 0.2
    draped: float = 0.15
    shadow: float = 0.35
    light: float = 0.35
    overhead: float = 0.25
    scale: tuple[float, float] = (0.7, 1.05)
    turn: float = 12.0
    shift: float = 0.07


@dataclass
class Layers:
    """A photo and its labels while they change: image (H, W, 3) float32 in [0, 1], labels and region (H, W)
    uint8."""

    image: np.ndarray
    labels: np.ndarray
    region: np.ndarray

    def cover(self, alpha: np.ndarray, colors: np.ndarray, opacity: np.ndarray | float = 1.0) -> None:
        """Lay something of these colours (H, W, 3) over the photo; alpha (H, W) in [0, 1]. opacity: 1, or less where
        the photo shines through what is an occluder all the same, as through a dark glass; a number or (H, W)."""
        self.image = self.image + (alpha * opacity)[..., None] * (colors - self.image)
        self.labels = np.where(alpha > 0.5, np.uint8(OCCLUDER), self.labels)

    def darken(self, shadow: np.ndarray) -> None:
        """shadow (H, W): 0 leaves the light as it is, 1 takes all of it."""
        self.image = self.image * (1 - shadow[..., None])


def layers(sample: Sample) -> Layers:
    """The photo, parse map and face region of a sample, before anything is changed."""
    return Layers(_unit(sample.image), sample.parsing, (sample.parts > 0).astype(np.uint8))


def augmented(
    sample: Sample, other: Sample | None, rng: np.random.Generator, how: Augmentation, size: int
) -> Layers:
    """A harder photo of `sample`, size x size; `other` lends its occluder or a piece of its photo."""
    things = layers(sample)
    swapped = other is not None and rng.random() < how.swap
    bare = swapped or rng.random() < how.bare
    if bare:
        things = Layers(_unit(sample.clean), sample.parts, things.region)
    face = _color(things)
    if rng.random() < how.beard:
        _grow_beard(things, rng)
    if rng.random() < how.hair:
        _comb(things, rng)
    if bare and rng.random() < how.narrow:
        _end_nearby(things, rng)
    if swapped:
        if rng.random() < how.held:
            _paste(things, other, face, rng, how, goals=other.mask > 127)
        _lend(things, other, face if rng.random() < how.tinted else None, rng)
    if rng.random() < how.paste:
        _paste(things, other, face, rng, how)
    if rng.random() < how.shadow:
        _cast_shadow(things, rng)
    if rng.random() < how.light:
        _light_up(things, rng)
    if rng.random() < how.overhead:
        _light_forehead(things, rng)
    things = _moved(things, rng, how, size)
    things.image = photographed(things.image, rng, how)
    return things


def _unit(photo: np.ndarray) -> np.ndarray:
    return photo.astype(np.float32) / 255


def _color(things: Layers) -> np.ndarray:
    """(3,): the skin's, or grey where none is seen."""
    return np.array(cv2.mean(things.image, (things.labels == 1).astype(np.uint8))[:3], np.float32)


def _lend(things: Layers, other: Sample, face: np.ndarray | None, rng: np.random.Generator) -> None:
    """Put the other sample's occluder, moved a little, before this face; in the colour of `face` when
    given."""
    size = len(things.image)
    matrix = random_similarity(rng, size, turn=15, shift=0.08, scale=(0.85, 1.2), mirror=rng.random() < 0.5)
    image, mask, shadow = (
        cv2.warpAffine(x, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        for x in (other.image, other.mask, other.shadow)
    )
    alpha, colors = _unit(mask), _unit(image)
    if face is not None and face.any():
        own = np.array(cv2.mean(colors, (mask > 200).astype(np.uint8))[:3], np.float32)
        tone = face * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.03, 3)).astype(np.float32)
        colors = np.clip(colors * (tone / np.maximum(own, 0.05)), 0, 1)
    else:
        colors = np.clip(colors * np.exp(rng.normal(0, 0.15)).astype(np.float32), 0, 1)
    things.darken(_unit(shadow) * (mask < 255))
    # The borrowed pixels at the rim are mixed with the other's photo: a narrower alpha keeps most of it out.
    things.cover(np.clip(1.5 * alpha - 0.5, 0, 1), colors)


def _paste(
    things: Layers,
    other: Sample | None,
    face: np.ndarray,
    rng: np.random.Generator,
    how: Augmentation,
    goals: np.ndarray | None = None,
) -> None:
    """A random shape with a soft shadow beside it, perhaps with its mirror image, a rim or a sheen, perhaps of
    glass. goals (H, W) bool: where its middle lies, otherwise where it falls or where `how` aims it."""
    size = len(things.image)
    draped = goals is None and things.region.any() and rng.random() < how.draped
    shape = _band(rng, size) if rng.random() < 0.2 else random_shape(rng, size)
    if draped:
        shape = _drape(things.region, rng)
    elif goals is not None:
        shape = _aimed(shape, goals, rng)
    elif rng.random() < how.aimed:
        shape = _aimed(shape, _one_part(things.labels, rng), rng)
    if not draped and rng.random() < how.paired and things.region.any():
        middle = 2 * np.nonzero(things.region)[1].mean()
        mirror = np.float32([[-1, 0, middle], [0, 1, 0]])
        shape = np.maximum(shape, cv2.warpAffine(shape, mirror, (size, size)))
    if not draped and rng.random() < how.hollow:
        shape = _outline(shape, int(rng.integers(3, 2 + size // 25)))
    colors, opacity = _surface(other, face, rng, size), 1.0
    clear = not draped and rng.random() < how.clear
    if clear:
        colors, opacity = rng.uniform(0, 0.6) * colors, rng.uniform(0.35, 0.95)
    if rng.random() < (0.5 if clear else 0.3):
        rim = _outline(shape, int(rng.integers(3, 2 + size // 25))) > 0
        colors, opacity = np.where(rim[..., None], rng.uniform(0, 1, 3), colors), np.where(rim, 1, opacity)
    if rng.random() < 0.6:
        offset = rng.normal(0, 0.03, 2) * size
        soft = cv2.GaussianBlur(shape, (0, 0), rng.uniform(1.5, 8))
        moved = cv2.warpAffine(soft, np.float32([[1, 0, offset[0]], [0, 1, offset[1]]]), (size, size))
        things.darken(rng.uniform(0.2, 0.7) * moved)
    alpha = cv2.GaussianBlur(shape, (0, 0), rng.uniform(0.4, 1.2))
    things.cover(alpha, colors.astype(np.float32), np.float32(opacity))


def _band(rng: np.random.Generator, size: int) -> np.ndarray:
    """(S, S) float32, 0 or 1: a strip across the picture whose upper and lower edge wave, as of a scarf or a
    bandage."""
    top, bottom = np.sort(rng.uniform(0.1, 1.1, 2))
    edges = [
        y + rng.uniform(0, 0.05) * cv2.resize(rng.normal(size=(1, 5)), (size, 1), interpolation=cv2.INTER_CUBIC)
        for y in (top, max(bottom, top + 0.05))
    ]
    rows = np.mgrid[:size, :size][0] / size
    strip = ((rows > edges[0]) & (rows < edges[1])).astype(np.float32)
    tilt = random_similarity(rng, size, turn=25, shift=0, scale=(1, 1), mirror=False)
    return cv2.warpAffine(strip, tilt, (size, size), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def _drape(region: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(S, S) float32, 0 or 1: what a cloth covers that hangs from somewhere on the face, which the region (S, S) is,
    over the chin and down the neck, as a scarf or a veil."""
    size = len(region)
    rows, columns = np.nonzero(region)
    (top, bottom), (left, right) = np.percentile(rows, (1, 99)), np.percentile(columns, (1, 99))
    y = np.linspace(bottom - rng.uniform(0.1, 0.6) * (bottom - top), rng.uniform(bottom, 1.1 * size), 6)
    half = (right - left) / 2 * np.linspace(rng.uniform(0.9, 1.2), rng.uniform(0.5, 1.7), 6)
    edges = (left + right) / 2 + half * np.array([[-1], [1]]) + rng.normal(0, 0.02 * size, (2, 6))
    sag = (left + right) / 2 + rng.normal(0, 0.1) * half[0], y[0] + rng.uniform(-0.08, 0.08) * size
    outline = [sag, *zip(edges[1], y, strict=True), *zip(edges[0][::-1], y[::-1], strict=True)]
    shape = cv2.fillPoly(np.zeros((size, size), np.float32), [np.int32(outline)], 1.0)
    return (cv2.GaussianBlur(shape, (0, 0), size / 50) > 0.5).astype(np.float32)


def _one_part(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool: a part of the face (brows, eyes, nose, lips, skin), drawn at random from those one sees."""
    seen = [part for part in range(1, OCCLUDER) if (labels == part).any()]
    return labels == rng.choice(seen) if seen else np.zeros(labels.shape, bool)


def _aimed(shape: np.ndarray, goals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`shape` with its middle on a random pixel of `goals` (H, W) bool; as it is where there is none."""
    goals = np.argwhere(goals)
    if not len(goals) or not shape.any():
        return shape
    down, right = goals[rng.integers(len(goals))] - np.argwhere(shape).mean(0)
    return cv2.warpAffine(shape, np.float32([[1, 0, right], [0, 1, down]]), shape.shape, flags=cv2.INTER_NEAREST)


def _outline(shape: np.ndarray, width: int) -> np.ndarray:
    """(S, S) float32, 0 or 1: what of a shape, 0 or 1, is within about width / 2 pixels of its border."""
    return shape - cv2.erode(shape, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))


def _surface(other: Sample | None, face: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """(S, S, 3) colours: a piece of another photo, a cloth, or one tone (perhaps the face's) with light and grain."""
    kind = rng.random()
    if kind < 0.25 and other is not None:
        matrix = random_similarity(rng, size, turn=180, shift=0.4, scale=(0.6, 2.0), mirror=False)
        return cv2.warpAffine(_unit(other.image), matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
    if kind < 0.45:
        matrix = random_similarity(rng, size, turn=180, shift=0.4, scale=(0.5, 1.5), mirror=False)
        return cv2.warpAffine(_unit(anything(rng)), matrix, (size, size), borderMode=cv2.BORDER_WRAP)
    tone = face * np.exp(rng.normal(0, 0.15, 3)) if kind < 0.65 else color(rng)
    light = 1 + rng.uniform(0.05, 0.4) * smooth_noise(rng, size, rng.integers(3, 9))
    grain = rng.uniform(0, 0.06) * rng.normal(size=(size, size, 1))
    sheen = rng.uniform(0, 0.6) * np.clip(smooth_noise(rng, size, rng.integers(3, 9)) - 0.8, 0, 1)
    return np.clip(tone * light[..., None] + sheen[..., None] + grain, 0, 1).astype(np.float32)


def _cast_shadow(things: Layers, rng: np.random.Generator) -> None:
    """Darkness with a soft or hard edge across the face, which is no occluder."""
    size = len(things.image)
    if rng.random() < 0.5:
        y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
        angle = rng.uniform(0, 2 * np.pi)
        area = (x * np.cos(angle) + y * np.sin(angle) > rng.uniform(-0.2, 0.2)).astype(np.float32)
    else:
        area = random_shape(rng, size)
    area = cv2.GaussianBlur(area, (0, 0), np.exp(rng.uniform(np.log(1.5), np.log(25))))
    things.darken(rng.uniform(0.15, 0.7) * area)


def _light_up(things: Layers, rng: np.random.Generator) -> None:
    """More or less light from place to place, of a colour of its own, as of a shop window or a stage; and glare
    on the skin."""
    size = len(things.image)
    field = smooth_noise(rng, size, rng.integers(2, 5))
    strength = rng.uniform(0.1, 0.5) * (1 + rng.normal(0, 0.45, 3))  # for red, green and blue
    things.image = things.image * np.exp(field[..., None] * strength).astype(np.float32)
    if rng.random() < 0.5:
        spots = np.clip(smooth_noise(rng, size, rng.integers(4, 12)) - rng.uniform(0.5, 1.5), 0, 1)
        spots = rng.uniform(0.3, 1) * spots * (things.labels == PARTS.index("skin"))
        spots = cv2.GaussianBlur(spots.astype(np.float32), (0, 0), 2)[..., None]
        things.image = things.image + spots * np.clip(1 - things.image, 0, 1)


def _light_forehead(things: Layers, rng: np.random.Generator) -> None:
    """More or less light on the skin above the brows, which end it as sharply or softly as their ridge: a forehead in
    the light is no headband."""
    skin, brows = things.labels == PARTS.index("skin"), things.labels == PARTS.index("brows")
    if not brows.any():
        return
    size = len(things.image)
    rows, columns = np.nonzero(brows)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    edge = rows.mean() + rng.normal(0, 0.1) * (x - columns.mean())
    edge = edge + rng.uniform(-0.02, 0.04) * size + 0.01 * size * smooth_noise(rng, size, rng.integers(3, 8))
    above = 1 / (1 + np.exp(np.clip((y - edge) / (rng.uniform(0.004, 0.04) * size), -30, 30)))
    above = above * cv2.GaussianBlur(skin.astype(np.float32), (0, 0), rng.uniform(0.5, 3))
    gain = np.exp(rng.normal(0.25, 0.3)) * np.exp(0.1 * smooth_noise(rng, size, rng.integers(2, 5)))
    things.image = things.image * (1 + above * (gain - 1))[..., None].astype(np.float32)


def _grow_beard(things: Layers, rng: np.random.Generator) -> None:
    """Short hair on the skin below the nose and up along the jaw, sparse or dense, of any length down the chin;
    labels stay."""
    skin, nose = things.labels == PARTS.index("skin"), things.labels == PARTS.index("nose")
    if not skin.any() or not nose.any():
        return
    size = len(things.image)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    below, middle, width = np.nonzero(nose)[0].max(), np.nonzero(nose)[1].mean(), np.ptp(np.nonzero(skin)[1])
    # Its upper border rises from under the nose towards the ears.
    rise = rng.uniform(0, 1.2) * np.abs(x - middle)
    edge = (y - below + rise) / (0.05 * width) + smooth_noise(rng, size, rng.integers(5, 20))
    strands = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), rng.uniform(0.6, 1.2))
    grown = np.clip(edge + 2 * strands, 0, 1) * rng.uniform(0.3, 0.95)
    alpha = cv2.GaussianBlur(grown * skin, (0, 0), rng.uniform(0.5, 1.0))[..., None]
    tone = np.array(HAIR[rng.integers(len(HAIR))]) * np.exp(rng.normal(0, 0.3))
    colors = np.clip(tone * np.exp(rng.uniform(0.2, 0.8) * strands[..., None]), 0, 1)
    things.image = things.image + (alpha * (colors - things.image)).astype(np.float32)


def _end_nearby(things: Layers, rng: np.random.Generator) -> None:
    """Cut the photo to what is close around the face, and draw out its border to the old size, as it looks where a
    face fills a photo. What is drawn out is background."""
    size = len(things.image)
    if not things.region.any():
        return
    rows, columns = np.nonzero(things.region)
    margin = rng.uniform(0, 0.25, 4) * size
    top, left = max(int(rows.min() - margin[0]), 0), max(int(columns.min() - margin[1]), 0)
    bottom, right = min(int(rows.max() + margin[2]), size - 1), min(int(columns.max() + margin[3]), size - 1)
    sides = top, size - 1 - bottom, left, size - 1 - right
    inner = slice(top, bottom + 1), slice(left, right + 1)
    things.image = cv2.copyMakeBorder(things.image[inner], *sides, cv2.BORDER_REPLICATE)
    things.labels = cv2.copyMakeBorder(things.labels[inner], *sides, cv2.BORDER_CONSTANT, value=0)


def _comb(things: Layers, rng: np.random.Generator) -> None:
    """Hair that grows from a parting above the face and falls along its sides, over more or less of them.

    No photo of hair is at hand. Strands run away from the parting, so their brightness is noise of the angle
    there; the sides of the face end where they begin: neither photo nor region shows face behind it.
    """
    if not things.region.any():
        return
    size = len(things.image)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    rows, columns = np.nonzero(things.region)
    (top, bottom), (left, right) = np.percentile(rows, (1, 99)), np.percentile(columns, (1, 99))
    height, width = bottom - top, right - left
    # How far inside of the face's ellipse a pixel is, 1 in its middle, 0 at its border.
    u, v = (2 * x - left - right) / width, (2 * y - top - bottom) / height
    inside = 1 - np.hypot(u, v)
    # Angles around the parting, bent by waves.
    parting = left + rng.uniform(0.2, 0.8) * width, top - rng.uniform(0.05, 0.35) * height
    waves = rng.uniform(0, 0.06) * smooth_noise(rng, size, rng.integers(3, 10))
    angle = np.arctan2(x - parting[0], y - parting[1] + 0.1 * height) / np.pi + waves  # -1 to 1
    strands = sum(
        rng.normal(size=2 * count).astype(np.float32)[((angle + 2) * count / 2).astype(int) % (2 * count)] / octave
        for octave, count in enumerate((40, 120, 400), 1)
    )
    strands = cv2.GaussianBlur(strands, (0, 0), rng.uniform(0.5, 1.2))
    # It covers the sides more than the forehead, hardly the chin, and reaches down to the ears or to the shoulders.
    cut = rng.uniform(-0.05, 0.3) + 0.12 * smooth_noise(rng, size, rng.integers(3, 6))
    cut = cut - np.clip(v - rng.uniform(0, 1), 0, None) - rng.uniform(0, 0.2) * np.clip(-v, 0, 1) * (1 - np.abs(u))
    side = rng.uniform(-0.5, 0.5) * u  # more on one side than on the other
    edge = (cut + 0.2 * side - inside) / rng.uniform(0.02, 0.06) + rng.uniform(0.3, 1.5) * strands
    length = (rng.uniform(0, 2.2) - v) / 0.1 + strands
    reach = (rng.uniform(0.3, 1.2) + inside) / 0.1 + strands
    alpha = np.clip(np.minimum(np.minimum(edge, length), reach), 0, 1)
    alpha = (alpha * (things.labels != OCCLUDER)).astype(np.float32)
    tone = np.array(HAIR[rng.integers(len(HAIR))]) * np.exp(rng.normal(0, 0.3))
    shade = np.exp(rng.uniform(0.1, 0.35) * strands + 0.35 * smooth_noise(rng, size, rng.integers(3, 7)))
    colors = np.clip(tone * shade[..., None], 0, 1).astype(np.float32)
    things.image = things.image + alpha[..., None] * (colors - things.image)
    hidden = alpha > 0.5
    things.labels = np.where(hidden, np.uint8(0), things.labels)
    things.region = np.where(hidden, np.uint8(0), things.region)


HAIR = (
    (0.07, 0.06, 0.06), (0.16, 0.10, 0.07), (0.30, 0.19, 0.12), (0.45, 0.30, 0.17), (0.70, 0.52, 0.32),
    (0.85, 0.72, 0.50), (0.45, 0.20, 0.10), (0.65, 0.64, 0.62),
)  # fmt: skip
"""Black, browns, blonds, red, grey: RGB in [0, 1]."""


def _moved(things: Layers, rng: np.random.Generator, how: Augmentation, size: int) -> Layers:
    """Turned, scaled, shifted and perhaps mirrored into size x size pixels."""
    given = len(things.image)
    mirror = rng.random() < 0.5
    matrix = random_similarity(rng, given, how.turn, how.shift, how.scale, mirror)
    matrix[:, 2] += (size - given) / 2
    shape, back = (size, size), cv2.BORDER_REPLICATE
    image = cv2.warpAffine(things.image, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=back)
    labels, region = (
        cv2.warpAffine(x, matrix, shape, flags=cv2.INTER_NEAREST, borderMode=back)
        for x in (things.labels, things.region)
    )
    return Layers(image, labels, region)
