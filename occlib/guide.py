"""A guide for contours and synthesis, beyond the paper: the face model, drawn into the hole.

    photo with a hole --fit to what is visible--> V_x --render--> colours matched, what the model lacks taken from the
    face's other side --> laid into the hole

A large hole leaves a network nothing to hold on to; the fitted face says where eyes and mouth must be. In
training there is no time to fit: the true coefficients are made wrong as a fit's are (`Errors`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import torch

from occlib.data.sample import contours_of
from occlib.faces import track
from occlib.faces.landmarks import MESH_SIZE, read_mesh
from occlib.images import to_bytes
from occlib.inpainting import telea
from occlib.morphable import Coefficients, open_model
from occlib.reconstruction import FACE_REGIONS, FitSettings, fit
from occlib.rendering import Camera, render

CHANNELS = 5
"""Of `Guide.tensor`: three colours, coverage, contours."""
ROUGH = FitSettings(gauss_newton=((6.0, 4, 3), (3.0, 4, 3), (1.5, 4, 3)), levels=())
"""A fit on the way to the fit: good enough to look behind an occluder with."""
LANDMARKS_ONLY = replace(ROUGH, gauss_newton=())
"""Rougher still, and faster: shape from landmarks, colours by least squares."""
LUMA = (0.299, 0.587, 0.114)
LEAST_CHROMA = 2 / 255
"""Mean difference of red, green and blue below which a photo is grey."""
RIDGE = 0.005
"""How much, as a share of the visible face's pixels, its colours are held to the rendering's own."""
ALIKE = 0.7
"""How much of what the model lacks on one side of a face is expected on the other."""
OPPOSITE_BLUR = 1 / 256
"""Of that, as a share of the side: two sides of a face fit each other no better."""
SOFTER = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""By how many pixels of 256 a rendering may be blurred to be no sharper than its photo."""
SAME_DEPTH = 6.0
"""Millimetres within which a point is not behind another."""


@dataclass(frozen=True, eq=False)
class Guide:
    """What may stand in the hole of a photo (S, S, 3).

    image (S, S, 3) float32 in [0, 1]: the photo outside of the hole, the fitted face in it, and where no face
    is, colours from around the hole. coverage (S, S) float32 in [0, 1]: where the face model says something.
    contours (S, S) uint8, 0 or 255: the edges of `image`. vector (239,) float32: V_x of the face, or None.
    """

    image: np.ndarray
    coverage: np.ndarray
    contours: np.ndarray
    vector: np.ndarray | None = None

    def tensor(self) -> torch.Tensor:
        """(5, S, S) float32 in [0, 1]: colours, coverage, contours."""
        maps = [*self.image.transpose(2, 0, 1), self.coverage, self.contours / 255]
        return torch.from_numpy(np.stack(maps).astype(np.float32))


class Drawn(NamedTuple):
    """The face model in a photo of S pixels a side. colors (S, S, 3) float32. coverage (S, S) float32 in [0, 1]: where
    it shows a part of the face, with a soft rim. opposite (S, S, 2) float32: which pixel, (x, y), shows the same
    point on the other side of the face, by cv2.remap's count; NaN where none does."""

    colors: np.ndarray
    coverage: np.ndarray
    opposite: np.ndarray


