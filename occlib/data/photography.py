"""How the world is photographed: camera, pose, light and background of a shot, and what a camera makes of it.

A `Shot` is drawn before anything is rendered; `develop` turns the linear pictures of `render_scene` into
photos: background, exposure, white balance, blur, noise, tone, sharpening, JPEG. The clean and the occluded
picture go through exactly the same, with the same noise, and where neither the occluder nor its shadow nor
the blur of either reaches they are the same bytes.

What must not differ between machines is done in whole numbers: blurs work on 8- or 16-bit pictures, for which
OpenCV's are exact to the bit; noise is a sum of random bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from occlib.data.backgrounds import draw_background
from occlib.data.scene import Light, Pinhole, SceneImage
from occlib.rendering import LAMBERT, scaled_orthographic_pose, sh_basis
from occlib.rendering.kernels import kernel

FOREHEAD = 0.215
"""FaceMesh's box rises above the 68 landmarks by this share of their height; `face_transform` frames that
box."""
FRAME = 2 / 3
"""The share of a picture that `face_transform` gives the longer side of the box."""
SCALE = 8192
"""Linear light of 1 in a 16-bit picture; highlights up to 65535 / SCALE survive."""
WHITE = 3.5449077018110318
"""sqrt(4 pi): the first harmonic of light of radiance 1 from everywhere."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
PLACES = {
    "window": (0.24, (0.35, 0.75), (0.20, 0.40), (25, 80), (5, 35)),
    "studio": (0.18, (0.35, 0.75), (0.12, 0.35), (5, 55), (15, 50)),
    "overcast": (0.20, (0.08, 0.30), (0.35, 0.45), (0, 60), (45, 75)),
    "sun": (0.13, (0.50, 0.80), (0.02, 0.05), (0, 85), (15, 65)),
    "flash": (0.08, (0.50, 0.80), (0.03, 0.08), (0, 8), (2, 10)),
    "ceiling": (0.12, (0.30, 0.60), (0.15, 0.40), (0, 60), (45, 70)),
    "coloured": (0.05, (0.35, 0.65), (0.10, 0.30), (20, 90), (-10, 40)),
}
"""How often; then the limits of: the lamp's share of the light; its softness; where it stands, in degrees
beside and above the camera."""
CAMERAS = {
    "good": (0.42, (0.002, 0.008), (0.25, 0.7), (85, 99), (0.0, 0.5)),
    "phone": (0.28, (0.004, 0.015), (0.4, 0.9), (60, 95), (-0.4, 1.2)),
    "dim": (0.13, (0.012, 0.032), (0.5, 1.1), (50, 92), (-0.8, 0.5)),
    "small": (0.10, (0.003, 0.012), (1.1, 2.2), (45, 90), (0.0, 1.0)),
    "old": (0.07, (0.006, 0.022), (0.6, 1.6), (60, 95), (-0.6, 0.6)),
}
"""How often; then the limits of `Effects`: noise in light 1, blur, quality, sharpen."""


@dataclass(frozen=True)
class Effects:
    """What a camera does to a picture. Lengths are in pixels of a 256-pixel image.

    gain: exposure, 1 = metered. balance (3,): what white balance leaves on red, green, blue. blur: sigma of
    the lens and of scaling. motion: (x, y) of the shake. vignette: how much darker corners are. read, shot:
    standard deviation of noise in the dark, and of light 1. contrast, saturation: 1 as it is. black: level of
    black. sharpen: strength of the unsharp mask, negative for the smoothing that removes noise. quality: of
    the JPEG, with its blocks shifted by `offset` (x, y). grey: a grey photo.
    """

    gain: float
    balance: np.ndarray
    blur: float
    motion: np.ndarray
    vignette: float
    read: float
    shot: float
    contrast: float
    saturation: float
    black: float
    sharpen: float
    quality: int
    offset: np.ndarray
    grey: bool


@dataclass(frozen=True)
class Shot:
    """One photo to be taken: angles (3,) pitch, yaw, roll; background (S, S, 3) uint8 sRGB."""

    camera: Pinhole
    angles: np.ndarray
    light: Light
    background: np.ndarray
    effects: Effects


