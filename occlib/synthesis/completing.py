"""The shipped N_syn at work: the complete face of a photo. A guess that looks right, not the truth about a
person."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import torch

from occlib import assets
from occlib.data.holes import grown
from occlib.errors import MaskError
from occlib.faces import face_transform, find_face
from occlib.faces.alignment import crop, uncrop
from occlib.guide import Guide, blank_guide, fitted_guide
from occlib.images import load_photo
from occlib.inpainting import paint_over
from occlib.networks import read_network
from occlib.synthesis.baselines import navier_stokes
from occlib.synthesis.network import SynthesisNetwork, composed, goal_contours

WEIGHTS = "checkpoints/joint.safetensors"
"""Those of N_cont and N_syn, trained together."""
SIZE = 256
"""Pixels a side of the aligned square that the networks see."""
REACH = 12 / 256
"""How far beside the fitted face the network paints, as a share of the side."""
DrawContours = Callable[[np.ndarray, np.ndarray, Guide], np.ndarray]


class Completion(NamedTuple):
    """contours (S, S) float32 in [0, 1]: C_goal. completed (S, S, 3) uint8: the photo with I_1 in its
    hole, near the face."""

    contours: np.ndarray
    completed: np.ndarray


def complete(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo (H, W, 3) uint8 with its largest face complete, the same where the mask (H, W) is 0.

    mask: non-zero = occluded if it is of whole numbers or bool; a float mask in [0, 1] from one half on. In
    the square around the face the networks fill it, beside it Telea's method does. Raises NoFaceError,
    MaskError.
    """
    photo, hole = load_photo(photo), hole_of(mask, photo.shape[:2])
    if not hole.any():
        return photo.copy()
    filled = paint_over(photo, hole)
    points = torch.from_numpy(find_face(filled).points[None, :, :2].astype(np.float64))
    matrix = face_transform(points, SIZE)[0].numpy()
    square = crop(photo, matrix, SIZE)
    inside = crop(np.repeat(hole[..., None] * np.uint8(255), 3, axis=-1), matrix, SIZE)[..., 0] > 0
    made = complete_aligned(square, inside, fitted_guide(square, inside)).completed
    in_square = uncrop(np.full((SIZE, SIZE), 255, np.uint8), matrix, hole.shape) == 255
    made = uncrop(made, matrix, hole.shape, outside=None)
    return np.where((hole & in_square)[..., None], made, filled)


@torch.inference_mode()
def complete_aligned(
    photo: np.ndarray,
    mask: np.ndarray,
    guide: Guide | None = None,
    *,
    draw_contours: DrawContours | None = None,
    network: SynthesisNetwork | None = None,
) -> Completion:
    """Complete a photo (S, S, 3) uint8 that `face_transform` has cut, S a multiple of 32, in its mask (S, S).

    guide: the face fitted to what is visible (`fitted_guide`); without one, colours from around the hole. Where the
    hole goes farther from that face than REACH, the photo's lines go on instead (`navier_stokes`): the network knows
    faces, and paints fog where a coat is.
    draw_contours: (photo, hole, guide) -> C_syn (S, S) in [0, 1]; network: N_syn; by default those that ship.
    """
    hole = hole_of(mask, photo.shape[:2])
    network = load_synthesis() if network is None else network
    if draw_contours is None:
        from occlib.contours import draw_contours  # section 3.2's other half, if nobody brings their own
    if guide is None:
        guide = blank_guide(photo.astype(np.float32) / 255, hole)
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
    area = _map(hole)
    goal = goal_contours(_map(guide.contours / 255), _map(draw_contours(photo, hole, guide)), area)
    made = network(image, area, goal, guide.tensor()[None] if network.guided else None)
    made = 255 * composed(image, made.clamp(0, 1), area)[0].permute(1, 2, 0).numpy()
    if guide.coverage.any():
        near = near_face(guide.coverage)[..., None]
        made = near * made + (1 - near) * navier_stokes(photo, hole)
    completed = np.where(hole[..., None], (made + 0.5).astype(np.uint8), photo)
    return Completion(goal[0, 0].numpy(), completed)


def near_face(coverage: np.ndarray) -> np.ndarray:
    """Where the network paints: 1 on the face, and to REACH from it, then softly to 0; (S, S) float32 for a guide's
    coverage (S, S)."""
    near = grown(coverage > 0.5, REACH * len(coverage)).astype(np.float32)
    return cv2.GaussianBlur(near, (0, 0), REACH * len(coverage) / 3)


def hole_of(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The hole (H, W) bool of a mask. Raises MaskError when it is of another size or leaves nothing."""
    mask = np.asarray(mask)
    if mask.shape != tuple(shape):
        raise MaskError(f"the mask has shape {mask.shape}, its photo {tuple(shape)}: both need the same size")
    hole = mask >= 0.5 if np.issubdtype(mask.dtype, np.floating) else mask != 0
    if hole.all():
        raise MaskError("the mask covers the whole photo: leave the visible face at zero")
    return hole


@cache
def load_synthesis() -> SynthesisNetwork:
    """The N_syn that ships, in evaluation mode and frozen."""
    return read_synthesis(assets.path(WEIGHTS, recipe="occlib train joint --out DIR"))


def read_synthesis(path) -> SynthesisNetwork:
    """N_syn from weights that `occlib.training.ship` wrote, alone or together with N_cont."""
    return read_network(path, "synthesis", SynthesisNetwork)


def _map(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))[None, None]