@dataclass(frozen=True)
class Errors:
    """Standard deviations of what a fit to the visible part of a face gets wrong.

    With these the guide is as far from the truth in the hole (PSNR) as `fitted_guide`'s on samples of the
    world. The fit's own coefficients err more (1.3, 0.9 and 1.3), but along what the photo hardly shows.

    identity, expression, texture: of every coefficient, in its own standard deviations. light: of every
    spherical-harmonics coefficient. angle: radians. scale: natural logarithm of k. shift: share of the side.
    """

    identity: float = 0.5
    expression: float = 0.5
    texture: float = 0.5
    light: float = 0.2
    angle: float = 0.05
    scale: float = 0.02
    shift: float = 0.01

    def applied(self, vector: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
        """V_x (239,) of a photo of `side` pixels as a fit would have found it."""
        parts = np.split(vector, np.cumsum(Coefficients.SIZES)[:-1])
        sds = (self.identity, self.expression, self.texture, self.light)
        found = [part + sd * rng.standard_normal(len(part)) for part, sd in zip(parts, sds, strict=False)]
        angles, k, shift = np.split(parts[-1], [3, 4])
        angles = angles + self.angle * rng.standard_normal(3)
        k = k * np.exp(self.scale * rng.standard_normal(1))
        shift = shift + self.shift * side * rng.standard_normal(2)
        return np.concatenate([*found, angles, k, shift]).astype(np.float32)


def model_guide(
    photo: np.ndarray,
    hole: np.ndarray,
    vector: np.ndarray,
    side: float | None = None,
    *,
    alike: float = ALIKE,
    soft: bool = True,
) -> Guide:
    """The guide of a photo (S, S, 3) float32 in [0, 1] with a hole (S, S) bool, for V_x (239,) of that photo.

    The rendered colours are matched to the visible face's by an affine map, their sharpness to its (`softened`); what
    still differs there is `continued` into the hole, so that there is no seam. side: see `contours_of`. alike: see
    `continued`. soft: False keeps the rendering's sharpness.
    """
    image, coverage, opposite = face_picture(vector, len(photo))
    known = ~hole & (coverage > 0.5)
    change = colour_match(image, photo, known)
    drawn = image @ change[:3] + change[3]
    drawn = softened(drawn, photo, known) if soft else drawn
    drawn = drawn + continued(photo - drawn, known, opposite, alike)
    return replace(_guide(photo, hole, drawn, coverage, side), vector=vector)


def blank_guide(photo: np.ndarray, hole: np.ndarray, side: float | None = None) -> Guide:
    """The guide where no face can be fitted: colours from around the hole, coverage 0.

    photo: (S, S, 3) in [0, 1]; hole: (S, S) bool. side: see `contours_of`.
    """
    return _guide(photo, hole, photo, np.zeros(hole.shape, np.float32), side)


def fitted_guide(photo: np.ndarray, hole: np.ndarray) -> Guide:
    """The guide of a photo (S, S, 3) uint8 that `face_transform` has cut, with a hole (S, S) bool.

    The face is where that transform puts it, so no detector is needed, which a hole in the middle would defeat.
    FaceMesh looks at the photo as it is and at one whose hole is filled smoothly, and the surer look counts.
    """
    filled = to_bytes(blank_guide(photo.astype(np.float32) / 255, hole).image)
    square = np.diag([1, 1, 0])[:2] * (MESH_SIZE / len(photo))
    points, _ = max((read_mesh(look, square) for look in (photo, filled)), key=lambda look: look[1])
    return look_behind(photo, hole, points)[0]


def look_behind(
    photo: np.ndarray, hole: np.ndarray, points: np.ndarray, *, mask: np.ndarray | None = None, looks: int = 3
) -> tuple[Guide, np.ndarray]:
    """The guide of a photo (S, S, 3) uint8 with a hole (S, S) bool, and its FaceMesh points (468, 2) again.

    An occluder leads the detector of `points` astray, even on what is visible. So the face is fitted to the
    visible rest and drawn into the hole, and that picture is looked at, `looks` times: each time the face fits
    better. Landmarks alone are fast, and enough until the last look. What the other side of the face shows comes into
    the result alone, since a face that does not fit yet has no true opposite, and so does the photo's sharpness. mask
    (S, S) in [0, 1]: what the fit leaves out, by default the hole.
    """
    pixels = photo.astype(np.float32) / 255
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    mask = torch.from_numpy((hole if mask is None else mask).astype(np.float32))[None, None]
    for look in range(looks):
        settings = ROUGH if look == looks - 1 else LANDMARKS_ONLY
        points = torch.from_numpy(np.asarray(points[:, :2], np.float32))
        vector = fit(image, points, open_model("cpu"), mask=mask, settings=settings).coefficients.vector()[0]
        guide = model_guide(pixels, hole, vector.numpy(), alike=0, soft=False)
        points = track(to_bytes(guide.image), points.numpy())[0][:, :2]
    return model_guide(pixels, hole, vector.numpy()), points


@torch.no_grad()
def face_picture(vector: np.ndarray, size: int) -> Drawn:
    """The face of V_x (239,), given for a photo of S pixels a side. Covered is what shows a part of the face: scalp, ears
    and neck wear hair and clothes."""
    model = open_model("cpu")
    found = Coefficients.from_vector(torch.from_numpy(np.ascontiguousarray(vector, np.float32))[None])
    vertices, albedo = model.shape(found.identity, found.expression), model.albedo(found.texture)
    camera = Camera(found.pose, size)
    drawn = render(vertices, model.faces, albedo, found.lighting, camera, size)
    triangles = drawn.fragments.pix_to_face[0, ..., 0]
    corners, seen = model.faces[triangles.clamp(min=0)], triangles >= 0  # (S, S, 3), (S, S)
    face = (_face_vertices()[corners].all(-1) & seen).numpy().astype(np.float32)
    colors = smooth_fill(drawn.image[0].permute(1, 2, 0).numpy(), face > 0.5)  # under the soft rim too
    # Where the mirrored corners of a pixel's triangle are, and whether something else is seen there.
    mirrored = camera.project(vertices)[0][model.symmetry[corners]]  # (S, S, 3, 3)
    x, y, depth = (drawn.fragments.bary_coords[0, ..., 0, :, None] * mirrored).sum(-2).unbind(-1)
    opposite = torch.stack([x, y], -1).numpy() - np.float32(0.5)
    there = cv2.remap(drawn.depth[0, 0].numpy(), opposite, None, cv2.INTER_NEAREST, borderValue=np.inf)
    opposite[~seen.numpy() | ~(np.abs(there - depth.numpy()) < SAME_DEPTH)] = np.nan
    return Drawn(colors, cv2.GaussianBlur(face, (0, 0), size / 128), opposite)


def continued(rest: np.ndarray, known: np.ndarray, opposite: np.ndarray, alike: float = ALIKE) -> np.ndarray:
    """What the drawn face lacks, `rest` r (S, S, 3) float32 where it is known (S, S) bool, everywhere: faces are nearly
    symmetric, so the share `alike` of what it lacks on the other side, and a smooth difference.

        r' = alike r(opposite) + smooth(r - alike r(opposite))

    smooth is `smooth_fill` from where r is known; it also stands for r and r(opposite) where they are not known.
    opposite (S, S, 2): see `Drawn`. alike in [0, 1]: 0 continues what is around the hole, and nothing else.
    """
    if alike == 0:
        return smooth_fill(rest, known)
    everywhere = cv2.GaussianBlur(smooth_fill(rest, known), (0, 0), OPPOSITE_BLUR * len(rest))
    there = np.isfinite(opposite[..., 0])
    other = cv2.remap(everywhere, np.nan_to_num(opposite), None, cv2.INTER_LINEAR)
    other = np.float32(alike) * smooth_fill(other, there)
    return other + smooth_fill(rest - other, known)


def colour_match(drawn: np.ndarray, photo: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(4, 3): the affine map of colours that carries `drawn` to `photo`, both (S, S, 3), in the area `where`.

        min_A  sum_where |[drawn, 1] A - photo|^2 + ridge |A - A_0|^2

    A_0 leaves colours as they are, or makes them grey where the photo is grey. Nothing to compare gives A_0.
    """
    start = np.eye(4, 3, dtype=np.float32)
    if where.any() and np.ptp(photo[where], axis=-1).mean() < LEAST_CHROMA:
        start[:3] = np.array(LUMA)[:, None]
    rows = np.column_stack([drawn[where], np.ones(where.sum(), np.float32)])
    ridge = RIDGE * len(rows) * np.diag([1, 1, 1, 1e-3]) + 1e-3 * np.eye(4)
    change = np.linalg.solve(rows.T @ rows + ridge, rows.T @ (photo[where] - rows @ start))
    return (start + change).astype(np.float32)


def softened(drawn: np.ndarray, photo: np.ndarray, where: np.ndarray) -> np.ndarray:
    """`drawn` blurred as little as makes it no sharper than `photo`, both (S, S, 3) float32, in the area `where` (S, S)
    bool.

    A rendering has edges of one pixel, a photo seldom: least of all a small one that was enlarged. Sharpness is how much
    of the finest detail there is for the next coarser,

        sum_where |x - G x|^2 / sum_where |G^2 x - G^4 x|^2

    of grey values x, where G^n blurs by 0.7 n pixels of 256: contrast does not change it. Noise counts as sharp.
    """
    unit = len(photo) / 256
    inner = cv2.erode(where.astype(np.uint8), np.ones(2 * (2 * round(4 * unit) + 1,), np.uint8)) > 0
    if not inner.any():
        return drawn

    def blurred(picture, pixels):
        return cv2.GaussianBlur(picture, (0, 0), pixels * unit)

    def sharpness(picture):
        grey = picture @ np.array(LUMA, np.float32)
        fine, coarse = grey - blurred(grey, 0.7), blurred(grey, 1.4) - blurred(grey, 2.8)
        return np.square(fine[inner]).sum() / max(np.square(coarse[inner]).sum(), 1e-9)

    goal, soft = sharpness(np.where(where[..., None], photo, drawn)), drawn  # what is in the hole is not looked at
    for pixels in SOFTER:
        if sharpness(soft) <= 1.01 * goal:
            break
        soft = blurred(drawn, pixels)
    return soft


def smooth_fill(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continue the known part (S, S) bool of values (S, S, C) float32 smoothly over all of the picture.

    Pull-push (Gortler et al. 1996): half the size, where each pixel is the weighted mean of what is known of
    four, filled in the same way, enlarges into the gaps. Nothing known gives zeros.
    """
    weights = known.astype(np.float32)
    return _pulled_and_pushed(values * weights[..., None], weights)


def surroundings(photo: np.ndarray, hole: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What may lie in the hole (S, S) bool of a photo (S, S, 3) float32 in [0, 1] where no face is: half of it
    continues the edges of all that is visible (Telea 2004), half is what is `known` (S, S) bool, smoothly.

    Each alone is farther from the truth: the one draws streaks, the other loses the edge of hair.
    """
    return (telea(to_bytes(photo), hole) / np.float32(255) + smooth_fill(photo, known)) / 2


def _pulled_and_pushed(weighted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """values * weights (S, S, C) and weights (S, S) in [0, 1] -> values (S, S, C), known or not."""
    own = weighted / np.maximum(weights, 1e-6)[..., None]
    if max(weights.shape) == 1 or weights.min() == 1:
        return own
    half = _pulled_and_pushed(cv2.pyrDown(weighted), cv2.pyrDown(weights))
    height, width = weights.shape
    around = cv2.pyrUp(half, dstsize=(width, height))
    share = np.minimum(weights, 1)[..., None]
    return share * own + (1 - share) * around


@cache
def _face_vertices() -> torch.Tensor:
    """(V,) bool: those of the five facial parts and of the inside of the mouth."""
    model = open_model("cpu")
    parts = [model.region_names.index(name) for name in (*FACE_REGIONS, "mouth")]
    return torch.isin(model.regions, torch.tensor(parts))


def _guide(photo: np.ndarray, hole: np.ndarray, drawn: np.ndarray, coverage: np.ndarray, side) -> Guide:
    around = surroundings(photo, hole, ~hole & (coverage < 0.5))
    inside = around + coverage[..., None] * (drawn - around)
    image = np.where(hole[..., None], np.clip(inside, 0, 1), photo).astype(np.float32)
    return Guide(image, coverage, contours_of(to_bytes(image), side=side))