@dataclass(frozen=True)
class Photo:
    """What `develop` returns: image and clean (S, S, 3) uint8, mask and shadow (S, S) uint8, lighting (9,)
    float32.

    mask: how much of a pixel the occluder covers, 1..255 wherever it does at all; shadow: how much the
    occluder darkens, at least 1 wherever image and clean differ beside the mask. lighting: white spherical
    harmonics with sRGB colour = sRGB albedo x shading(n), as the face model's renderer has it, of what the
    camera saw.
    """

    image: np.ndarray
    clean: np.ndarray
    mask: np.ndarray
    shadow: np.ndarray
    lighting: np.ndarray


def draw_shot(rng: np.random.Generator, size: int, landmarks: np.ndarray) -> Shot:
    """A random shot of the face with these 68 landmarks (68, 3), mm in head space, for a size x size
    picture."""
    angles = _draw_angles(rng)
    camera, angles = _frame(rng, angles, np.asarray(landmarks, np.float64))
    background = draw_background(rng, size)
    light, mood = _draw_light(rng, background)
    return Shot(camera, angles, light, background, _draw_effects(rng, mood))


def orthographic_pose(camera: Pinhole, landmarks: np.ndarray, size: int) -> np.ndarray:
    """(6,) float32 pose p of Eq. 10 that fits the perspective picture best in the 68 landmarks (68, 3),
    mm."""
    landmarks = np.asarray(landmarks, np.float64)
    pixels = camera.project(landmarks, size)[:, :2]
    pose = scaled_orthographic_pose(torch.from_numpy(landmarks)[None], torch.from_numpy(pixels)[None])
    return pose[0].numpy().astype(np.float32)


def lighting_coefficients(light: Light, gain: float = 1.0) -> np.ndarray:
    """(9,) float32: the white harmonics whose shading is nearest to sqrt(gain x light) over the whole sphere.

    The root, because the face model multiplies sRGB albedo by its shading, while light here is linear. The
    lamp counts as if it cast no shadow.
    """
    ambient = np.asarray(light.lighting, np.float64).reshape(-1, 9)
    white = LUMINANCE @ (ambient if len(ambient) == 3 else ambient.repeat(3, axis=0))
    lamp = (LUMINANCE @ light.key_color) * np.maximum(_SPHERE @ light.key_direction, 0)
    return (_FIT @ np.sqrt(gain * np.maximum(_SHADING @ white + lamp, 0))).astype(np.float32)


def _sphere(count: int) -> np.ndarray:
    """(count, 3) directions spread evenly (Fibonacci's spiral)."""
    k = np.arange(count) + 0.5
    y, turn = 1 - 2 * k / count, k * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - y * y)
    return np.stack([radius * np.cos(turn), y, radius * np.sin(turn)], axis=-1)


_SPHERE = _sphere(256)
_SHADING = (sh_basis(torch.from_numpy(_SPHERE)) * torch.tensor(LAMBERT, dtype=torch.float64)).numpy()
"""(256, 9): shading of the sphere's directions = _SHADING @ harmonics, and its inverse in least squares."""
_FIT = np.linalg.solve(_SHADING.T @ _SHADING, _SHADING.T)


def _draw_angles(rng: np.random.Generator) -> np.ndarray:
    """Pitch, yaw, roll in radians: mostly people who look at the camera, some who look past it, a few in
    profile."""
    spread = rng.choice([10.0, 20.0, 0.0], p=[0.68, 0.29, 0.03])
    yaw = np.clip(rng.normal(0, spread), -60, 60) if spread else rng.uniform(-60, 60)
    pitch = np.clip(rng.normal(0, 7), -22, 22)
    return np.deg2rad([pitch, yaw, 0.0])


