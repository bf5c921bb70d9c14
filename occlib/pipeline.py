"""The road of one photo, Figure 1 as one readable function: photo -> Reconstruction.

    photo --find_face--> 468 points --crop--> aligned photo (--mask, contours, complete face-->) fit --> mesh
                              ^------- look behind the mask -------'

The learned stages of §3.1 and §3.2 are not there yet: the mask is given by the user, or it is what colour
sets apart and the face model cannot explain, and the fit compares with the photo where it is visible.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from os import PathLike
from pathlib import Path

import cv2
import numpy as np
import torch

from occlib.errors import MaskError
from occlib.faces import (
    DlibFeatures,
    Face,
    align_chip,
    detect,
    face_transform,
    find_face,
    track,
    transform,
    warp,
)
from occlib.files import whole_folder
from occlib.images import Photo, load_mask, load_photo, save_image
from occlib.meshfiles import bake_texture, write_glb, write_obj, write_ply
from occlib.morphable import Coefficients, MorphableModel
from occlib.morphable.landmarks import NOW_FROM_IBUG
from occlib.reconstruction import (
    Fit,
    FitSettings,
    colour_parts,
    face_pixels,
    fit,
    found_occluder,
    robust_weights,
)
from occlib.rendering import Camera, Rendering, render

ALIGNED_SIZE = 256
"""Pixels a side of the aligned photo that every stage works on."""

ROUGH = FitSettings(gauss_newton=((6.0, 4, 3), (3.0, 4, 2)), levels=())
"""A fit on the way to the fit: good enough to look behind an occluder with."""
LANDMARKS_ONLY = replace(ROUGH, gauss_newton=())
"""Rougher still, and faster: shape from landmarks, colours by least squares."""

NOW_NAMES = (  # the 7 points of the NoW benchmark, in the order of NOW_FROM_IBUG
    "right eye outer corner",
    "right eye inner corner",
    "left eye inner corner",
    "left eye outer corner",
    "nose bottom",
    "right mouth corner",
    "left mouth corner",
)


@dataclass
class Reconstruction:
    """A face found in a photo. Arrays are numpy; S = ALIGNED_SIZE.

    photo: (H, W, 3) uint8 as loaded. aligned: (S, S, 3) uint8, the photo around the upright face.
    crop: (2, 3), photo pixels -> aligned pixels. points: (468, 2) detected, in aligned pixels. mask: (S, S)
    float in [0, 1], 1 = occluded: the given mask, or what the fit found that the face cannot explain.
    mask_given: which of the two it is. coefficients, camera: V_x and Eq. 10 for `aligned`.
    vertices: (V, 3) mm, in the model's own coordinates. faces: (F, 3). colors: (V, 3) RGB albedo in [0, 1].
    landmarks: (68, 3) mm. faces_in_photo: how many faces were found; the largest was taken. fit: weights
    and history.
    """

    photo: np.ndarray
    aligned: np.ndarray
    crop: np.ndarray
    points: np.ndarray
    mask: np.ndarray
    mask_given: bool
    coefficients: Coefficients
    camera: Camera
    model: MorphableModel
    vertices: np.ndarray
    faces: np.ndarray
    colors: np.ndarray
    landmarks: np.ndarray
    faces_in_photo: int
    fit: Fit

    @torch.no_grad()
    def render(self, image_size: int = ALIGNED_SIZE, *, angles=None, lighting=None) -> Rendering:
        """Render the face as in the aligned photo, or turned to `angles` (pitch, yaw, roll in radians)."""
        pose = self.coefficients.pose.clone()
        if angles is not None:
            pose[:, :3] = torch.as_tensor(angles).to(pose)
        vertices = self.model.shape(self.coefficients.identity, self.coefficients.expression)
        albedo = self.model.albedo(self.coefficients.texture)
        lighting = self.coefficients.lighting if lighting is None else lighting.to(pose)
        return render(vertices, self.model.faces, albedo, lighting, Camera(pose, ALIGNED_SIZE), image_size)

    def landmarks_aligned(self) -> np.ndarray:
        """The 68 landmarks projected into the aligned photo, (68, 2) pixels."""
        points = torch.from_numpy(self.landmarks)[None].to(self.camera.pose)
        return self.camera.project(points)[0, :, :2].cpu().numpy()

    def landmarks_2d(self) -> np.ndarray:
        """The 68 landmarks projected into the original photo, (68, 2) pixels."""
        return (self.landmarks_aligned() - self.crop[:, 2]) @ np.linalg.inv(self.crop[:, :2]).T

    def plot(self):
        """Matplotlib figure of the stages: photo, mask, fitted face, turned face."""
        from occlib.plotting import stages

        return stages(self)

    def result(self) -> dict:
        """What `result.json` holds: coefficients, camera, landmarks, the 7 NoW points."""
        parts = ("identity", "expression", "texture", "lighting", "pose")
        return {
            "coefficients": {name: getattr(self.coefficients, name)[0].tolist() for name in parts},
            "camera": {
                "model": "scaled orthographic, P_2d = k P R S + t (Eq. 10)",
                "pose": "pitch, yaw, roll in radians, k in pixels per mm, t_x, t_y in pixels of the aligned photo",
                "image_size": ALIGNED_SIZE,
                "photo_to_aligned": self.crop.tolist(),
            },
            "landmarks_2d": self.landmarks_2d().round(3).tolist(),
            "landmarks_3d": self.landmarks.round(4).tolist(),
            "now_points": {name: self.landmarks[index].round(4).tolist() for name, index in zip(NOW_NAMES, NOW_FROM_IBUG)},
            "units": "mm; x to the viewer's right, y up, z towards the viewer",
            "mask_given": self.mask_given,
            "faces_in_photo": self.faces_in_photo,
        }

    def save(self, folder: str | PathLike) -> Path:
        """Write mesh.obj (+ mesh.mtl, texture.png), mesh.ply, mesh.glb, stages.jpg and result.json.

        All of them appear together or, when something fails, none does (OutputError).
        """
        from occlib.plotting import figure_pixels

        uv, uv_faces = self.model.uv.cpu().numpy(), self.model.uv_faces.cpu().numpy()
        texture = bake_texture(self.colors, self.faces, uv, uv_faces)
        with whole_folder(folder) as part:
            write_obj(part / "mesh.obj", self.vertices, self.faces, uv, uv_faces, texture)
            write_ply(part / "mesh.ply", self.vertices, self.faces, self.colors)
            write_glb(part / "mesh.glb", self.vertices, self.faces, uv, uv_faces, texture)
            save_image(figure_pixels(self.plot()), part / "stages.jpg")
            (part / "result.json").write_text(json.dumps(self.result(), indent=1) + "\n")
        return Path(folder)


def reconstruct(
    photo: Photo,
    mask: Photo | None = None,
    *,
    device: str | torch.device | None = None,
    model: MorphableModel | None = None,
    settings: FitSettings = FitSettings(),
    progress=None,
) -> Reconstruction:
    """From a photo, partly covered or not, to a 3D face.

    photo: path, PIL image or (H, W, 3) uint8 array. mask: None, or path or (H, W) array, non-zero = occluded;
    without one, what the face model cannot explain is taken for the occluder. device: "cpu" (default;
    for one photo the fastest) or "cuda". model: the open face model, or one from `MorphableModel.load`.
    progress: called with each FitStep.

    Raises ImageError, MaskError, NoFaceError or MissingAssetError, each with one line to act on. When
    several faces are found the largest is taken, with a warning in the log.
    """
    device = torch.device(device or "cpu")
    pixels = load_photo(photo)
    occluded = None if mask is None else load_mask(mask, pixels.shape)
    model = _open_model(str(device)) if model is None else model.to(device)

    # An occluder that is known is painted over, roughly, before looking for the face: it would lead the
    # detector astray, or hide the face from it altogether.
    face = find_face(pixels if occluded is None else paint_over(pixels, occluded))
    points = torch.from_numpy(face.points[None, :, :2])
    crop = face_transform(points, ALIGNED_SIZE)
    aligned = warp(_image(pixels, device), crop.to(device), ALIGNED_SIZE).clamp(0, 1)
    points = transform(crop, points)[0]
    mask_image = None
    if occluded is not None:
        mask_image = warp(_image(occluded[..., None] * np.uint8(255), device), crop.to(device), ALIGNED_SIZE)
        _check_face_visible(mask_image, points)

    def fitted(hidden: torch.Tensor | None) -> Fit:
        features = _aligned_features(points.to(device)) if settings.lambda_features else None
        return fit(aligned, points.to(device), model, mask=hidden, settings=settings, progress=progress,
                   features=features)

    hidden = mask_image
    if hidden is None and settings.robust:
        hidden, points = find_occluder(aligned, points, model)
    if hidden is None:
        result = fitted(None)
        hidden = found_occluder(result) if settings.robust else None
        if hidden is not None:  # better landmarks show it better
            points = look_behind(aligned, found_anew(aligned, points, hidden), hidden, model)
            hidden = found_occluder(fit(aligned, points.to(device), model, settings=ROUGH))
    if hidden is not None:  # given or found: then on the same road
        points = look_behind(aligned, points, hidden, model)
        result = fitted(hidden)
    return _assemble(pixels, face, aligned, crop, points, mask_image, model, result)


def find_occluder(
    aligned: torch.Tensor,
    points: torch.Tensor,
    model: MorphableModel,
    *,
    tried: int = 3,
    explained: float = 0.45,
) -> tuple[torch.Tensor | None, torch.Tensor]:
    """The part of an aligned photo (1, 3, S, S) that colour sets apart and no face explains, or None.

    Returns a mask (1, 1, S, S), 1 = occluded, and the landmarks (468, 2) seen behind it; points (468, 2)
    are the detected ones. A face is fitted to what each part leaves visible. Where a part is skin or a
    shadow, that face predicts its colours; an occluder's it does not. Of the first `tried` parts the one
    that it predicts least is taken, if that is less than the share `explained`. With the better landmarks
    it is cut out anew.
    """

    def parts(points: torch.Tensor) -> list[torch.Tensor]:
        found = colour_parts(_pixels(aligned), points.cpu().numpy())
        return [torch.from_numpy(part).to(aligned)[None, None] for part in found[:tried]]

    occluder, start = None, points
    for part in parts(start):
        seen = _tracked(_painted_over(aligned, part), start)
        seen = look_behind(aligned, seen, part, model, looks=1, last=LANDMARKS_ONLY)
        guess = fit(aligned, seen.to(aligned), model, mask=part, settings=LANDMARKS_ONLY)
        share = _explained_share(aligned, guess, part, model)
        if share < explained:
            occluder, points, explained = part, seen, share
    if occluder is None:
        return None, start

    def overlap(part: torch.Tensor) -> float:
        return float((part * occluder).sum() / torch.maximum(part, occluder).sum())

    points = found_anew(aligned, points, occluder)
    anew = max(parts(points), key=overlap, default=occluder)
    return (anew if overlap(anew) > 0.5 else occluder), points


def found_anew(aligned: torch.Tensor, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The landmarks (468, 2) of the face that is found when the mask (1, 1, S, S) is painted over; else `points`.

    Landmarks that an occluder led far astray do not find back by themselves.
    """
    found = detect(_pixels(_painted_over(aligned, mask)))
    return torch.from_numpy(found[0].points[:, :2]) if found else points


