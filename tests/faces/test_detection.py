"""Finding faces: where they are, that all are found, and that nothing else is."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from occlib.errors import NoFaceError
from occlib.evaluation.heads import draw_head
from occlib.faces import detect, find_face, landmarks_68
from occlib.faces.alignment import crop, square_transform
from occlib.morphable import MorphableModel

GOLDEN = Path(__file__).parent / "golden"
EYES = [33, 263]  # FaceMesh's outer eye corners


@pytest.fixture(scope="module")
def photo():
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def points(photo):
    return find_face(photo).points


def distance(a, b, points) -> float:
    """Mean distance in the plane as a part of the distance between the eyes."""
    between_eyes = np.linalg.norm(np.diff(points[EYES, :2], axis=0))
    return float(np.linalg.norm(a[:, :2] - b[:, :2], axis=1).mean() / between_eyes)


def on_canvas(photo, points, width: float, height: int, faces_wide: int, faces_high: int) -> np.ndarray:
    """A crowd: the face, `width` pixels wide, in a grid."""
    face_width = np.ptp(points[:, 0])
    center = points[:, :2].mean(0)
    size = round(1.7 * width)
    tile = crop(photo, square_transform(center, 1.7 * face_width, 0.0, size), size)
    canvas = cv2.resize(photo[-120:], (height * faces_wide // faces_high, height))
    for row in range(faces_high):
        for column in range(faces_wide):
            x, y = int((column + 0.3) * height / faces_high), int((row + 0.3) * height / faces_high)
            canvas[y:y + len(tile), x:x + len(tile)] = tile
    return canvas


def test_landmarks_agree_with_mediapipe(points):
    expected = np.load(GOLDEN / "mediapipe.npz")["points"]
    assert distance(points, expected, expected) < 0.015
    assert np.abs(points[:, 2] - expected[:, 2]).mean() < 1.0


def test_face_is_described_in_photo_pixels(photo):
    face = find_face(photo)
    x0, y0, x1, y1 = face.detection.box
    assert 165 < x0 < 195 and 60 < y0 < 95 and 255 < x1 < 290 and 155 < y1 < 190
    right_eye, left_eye, nose, mouth = face.detection.keypoints[:4]
    assert right_eye[0] < nose[0] < left_eye[0] and right_eye[1] < nose[1] < mouth[1]
    assert face.points.shape == (468, 3) and face.points.dtype == np.float32
    assert face.count == 1 and face.score > 0.99


def test_landmarks_68_lie_in_the_order_of_ibug(points):
    ibug = landmarks_68(points)
    x, y = ibug.T
    assert ibug.shape == (68, 2)
    assert np.all(np.diff(x[2:15]) > 0) and y[8] == y.max()  # jaw from image left to right, chin lowest
    assert np.all(np.diff(x[17:27]) > 0) and np.all(np.diff(y[27:31]) > 0)
    right_eye, left_eye = ibug[36:42].mean(0), ibug[42:48].mean(0)
    assert right_eye[0] < left_eye[0] and y[17:27].max() < min(right_eye[1], left_eye[1])
    assert x[48] == x[48:68].min() and x[54] == x[48:68].max() and y[57] == y[48:60].max()
    assert y[62] < y[66]  # an open smile


@pytest.mark.parametrize("degrees", [-45, -30, 45, 90, 180])
def test_turned_photos_give_the_turned_points(photo, points, degrees):
    matrix = square_transform((256, 256), 512 * 1.42, np.radians(degrees), 640)
    turned = find_face(crop(photo, matrix, 640)).points
    expected = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    assert distance(turned, expected, expected) < 0.04


@pytest.mark.parametrize("width", [30, 60])
def test_all_faces_of_a_group_are_found(photo, points, width):
    group = on_canvas(photo, points, width, 480, 4, 3)
    found = detect(group)
    assert len(found) == 12
    assert all(abs(face.side / width - 1) < 0.4 for face in found)


def test_largest_of_several_faces_is_taken_and_said(photo, points, caplog):
    group = np.hstack([cv2.resize(photo, (300, 300)), cv2.resize(photo, (512, 300))[:, :200], photo[:300]])
    with caplog.at_level(logging.WARNING):
        face = find_face(group)
    assert face.count == 2 or face.count == 3
    assert f"{face.count} faces, took the largest" in caplog.text
    assert distance(face.points - [500, 0, 0], points, points) < 0.03


def test_scale_changes_points_by_that_scale_only(photo, points):
    doubled = find_face(cv2.resize(photo, (1536, 1536), interpolation=cv2.INTER_CUBIC)).points
    assert distance(doubled / 3, points, points) < 0.02


def covered(photo, points, part: str) -> np.ndarray:
    """The face behind a surgical mask, dark glasses or a hand-sized blob over one cheek and eye."""
    photo, plane = photo.copy(), points[:, :2]
    outline = {
        "mask": [234, 5, 454, 397, 152, 172],
        "glasses": [127, 105, 9, 334, 356, 280, 195, 50],
        "hand": [9, 4, 13, 152, 172, 234, 21, 103],
    }[part]
    cv2.fillPoly(photo, [np.round(plane[outline]).astype(np.int32)],
                 {"mask": (150, 190, 210), "glasses": (20, 20, 25), "hand": (205, 150, 125)}[part])
    return photo


@pytest.mark.parametrize("part", ["mask", "glasses", "hand"])
def test_covered_faces_are_found(photo, points, part):
    face = find_face(covered(photo, points, part))
    assert distance(face.points, points, points) < 0.12


def blotches(seed: int, cells: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    return cv2.resize(noise, (384, 384), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("nothing", [
    np.full((200, 300, 3), 128, np.uint8), blotches(0, 384), blotches(1, 48), blotches(2, 12),
    skimage.data.coffee(), skimage.data.chelsea(), skimage.data.rocket(), np.zeros((32, 2000, 3), np.uint8),
], ids=["plain", "noise", "blotches", "clouds", "coffee", "cat", "rocket", "strip"])
def test_no_face_is_seen_where_there_is_none(nothing):
    with pytest.raises(NoFaceError, match="no face found"):
        find_face(nothing)


def test_a_covered_face_is_not_taken_for_one_upside_down():
    """Eyes and a forehead above a hidden mouth look a little like a mouth and a chin."""
    head = draw_head(MorphableModel.load("open"), 14, seed=0)
    assert detect(head.occluded) == []
    assert len(detect(head.photo)) == 1
