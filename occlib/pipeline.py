"""The road of one photo, Figure 1 as one readable function: photo -> Reconstruction.

    photo --find_face--> 468 points --parse--> mask --crop--> aligned photo (--contours, complete face-->) fit --> mesh
                              ^---- painted over ---'

The learned stage of §3.2 is not there yet: the fit compares with the photo where the mask leaves it visible.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from os import PathLike
from pathlib import Path

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
from occlib.parsing import Parse, parse
from occlib.reconstruction import Fit, FitSettings, fit
from occlib.rendering import Camera, Rendering, render
from occlib.synthesis.baselines import paint_over

ALIGNED_SIZE = 256
"""Pixels a side of the aligned photo that every stage works on."""

LARGE = 0.1
"""The share of the face from which on a found mask counts in the fit, and is taken to lead the detector astray.
A fringe or glasses hide less: landmarks and robust weights cope with them better than without those pixels."""

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
    float in [0, 1], 1 = occluded: the given mask, or the one that the parser found. mask_given: which of the
    two it is. confidence: (S, S) float in [0, 1], how sure the parser is of each pixel; 1 for a given mask.
    coefficients, camera: V_x and Eq. 10 for `aligned`.
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
    confidence: np.ndarray
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
    without one, the parser of §3.1 finds it (see `find_mask`). device: "cpu" (default;
    for one photo the fastest) or "cuda". model: the open face model, or one from `MorphableModel.load`.
    progress: called with each FitStep.

    Raises ImageError, MaskError, NoFaceError or MissingAssetError, each with one line to act on. When
    several faces are found the largest is taken, with a warning in the log.
    """
    device = torch.device(device or "cpu")
    pixels = load_photo(photo)
    model = _open_model(str(device)) if model is None else model.to(device)
    if mask is not None:
        occluded = load_mask(mask, pixels.shape)
        face, parsed = find_face(paint_over(pixels, occluded)), None
    elif settings.robust:
        face, parsed = find_mask(pixels)
        occluded = parsed.mask
    else:
        face, parsed, occluded = find_face(pixels), None, None

    points = torch.from_numpy(face.points[None, :, :2])
    crop = face_transform(points, ALIGNED_SIZE)

    def cut(picture: torch.Tensor) -> torch.Tensor:
        return warp(picture, crop.to(device), ALIGNED_SIZE).clamp(0, 1)

    aligned, points = cut(_image(pixels, device)), transform(crop, points)[0]
    covered = None if occluded is None else cut(_map(occluded, device))
    hidden = covered if parsed is None or parsed.hidden >= LARGE else None
    if hidden is not None:  # given or found: then on the same road
        _check_face_visible(hidden, points, given=parsed is None)
        points = look_behind(aligned, points, hidden, model)
    features = _aligned_features(points.to(device)) if settings.lambda_features else None
    result = fit(aligned, points.to(device), model, mask=hidden, settings=settings, progress=progress,
                 features=features)  # fmt: skip
    covered = result.occluded if covered is None else covered
    sure = torch.ones_like(covered) if parsed is None else cut(_map(parsed.confidence, device))
    return _assemble(pixels, face, aligned, crop, points, covered, sure, mask is not None, model, result)


def find_mask(photo: np.ndarray) -> tuple[Face, Parse]:
    """The largest face of a photo (H, W, 3) uint8 and its parse: what covers it is in `.mask` and `.confidence`.

    What is in front of a face leads the detector astray, as far as it hides it. So it is painted over, the face
    is found anew, and parsed in its new place. Raises NoFaceError when there is none.
    """
    face = find_face(photo)
    found = parse(photo, face.points)
    if found.hidden < LARGE:
        return face, found
    middle, reach = face.points[:, :2].mean(0), np.ptp(face.points[:, :2], axis=0).max()
    again = [one for one in detect(paint_over(photo, found.mask > 0.5))
             if np.linalg.norm(one.points[:, :2].mean(0) - middle) < 0.5 * reach]  # fmt: skip
    if not again:  # the paint hid what the detector held on to
        return face, found
    return replace(face, points=again[0].points), parse(photo, again[0].points)


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


def _map(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """(H, W), a mask or probabilities -> (1, 1, H, W) float32."""
    return torch.from_numpy(values.astype(np.float32)).to(device)[None, None]


def _pixels(image: torch.Tensor) -> np.ndarray:
    """(1, C, H, W) float32 in [0, 1] -> (H, W, C) uint8."""
    return (255 * image[0]).round().byte().permute(1, 2, 0).cpu().numpy()


def _check_face_visible(mask: torch.Tensor, points: torch.Tensor, *, given: bool) -> None:
    """Raise MaskError when the mask leaves less than a tenth of the face's points to see."""
    x, y = points.round().long().clamp(0, mask.shape[-1] - 1).T[:2]
    if (mask[0, 0, y, x] > 0.5).float().mean() > 0.9:
        raise MaskError(
            "the mask covers nearly the whole face: leave at least a tenth of it visible"
            if given
            else "nearly the whole face seems to be covered; if it is not, give a mask that says what is"
        )


def _assemble(
    pixels, face: Face, aligned, crop, points, mask, confidence, mask_given: bool, model: MorphableModel, result: Fit
) -> Reconstruction:
    """Put what the stages found into arrays a user can work with."""
    coefficients = result.coefficients
    with torch.no_grad():
        vertices = model.shape(coefficients.identity, coefficients.expression)
        colors = model.albedo(coefficients.texture).clamp(0, 1)
        landmarks = model.landmarks(vertices)

    def array(tensor: torch.Tensor) -> np.ndarray:
        return tensor.detach().cpu().numpy()

    return Reconstruction(
        photo=pixels,
        aligned=_pixels(aligned),
        crop=array(crop[0]),
        points=array(points),
        mask=array(mask[0, 0]),
        mask_given=mask_given,
        confidence=array(confidence[0, 0]),
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
