"""Parts of a face that colour sets apart: an occluder is one of them, and the one that no face explains."""

import cv2
import numpy as np
import pytest
import torch

from occlib.evaluation.heads import draw_head
from occlib.faces import face_transform, find_face, transform, warp
from occlib.morphable import MorphableModel
from occlib.pipeline import ALIGNED_SIZE, find_occluder, found_anew, reconstruct
from occlib.reconstruction import colour_parts


@pytest.fixture(scope="module")
def model():
    return MorphableModel.load("open")


@pytest.fixture(scope="module")
def head(model):
    return draw_head(model, 0, seed=12)


def aligned(photo):
    """The aligned photo (S, S, 3) uint8 and its points (468, 2)."""
    points = torch.from_numpy(find_face(photo).points[None, :, :2])
    crop = face_transform(points, ALIGNED_SIZE)
    image = warp(torch.from_numpy(photo).permute(2, 0, 1)[None].float(), crop, ALIGNED_SIZE)
    return image[0].round().byte().permute(1, 2, 0).numpy(), transform(crop, points)[0].numpy()


def covered(photo, center, colour):
    """A copy with a patterned disc of 45 pixels radius over it, and where that is."""
    disc = cv2.circle(np.zeros(photo.shape[:2], np.uint8), center, 45, 1, -1).astype(bool)
    pattern = np.random.default_rng(0).normal(colour, 20, photo.shape).clip(0, 255).astype(np.uint8)
    return np.where(disc[..., None], pattern, photo), disc


def overlap(part, truth, points):
    """Intersection over union within the hull of the points (468, 2)."""
    hull = cv2.convexHull(points.astype(np.float32)).round().astype(np.int32)
    face = cv2.fillConvexPoly(np.zeros(part.shape, np.uint8), hull, 1).astype(bool)
    return (face & part & truth).sum() / (face & (part | truth)).sum()


@pytest.mark.parametrize("center", [(90, 110), (165, 120), (128, 190)])
def test_an_occluder_is_found_wherever_it_lies(head, center):
    photo, points = aligned(head.photo)
    photo, disc = covered(photo, center, (40, 120, 200))
    assert overlap(colour_parts(photo, points)[0], disc, points) > 0.8


def test_the_same_photo_is_cut_in_the_same_way(head):
    photo, points = aligned(head.photo)
    photo, _ = covered(photo, (90, 110), (40, 120, 200))
    first, second = (colour_parts(photo, points) for _ in range(2))
    assert len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_part_that_the_face_explains_is_no_occluder(model, head):
    photo, points = aligned(head.photo)
    image, points = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255, torch.from_numpy(points)
    assert find_occluder(image, points, model)[0] is None
    photo, disc = covered(photo, (90, 110), (40, 120, 200))
    image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    found, seen = find_occluder(image, points, model)
    assert overlap(found[0, 0].numpy() > 0.5, disc, points.numpy()) > 0.8
    assert float((seen - points).norm(dim=1).mean()) < 4  # behind it is the face that was there


def test_a_found_occluder_is_the_mask_of_the_reconstruction(model, head):
    face = reconstruct(head.occluded, model=model)
    shown = torch.from_numpy(head.mask)[None, None].float()
    shown = warp(shown, torch.from_numpy(face.crop)[None], ALIGNED_SIZE)
    assert not face.mask_given
    assert overlap(face.mask > 0.5, shown[0, 0].numpy() > 0.5, face.points) > 0.8


def test_landmarks_led_far_astray_are_found_anew(head, model):
    """With the occluder painted over, the detector does not depend on where it saw the face before."""
    photo, points = aligned(head.photo)
    hidden, disc = covered(photo, (128, 100), (40, 120, 200))
    astray = torch.from_numpy(points) * 0.7 + torch.tensor([60.0, 90.0])
    image = torch.from_numpy(hidden).permute(2, 0, 1)[None].float() / 255
    mask = torch.from_numpy(disc)[None, None].float()
    again = found_anew(image, astray, mask).numpy()
    assert np.linalg.norm(again - points, axis=1).mean() < 8 < np.linalg.norm(astray.numpy() - points, axis=1).mean()
    nothing = torch.full_like(image, 0.5)
    assert torch.equal(found_anew(nothing, astray, mask), astray)