@torch.no_grad()
def _explained_share(
    aligned: torch.Tensor, guess: Fit, part: torch.Tensor, model: MorphableModel, *, least_share: float = 0.1
) -> float:
    """Share of the face under a part (1, 1, S, S) that the fitted face explains; 1 where there is hardly any."""
    rendering = _draw(guess, model)
    face = face_pixels(rendering, model)
    weights = robust_weights(aligned, rendering.image, face, smoothing=ALIGNED_SIZE / 112)
    hidden = (part * face).sum()
    return float((part * weights).sum() / hidden) if hidden > least_share * face.sum() else 1.0


def look_behind(
    aligned: torch.Tensor,
    points: torch.Tensor,
    mask: torch.Tensor,
    model: MorphableModel,
    *,
    looks: int = 3,
    last: FitSettings = ROUGH,
) -> torch.Tensor:
    """Detect the landmarks (468, 2) of an aligned photo (1, 3, S, S) again, behind the mask (1, 1, S, S).

    An occluder leads the detector astray, even on what is visible. So it is replaced by the face that fits
    the visible rest, roughly, and that picture is looked at, several times: each time the face fits better.
    last: how it is fitted before the last look; landmarks alone are fast, and enough until then.
    """
    filled = _painted_over(aligned, mask)
    hole = torch.nn.functional.max_pool2d(mask, 5, stride=1, padding=2)
    for look in range(looks):
        settings = last if look == looks - 1 else LANDMARKS_ONLY
        guess = fit(aligned, points.to(aligned), model, mask=mask, settings=settings)
        shown = _draw(guess, model, filled).image.clamp(0, 1)
        points = _tracked(torch.where(hole > 0.5, shown, aligned), points)
    return points


