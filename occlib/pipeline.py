"""The road of one photo, Figure 1 as one readable function: photo -> Reconstruction.

    photo --find_face--> 468 points --parse--> mask --crop, look behind--> guide --contours, complete face--> fit --> mesh
                              ^---- painted over ---'

Everything behind the mask is a guess, which nothing can be learnt from: the fit compares with the complete face, but
each pixel counts as far as the mask leaves it visible.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from occlib.contours import detect as detect_contours
from occlib.contours import draw_contours, read_contours
from occlib.data.holes import MARGIN, grown
from occlib.errors import MaskError
from occlib.faces import DlibFeatures, Face, align_chip, face_transform, find_face, transform, warp
from occlib.faces.alignment import EYE_CORNERS, tilt
from occlib.files import whole_folder
from occlib.guide import Guide, look_behind
from occlib.images import Photo, load_mask, load_photo, save_image
from occlib.inpainting import paint_over
from occlib.memory import give_back
from occlib.meshfiles import bake_texture, write_glb, write_obj, write_ply
from occlib.morphable import Coefficients, MorphableModel, open_model
from occlib.morphable.landmarks import NOW_FROM_IBUG
from occlib.networks import load_weights
from occlib.parsing import Parse, find_covered_face, parse
from occlib.parsing.masks import look_again
from occlib.reconstruction import Fit, FitSettings, fit
from occlib.rendering import Camera, Rendering, render
from occlib.synthesis import Completion, complete_aligned, read_synthesis

ALIGNED_SIZE = 256
"""Pixels a side of the aligned photo that every stage works on."""

LARGE = 0.15
"""The share of the face from which on a found mask counts in the fit, and is taken to lead the detector astray.
A fringe or glasses hide less: landmarks and robust weights cope with them better than without those pixels."""

Complete = Callable[[np.ndarray, np.ndarray, Guide], Completion]
"""(photo (S, S, 3) uint8, hole (S, S) bool, guide) -> contours and complete face."""

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
    hole: (S, S) bool, what was completed: the given mask, or the whole occluder. contours: (S, S) float in [0, 1],
    C_goal of §3.2. complete: (S, S, 3) uint8, `aligned` with I_1 in its hole: a guess that looks right, not the
    truth about a person.
    coefficients, camera: V_x and Eq. 10 for `complete`.
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
    hole: np.ndarray
    contours: np.ndarray
    complete: np.ndarray
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
    complete: Complete | None = complete_aligned,
    progress=None,
) -> Reconstruction:
    """From a photo, partly covered or not, to a 3D face.

    photo: path, PIL image or (H, W, 3) uint8 array. mask: None, or path or (H, W) array, non-zero = occluded;
    without one, the parser of §3.1 finds it (see `find_mask`). device: "cpu" (default;
    for one photo the fastest) or "cuda". model: the open face model, or one from `MorphableModel.load`.
    complete: what fills the hole, given the aligned photo, the hole and its guide; by default the networks that
    ship; None leaves the hole out of the fit. progress: called with each FitStep.

    Raises ImageError, MaskError, NoFaceError or MissingAssetError, each with one line to act on. When
    several faces are found the largest is taken, with a warning in the log.
    """
    device = torch.device(device or "cpu")
    pixels = load_photo(photo)
    model = open_model(str(device)) if model is None else model.to(device)
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
    seen = _pixels(aligned)
    covered = aligned.new_zeros(1, 1, *seen.shape[:2]) if occluded is None else cut(_map(occluded, device))
    large = parsed is None or parsed.hidden >= LARGE
    if large:
        _check_face_visible(covered, points, given=parsed is None)
    hole = _hole(covered, None if parsed is None else cut(_map(parsed.occluder, device)))
    completion = Completion(detect_contours(seen) / np.float32(255), seen)
    if hole.any():
        left_out = np.maximum(covered[0, 0].cpu().numpy(), hole)
        guide, behind = look_behind(seen, hole, points.numpy(), mask=left_out)
        points = torch.from_numpy(behind) if large else points
        completion = complete(seen, hole, guide) if complete else completion
    features = _aligned_features(points.to(device)) if settings.lambda_features else None
    target = _image(completion.completed, device) if large else aligned
    result = fit(target, points.to(device), model, mask=covered if large else None, settings=settings,
                 progress=progress, features=features)  # fmt: skip
    covered = result.occluded if occluded is None else covered
    sure = torch.ones_like(covered) if parsed is None else cut(_map(parsed.confidence, device))
    give_back()  # of a fit's derivatives: a hundred megabytes
    return _assemble(
        pixels, face, seen, crop, points, covered, sure, mask is not None, hole, completion, model, result
    )


def completed_by(weights: str | PathLike) -> Complete:
    """`complete` of `reconstruct` by the networks of another run, such as one without a guide.

    weights: of the joint phase, or of synthesis alone: N_cont is then the one that ships.
    """
    draw, network = draw_contours, read_synthesis(weights)
    if any(name.startswith("contours.") for name in load_weights(weights)[0]):
        draw = partial(draw_contours, network=read_contours(weights))
    return partial(complete_aligned, draw_contours=draw, network=network)


def find_mask(photo: np.ndarray) -> tuple[Face, Parse]:
    """The largest face of a photo (H, W, 3) uint8 and its parse: what covers it is in `.mask` and `.confidence`.

    What is in front of a face leads the detector astray, as far as it hides it. So it is painted over, the face
    is found anew, and parsed in its new place. Raises NoFaceError when there is none.
    """
    face = find_covered_face(photo)
    found = parse(photo, face.points)
    if found.hidden < LARGE:
        return face, found
    middle, reach = face.points[:, :2].mean(0), np.ptp(face.points[:, :2], axis=0).max()
    again = look_again(photo, found.mask > 0.5, middle, 0.5 * reach, tilt(*face.points[EYE_CORNERS]))
    if again is None:  # the paint hid what the detector held on to, or looks like a face itself
        return face, found
    return replace(face, points=again.points), parse(photo, again.points)


def _image(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    """(H, W, C) uint8 -> (1, C, H, W) float32 in [0, 1]."""
    return torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def _hole(covered: torch.Tensor, occluder: torch.Tensor | None) -> np.ndarray:
    """(S, S) bool, what is to be completed: all that a given mask touches, or the whole occluder that was found and a bit
    more, since what fills a hole must not start from the occluder's rim."""
    if occluder is None:
        return covered[0, 0].cpu().numpy() > 0
    return grown((occluder[0, 0] > 0.5).cpu().numpy(), MARGIN)


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
    pixels, face: Face, aligned, crop, points, mask, confidence, mask_given: bool, hole, completion: Completion,
    model: MorphableModel, result: Fit,
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
        aligned=aligned,
        crop=array(crop[0]),
        points=array(points),
        mask=array(mask[0, 0]),
        mask_given=mask_given,
        confidence=array(confidence[0, 0]),
        hole=hole,
        contours=completion.contours,
        complete=completion.completed,
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