def _frame(rng: np.random.Generator, angles: np.ndarray, landmarks: np.ndarray) -> tuple[Pinhole, np.ndarray]:
    """A camera that frames the face as `occlib.faces.alignment.face_transform` does, give or take a
    little."""
    distance = float(np.clip(np.exp(rng.normal(6.8, 0.45)), 380, 3000))  # mostly 0.6 to 1.5 m
    scale, roll = np.exp(rng.normal(0, 0.035)), np.deg2rad(rng.normal(0, 2.0))
    shift = np.clip(rng.normal(0, 0.012, 2), -0.04, 0.04)
    rotation = _rotation(angles)
    offset = -rotation @ landmarks.mean(0)
    translation = np.array([offset[0], offset[1], -distance])
    focal = 1.0
    # Turning and moving the head changes its perspective a little: three rounds settle it.
    for _ in range(3):
        points = Pinhole(rotation, translation, focal).project(landmarks, 1)[:, :2]
        eyes = points[45] - points[36]
        angles = angles + [0, 0, np.arctan2(eyes[1], eyes[0]) + roll]
        rotation = _rotation(angles)
        points = Pinhole(rotation, translation, focal).project(landmarks, 1)[:, :2]
        low, high = points.min(0), points.max(0)
        low[1] -= FOREHEAD * (high[1] - low[1])
        wanted = 0.5 + shift
        move = (wanted - (low + high) / 2) * [1, -1] * distance / focal
        translation = translation + [*move, 0]
        focal *= FRAME * scale / (high - low).max()
    return Pinhole(rotation, translation, focal), angles


