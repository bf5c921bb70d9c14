"""Photos of real people with the world's occluders in front of them: the way to train and test on real faces.

    photos = OccludedPhotos(CelebA("/data/celeba", split="train"), seed=1)
    photos[0].image, photos[0].clean, photos[0].mask

The face model is fitted to the photo's landmarks, roughly and fast. That says where the head is, in what
light, and what colour its skin has. An occluder is put on the fitted head as in the world and rendered in
that light. The head itself is drawn twice, never to be seen: in black it hides what lies behind it, in white
it shows the shadows that fall on it. Both are then laid over the photo.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch

from occlib.data.aligning import aligned
from occlib.data.heads import HeadGeometry, head_model
from occlib.data.occluders import FAMILIES, TRAINING, draw_occluder
from occlib.data.sample import OCCLUDER, Sample, contours_of
from occlib.data.scene import Light, Pinhole, SceneImage, Surface, render_scene
from occlib.errors import DataError
from occlib.faces import find_face, landmarks_68
from occlib.images import Photo, load_photo
from occlib.morphable import open_model
from occlib.reconstruction import FitSettings, fit
from occlib.rendering import rotation_matrix, shade

LANDMARKS_ONLY = FitSettings(gauss_newton=(), levels=())
"""Pose and shape from landmarks, colours and light by least squares: no pixel is compared with a
rendering."""
DISTANCE = 1500.0
"""mm from the head to the camera, which the scaled-orthographic fit leaves open."""
KEY_SHARE = 0.8
"""How much of the light that comes from one side is taken for a lamp's, which casts shadows."""
FAINTEST = 1 / 512
"""Cover and shadow below this change no 8-bit picture."""
GREY = 6
"""Most that red, green and blue of a pixel differ in a photo that is grey, but for its JPEG."""


class OccludedPhotos:
    """A map-style dataset: Sample by index, one for each photo; the same seed gives the same occluders.

    photos: Samples of a reader, or anything that `load_photo` takes. size: side of the aligned square.
    families: names in FAMILIES to draw from, by default those for training. coverage: lowest and highest
    share of the face to hide.

    Of each sample exist: clean, the aligned photo; image, equal to it where mask and shadow are 0; mask,
    shadow, contours, landmarks (the data set's, else detected), occluder, coverage (over the fitted face). If
    the data set has parse labels, parsing has the occluder added; what covers the face already stays, in
    `clean` too, and is not in the mask. Raises NoFaceError for a photo without a face.
    """

    def __init__(
        self,
        photos: Sequence[Sample | Photo],
        seed: int = 0,
        size: int = 256,
        families: Iterable[str] | None = None,
        coverage: tuple[float, float] | None = None,
    ):
        self.photos, self.seed, self.size, self.coverage = photos, seed, size, coverage
        self.families = TRAINING if families is None else tuple(families)
        unknown = sorted(set(self.families) - FAMILIES.keys())
        if unknown or not self.families:
            raise DataError(f"no occluders {', '.join(unknown) or 'chosen'}: there are {', '.join(FAMILIES)}")

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Sample:
        photo = self.photos[index]
        sample = photo if isinstance(photo, Sample) else Sample(image=load_photo(photo))
        points = find_face(sample.image).points[:, :2]
        around = _box(sample.image, points)
        if sample.landmarks is None:
            sample = sample.replace(landmarks=landmarks_68(points))
        sample = aligned(sample, self.size, points)
        matrix = np.array(sample.info["photo_to_aligned"])
        points = points @ matrix[:, :2].T + matrix[:, 2]

        rng = np.random.default_rng([self.seed, index % len(self)])
        head, camera, light = _fitted(sample.image, points, softness=rng.uniform(0.05, 0.3))
        name, occluder, _ = draw_occluder(head, rng, self.coverage, self.families, camera.eye)
        scene = _render(head, occluder, light, camera, self.size)
        enlarged = math.sqrt(np.linalg.det(matrix[:, :2]))
        noise = _noise(around if enlarged > 1 else sample.image, self.size, max(enlarged, 1), rng)
        image, mask, shadow = _laid_over(sample.image, scene, blur=0.5 * max(enlarged, 0.8), noise=noise)
        face = scene.parts > 0
        parsing = sample.parsing
        if parsing is not None:
            parsing = np.where(mask > 127, np.uint8(OCCLUDER), parsing)
        return sample.replace(
            image=image,
            clean=sample.image,
            mask=mask,
            shadow=shadow,
            parsing=parsing,
            contours=contours_of(sample.image),
            occluder=name,
            coverage=float(mask[face].mean() / 255) if face.any() else 0.0,
            info={**sample.info, "seed": self.seed, "index": index % len(self)},
        )