def _tracked(image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The landmarks (468, 2) that FaceMesh sees in (1, 3, S, S), near earlier ones."""
    return torch.from_numpy(track(_pixels(image), points.cpu().numpy())[0][:, :2])


def _painted_over(aligned: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """`paint_over` for an aligned photo (1, 3, S, S) and a mask (1, 1, S, S)."""
    return _image(paint_over(_pixels(aligned), mask[0, 0].cpu().numpy() > 0.3), aligned.device)


@torch.no_grad()
def _draw(guess: Fit, model: MorphableModel, background: torch.Tensor | None = None) -> Rendering:
    """The fitted face, before a background (1, 3, S, S) or black."""
    found = guess.coefficients
    vertices, albedo = model.shape(found.identity, found.expression), model.albedo(found.texture)
    return render(vertices, model.faces, albedo, found.lighting, guess.camera, ALIGNED_SIZE, background)


@cache
def _open_model(device: str) -> MorphableModel:
    return MorphableModel.load("open", device=device)


def _image(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    """(H, W, C) uint8 -> (1, C, H, W) float32 in [0, 1]."""
    return torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def _pixels(image: torch.Tensor) -> np.ndarray:
    """(1, C, H, W) float32 in [0, 1] -> (H, W, C) uint8."""
    return (255 * image[0]).round().byte().permute(1, 2, 0).cpu().numpy()


def paint_over(photo: np.ndarray, occluded: np.ndarray, *, longest: int = 640) -> np.ndarray:
    """(H, W, 3) uint8 photo with its (H, W) occluded part filled from around it (Telea 2004), not to be looked at.

    The filling is made on at most `longest` pixels a side and enlarged: it is smooth anyway.
    """
    height, width = occluded.shape
    scale = min(1.0, longest / max(height, width))
    small = (max(1, round(scale * width)), max(1, round(scale * height)))
    hole = cv2.resize(occluded.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
    hole = cv2.dilate(hole, np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(cv2.resize(photo, small, interpolation=cv2.INTER_AREA), hole, 5, cv2.INPAINT_TELEA)
    return np.where(occluded[..., None], cv2.resize(filled, (width, height)), photo)


def _check_face_visible(mask: torch.Tensor, points: torch.Tensor) -> None:
    """Raise MaskError when the mask leaves less than a tenth of the face's points to see."""
    x, y = points.round().long().clamp(0, mask.shape[-1] - 1).T[:2]
    if (mask[0, 0, y, x] > 0.5).float().mean() > 0.9:
        raise MaskError("the mask covers nearly the whole face: leave at least a tenth of it visible")


def _assemble(pixels, face: Face, aligned, crop, points, mask, model: MorphableModel, result: Fit) -> Reconstruction:
    """Put what the stages found into arrays a user can work with."""
    coefficients = result.coefficients
    with torch.no_grad():
        vertices = model.shape(coefficients.identity, coefficients.expression)
        colors = model.albedo(coefficients.texture).clamp(0, 1)
        landmarks = model.landmarks(vertices)
    occluded = mask if mask is not None else result.occluded

    def array(tensor: torch.Tensor) -> np.ndarray:
        return tensor.detach().cpu().numpy()

    return Reconstruction(
        photo=pixels,
        aligned=_pixels(aligned),
        crop=array(crop[0]),
        points=array(points),
        mask=array(occluded[0, 0]),
        mask_given=mask is not None,
        coefficients=coefficients,
        camera=result.camera,
        model=model,
        vertices=array(vertices[0]),
        faces=array(model.faces),
        colors=array(colors[0]),
        landmarks=array(landmarks[0]),
        faces_in_photo=face.count,
        fit=result,
    )


def _aligned_features(points: torch.Tensor):
    """G (Eq. 12) as a function of the aligned photo at any size: dlib's chip cut by the points, then embedded."""
    network = DlibFeatures.load(points.device)

    def features(image: torch.Tensor) -> torch.Tensor:
        scaled = points * (image.shape[-1] / ALIGNED_SIZE)
        return network(align_chip(image, scaled[None].expand(len(image), -1, -1)))

    return features