def _rotation(angles: np.ndarray) -> np.ndarray:
    """R = R_z(roll) R_y(yaw) R_x(pitch), (3, 3): `rendering.rotation_matrix` takes ten times as long for
    one."""
    (a, b, c), (p, q, r) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, a, -p], [0, p, a]])
    about_y = np.array([[b, 0, q], [0, 1, 0], [-q, 0, b]])
    about_z = np.array([[c, -r, 0], [r, c, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _draw_light(rng: np.random.Generator, background: np.ndarray) -> tuple[Light, str]:
    """Light of one of several places, such that a white sheet facing the camera would be about 1."""
    mood = rng.choice(list(PLACES), p=[place[0] for place in PLACES.values()])
    share, softness, azimuth, height = (rng.uniform(*limits) for limits in PLACES[mood][1:])
    azimuth *= rng.choice([-1.0, 1.0])
    azimuth, height = np.deg2rad([azimuth, height])
    direction = np.array([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)])

    def tint(spread):  # warm to cold, and a little green to magenta
        warm, green = rng.normal(0, spread), rng.normal(0, 0.3 * spread)
        return np.exp([warm, green, -warm])

    surroundings = np.square(np.array(cv2.mean(background)[:3]) / 255) + 0.02
    surroundings /= LUMINANCE @ surroundings
    sky = tint(0.08) * (0.65 + 0.35 * surroundings)
    lamp = tint(0.5 if mood == "coloured" else 0.12)
    if mood == "sun":
        lamp = lamp * [1.06, 1.0, 0.88]
    # Light from everywhere: more from above than from below, more from one side, a little of higher bands.
    upward, across, ahead = rng.uniform(0.1, 0.75), rng.normal(0, 0.2), rng.normal(0.1, 0.2)
    shape = np.array([WHITE, *(np.array([upward, ahead, across]) * 3.07), *rng.normal(0, 0.12, 5)])
    ambient = (sky / (LUMINANCE @ sky))[:, None] * shape
    lamp /= LUMINANCE @ lamp
    level = 1 + ahead
    frontal = max(direction[2], 0.25)
    ambient *= (1 - share) / level
    return Light(ambient.reshape(27), direction, lamp * min(share / frontal, 1.6), softness), mood


def _draw_effects(rng: np.random.Generator, mood: str) -> Effects:
    """A camera of its time: sharp portraits, phones, dim rooms, small pictures blown up, old grey photos."""
    kind = rng.choice(list(CAMERAS), p=[camera[0] for camera in CAMERAS.values()])
    noise, blur, quality, sharpen = (rng.uniform(*limits) for limits in CAMERAS[kind][1:])
    shaken = rng.random() < 0.12
    angle, length = rng.uniform(0, np.pi), rng.uniform(1.5, 6.0) * shaken
    exposure = rng.normal(-0.25 if kind == "dim" else 0.0, 0.28)
    warm, green = rng.normal(0, 0.09 if mood in ("ceiling", "coloured") else 0.05), rng.normal(0, 0.02)
    return Effects(
        gain=float(np.exp(exposure)),
        balance=np.exp([warm, green, -warm]),
        blur=blur,
        motion=length * np.array([np.cos(angle), np.sin(angle)]),
        vignette=float(max(rng.normal(0.05, 0.12), 0)),
        read=0.4 * noise,
        shot=noise,
        contrast=float(np.clip(rng.normal(1.05, 0.15), 0.7, 1.5)),
        saturation=float(np.clip(rng.normal(1.0, 0.15), 0.6, 1.4)),
        black=float(max(rng.normal(0, 0.02), 0)),
        sharpen=sharpen,
        quality=int(quality),
        offset=rng.integers(0, 16, 2),
        grey=bool(kind == "old" or rng.random() < 0.04),
    )


def develop(scene: SceneImage, shot: Shot, rng: np.random.Generator) -> Photo:
    """The photos of a scene with and without its occluder; see the module's docstring."""
    size, effects = len(scene.clean), shot.effects
    gain = _metered(scene.clean, scene.parts) * effects.gain
    radius, motion = effects.blur * size / 256, effects.motion * size / 256
    lights, gains = np.empty((2, size, size, 4), np.uint16), gain * effects.balance
    _expose(scene.clean, scene.clean_alpha, shot.background, scene.shadow, gains, lights[0])
    _expose(scene.occluded, scene.occluded_alpha, shot.background, scene.mask, gains, lights[1])
    clean, occluded = (_smeared(_blurred(light, radius), motion) for light in lights)
    noise = rng.integers(0, 1 << 32, (size, size, 4), np.uint32)
    names = ("read", "shot", "contrast", "saturation", "black", "vignette", "grey")
    tone = np.array([getattr(effects, name) for name in names], np.float64)
    prints = np.empty((2, size, size, 3), np.uint8)
    _print(clean, occluded, noise, tone, prints)
    photos = [_compressed(_sharpened(x, effects, size), effects) for x in prints]

    mask, shadow, changed = np.empty((3, size, size), np.uint8)
    _explain(clean, occluded, mask, shadow, changed)
    reach = 2 * max(round(3 * size / 256), 1) + 1  # of sharpening
    changed = cv2.dilate(changed, np.ones((reach, reach), np.uint8))
    image = photos[0].copy()
    _join(photos[0], photos[1], changed, mask, shadow, image)
    return Photo(image, photos[0], mask, shadow, lighting_coefficients(shot.light, gain))


def _metered(clean: np.ndarray, parts: np.ndarray) -> float:
    """Exposure that a camera would choose: for the light, and partly for how light the face itself is."""
    red, green, blue, _ = cv2.mean(clean, (parts > 0).astype(np.uint8))
    level = LUMINANCE @ [red, green, blue] if parts.any() else 0.3
    return min(max(0.95 * (0.3 / max(level, 1e-3)) ** 0.45, 0.5), 3.0)


@kernel
def _expose(picture, alpha, background, fourth, gain, out):
    """16-bit linear light (S, S, 4) of a picture over a background (S, S, 3) uint8, exposed; and a fourth
    channel, 0..1 -> 16 bits, at least 1 where it is more than 0."""
    for row in range(len(picture)):
        for column in range(len(picture)):
            rest = 1 - alpha[row, column]
            for c in range(3):
                behind = background[row, column, c] / 255
                light = (picture[row, column, c] + rest * behind * behind) * gain[c] * SCALE
                out[row, column, c] = np.uint16(min(max(light + 0.5, 0.0), 65535.0))
            out[row, column, 3] = np.uint16(np.ceil(min(fourth[row, column], 1.0) * 65535.0))


@kernel
def _explain(clean, occluded, mask, shadow, changed):
    """8-bit mask and shadow (S, S), at least 1 where they are more than 0; and where either is."""
    for row in range(len(mask)):
        for column in range(len(mask)):
            hidden, darker = occluded[row, column, 3], clean[row, column, 3]
            mask[row, column], shadow[row, column] = (hidden + 256) // 257, (darker + 256) // 257
            changed[row, column] = hidden > 0 or darker > 0


@kernel
def _join(clean, occluded, changed, mask, shadow, image):
    """Copy the occluded photo into the image, which is a copy of the clean one, where it has `changed`; what
    then differs although neither mask nor shadow say so is the shadow's."""
    for row in range(len(image)):
        for column in range(len(image)):
            if not changed[row, column]:
                continue
            differs = False
            for c in range(3):
                image[row, column, c] = occluded[row, column, c]
                differs |= occluded[row, column, c] != clean[row, column, c]
            if differs and mask[row, column] == 0 and shadow[row, column] == 0:
                shadow[row, column] = 1


def _blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    if sigma <= 0.3:
        return picture
    side = 2 * int(np.ceil(2.5 * sigma)) + 1
    return cv2.GaussianBlur(picture, (side, side), sigma)


def _smeared(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The mean of copies moved by whole pixels along `motion` (x, y), centred; rounded up."""
    steps = int(np.ceil(np.abs(motion).max()))
    if steps < 2:
        return picture
    size = len(picture)
    padded = cv2.copyMakeBorder(picture, steps, steps, steps, steps, cv2.BORDER_REPLICATE).astype(np.uint32)
    total = np.zeros(picture.shape, np.uint32)
    for k in range(steps + 1):
        x, y = np.rint((k / steps - 0.5) * motion).astype(int) + steps
        total += padded[y : y + size, x : x + size]
    return ((total + steps) // (steps + 1)).astype(np.uint16)


@kernel
def _print(clean, occluded, noise, tone, prints):
    """16-bit linear light of both pictures (S, S, 4) -> sRGB (2, S, S, 3): vignette, noise, tone curve,
    contrast, saturation, grey. Where both have the same light they get the same colour, and it is worked out
    once.

    noise: (S, S, 4) random 32-bit numbers; their four bytes' sum is nearly normal. Three for the colours, one
    for all.
    """
    read, shot, contrast, saturation, black, vignette, grey = tone
    size = len(clean)
    color, grain = np.empty(3), np.empty(4)
    for row in range(size):
        for column in range(size):
            dx, dy = (2 * column + 1) / size - 1, (2 * row + 1) / size - 1
            dim = (1 - vignette * 0.5 * (dx * dx + dy * dy)) / SCALE
            for c in range(4):
                bits = noise[row, column, c]
                total = (bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + (bits >> 24)
                grain[c] = (np.float64(total) - 510) / 148
            same = True
            for c in range(3):
                same &= clean[row, column, c] == occluded[row, column, c]
            for b in range(2):
                if b and same:
                    for c in range(3):
                        prints[1, row, column, c] = prints[0, row, column, c]
                    continue
                for c in range(3):
                    x = (occluded[row, column, c] if b else clean[row, column, c]) * dim
                    x += (0.8 * grain[3] + 0.6 * grain[c]) * np.sqrt(read * read + shot * shot * x)
                    x = np.sqrt(max(x, 0.0))
                    if x > 0.8:  # highlights roll off towards white
                        x = 0.8 + 0.2 * (x - 0.8) / (x - 0.6)
                    color[c] = x + (contrast - 1) * x * (1 - x) * (2 * x - 1) * 2
                luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
                for c in range(3):
                    x = luma if grey else luma + saturation * (color[c] - luma)
                    x = black + (1 - black) * x
                    prints[b, row, column, c] = np.uint8(min(max(x * 255 + 0.5, 0.0), 255.0))


def _sharpened(photo: np.ndarray, effects: Effects, size: int) -> np.ndarray:
    """Unsharp mask p + strength (p - blur(p)); a negative strength blurs, as removing noise does. In whole
    numbers."""
    strength = int(64 * effects.sharpen)
    if strength == 0:
        return photo
    blurred = _blurred(photo, size / 256)
    sharp = np.empty_like(photo)
    _unsharp(photo.reshape(-1), blurred.reshape(-1), strength, sharp.reshape(-1))
    return sharp


@kernel
def _unsharp(photo, blurred, strength, sharp):
    for i in range(len(photo)):
        value = np.int32(photo[i])
        sharp[i] = min(max(value + ((strength * (value - np.int32(blurred[i]))) >> 6), 0), 255)


def _compressed(photo: np.ndarray, effects: Effects) -> np.ndarray:
    """The photo after JPEG with colours at half resolution."""
    size, (x, y) = len(photo), effects.offset
    padded = cv2.copyMakeBorder(photo, y, 0, x, 0, cv2.BORDER_REPLICATE)
    settings = [cv2.IMWRITE_JPEG_QUALITY, effects.quality,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]  # fmt: skip
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(padded, cv2.COLOR_RGB2BGR), settings)
    decoded = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(decoded[y : y + size, x : x + size])