@torch.no_grad()
def _fitted(photo: np.ndarray, points: np.ndarray, softness: float) -> tuple[HeadGeometry, Pinhole, Light]:
    """The head, the camera and the light of an aligned photo (S, S, 3) uint8 with FaceMesh points (468,
    2)."""
    pixels = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    points = torch.from_numpy(points).float()
    found = fit(pixels, points, open_model("cpu"), settings=LANDMARKS_ONLY).coefficients
    identity, expression, texture = (x[0].numpy() for x in (found.identity, found.expression, found.texture))
    heads = head_model()
    head = heads.geometry(identity, expression, heads.albedo(texture))

    rotation = rotation_matrix(found.pose[:, :3])[0].double().numpy()
    scale, x, y = found.pose[0, 3:].double().numpy()
    size = len(photo)
    translation = np.array([(x - size / 2) / scale, (size / 2 - y) / scale, -DISTANCE])
    camera = Pinhole(rotation, translation, scale * DISTANCE / size)
    normals = head.normals @ rotation.T
    return head, camera, _light(found.lighting, normals[normals[:, 2] > 0.1], softness)


def _light(lighting: torch.Tensor, normals: np.ndarray, softness: float) -> Light:
    """The light whose linear shading is the square of the fitted one, (1, 9), on the normals (N, 3) that are
    seen.

    The fit multiplies sRGB colours by its shading, the scene linear light by its own; linear is sRGB squared.
    What comes from one side, a + K max(n d, 0) in least squares, becomes a lamp's; harmonics give the rest.
    """
    normals = torch.from_numpy(np.ascontiguousarray(normals, np.float64))
    wanted = shade(normals[None], lighting.double())[0, :, 0].clamp(min=0).square().numpy()
    n = normals.numpy()
    slope = np.linalg.lstsq(np.column_stack([np.ones(len(n)), n]), wanted, rcond=None)[0][1:]
    direction = slope / max(np.linalg.norm(slope), 1e-6)
    lobe = np.maximum(n @ direction, 0)
    base, key = np.linalg.lstsq(np.column_stack([np.ones(len(n)), lobe]), wanted, rcond=None)[0]
    key = KEY_SHARE * np.clip(key, 0, wanted.max())
    units = torch.eye(9, dtype=torch.float64)
    harmonics = shade(normals.expand(9, -1, -1), units)[..., 0].numpy().T
    # A little ridge: harmonics are free where no normal of the face points.
    ridge = 1e-3 * len(n) * np.eye(9)
    ambient = np.linalg.solve(harmonics.T @ harmonics + ridge, harmonics.T @ (wanted - key * lobe))
    return Light(ambient, direction, np.full(3, key), softness)


def _render(
    head: HeadGeometry, occluder: list[Surface], light: Light, camera: Pinhole, size: int
) -> SceneImage:
    """The occluder's own light in `occluded`, before black; all the rest as over a white head."""
    scenes = []
    for color in (0.0, 1.0):
        skin = Surface(
            head.vertices, head.faces, color=np.full_like(head.vertices, color), normals=head.normals,
            label=head_model().face_labels, specular=0.0, is_head=True,
        )  # fmt: skip
        posed = [surface.posed(camera.rotation, camera.translation) for surface in (skin, *occluder)]
        scenes.append(render_scene(posed, light, camera, size))
    black, white = scenes
    return replace(white, occluded=black.occluded)


def _laid_over(
    photo: np.ndarray, scene: SceneImage, blur: float, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """image, mask, shadow: the occluder over the photo (S, S, 3) uint8, blurred and noisy (S, S, 3) as that
    is."""
    light, mask, shadow = (
        cv2.GaussianBlur(x, (0, 0), blur) for x in (scene.occluded, scene.mask, scene.shadow)
    )
    mask, shadow = (np.where(x < FAINTEST, 0, np.minimum(x, 1))[..., None] for x in (mask, shadow))
    behind = np.square(photo / np.float32(255)) * (1 - shadow)
    colors = np.sqrt(np.clip(light + (1 - mask) * behind, 0, 1)) * 255 + mask * noise
    if np.percentile(np.ptp(photo.astype(np.int16), axis=-1), 95) <= GREY:
        colors = np.repeat(colors @ [[0.299], [0.587], [0.114]], 3, axis=-1)
    image = np.where((mask > 0) | (shadow > 0), np.rint(np.clip(colors, 0, 255)).astype(np.uint8), photo)
    mask, shadow = (np.ceil(x[..., 0] * 255).astype(np.uint8) for x in (mask, shadow))
    return image, mask, shadow


def _box(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The part of a photo (H, W, 3) that holds the points (N, 2)."""
    (left, top), (right, bottom) = (
        np.maximum(points.min(0), 0).astype(int),
        np.ceil(points.max(0)).astype(int),
    )
    return photo[top:bottom, left:right]


def _noise(photo: np.ndarray, size: int, enlarged: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (S, S, 3) as strong as the photo's (H, W, 3), in grains as large as its pixels become.

    The photo's is measured by a filter that neither flat nor sloping surfaces pass (J. Immerkaer, 1996), by
    the median, which is blind to the few edges.
    """
    residue = cv2.filter2D(photo.astype(np.float32), -1, np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32))
    sigma = np.median(np.abs(residue)) / (0.6745 * 6)
    side = math.ceil(size / enlarged)
    grains = 0.8 * rng.normal(size=(side, side, 1)) + 0.6 * rng.normal(size=(side, side, 3))
    return sigma * cv2.resize(grains, (size, size), interpolation=cv2.INTER_LINEAR)
