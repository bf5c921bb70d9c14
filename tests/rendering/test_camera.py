import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from occlib.rendering import Camera, PerspectiveCamera, rotation_matrix, scaled_orthographic_pose
from occlib.rendering.camera import rotation_angles

POSES = torch.tensor(
    [[0.2, -0.5, 0.3, 1.3, 100.0, 120.0], [-0.4, 0.9, -1.0, 0.6, 90.0, 60.0]], dtype=torch.float64
)


def test_rotation_is_roll_after_yaw_after_pitch():
    angles = torch.tensor([[0.3, -0.8, 1.9]], dtype=torch.float64)
    expected = Rotation.from_euler("xyz", angles[0].numpy()).as_matrix()  # fixed axes: x first, z last
    np.testing.assert_allclose(rotation_matrix(angles)[0].numpy(), expected, atol=1e-12)
    torch.testing.assert_close(rotation_angles(rotation_matrix(angles)), angles)


def test_signs_of_the_angles():
    """Positive pitch nods the nose down, yaw turns it to the right, roll lifts the right side."""
    nose, right = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0])
    pitch, yaw, roll = rotation_matrix(0.1 * torch.eye(3))
    assert (pitch @ nose)[1] < 0
    assert (yaw @ nose)[0] > 0
    assert (roll @ right)[1] > 0


def test_eq_10_by_hand():
    """A quarter turn of yaw brings (0, 10, 20) to x = 20, y = 10, z = 0."""
    pose = torch.tensor([[0.0, math.pi / 2, 0.0, 2.0, 50.0, 60.0]], dtype=torch.float64)
    projected = Camera(pose, 128).project(torch.tensor([[[0.0, 10.0, 20.0]]], dtype=torch.float64))
    expected = torch.tensor([[[50.0 + 2 * 20, 60.0 - 2 * 10, 1000.0]]], dtype=torch.float64)
    torch.testing.assert_close(projected, expected)


@pytest.mark.parametrize("make", [Camera, lambda pose, size: PerspectiveCamera(pose, size, 500.0)])
def test_ndc_are_pytorch3ds(make):
    """The image's top-left corner is NDC (+1, +1), its bottom-right corner (-1, -1); pixels per image, not
    absolute."""
    vertices = torch.randn(2, 40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 50
    camera = make(POSES, 200)
    projected, ndc = camera.project(vertices), camera.ndc(vertices)
    torch.testing.assert_close(ndc[..., :2], 1 - projected[..., :2] / 100)
    torch.testing.assert_close(ndc[..., 2], projected[..., 2])
    assert (ndc[..., 2] > 0).all()
    nearer = camera.rotate(vertices)[..., 2].argmax(1)
    assert torch.equal(ndc[..., 2].argmin(1), nearer)


def test_perspective_camera_keeps_the_origin_and_tends_to_the_orthographic_one():
    vertices = torch.randn(2, 40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 50
    origin = PerspectiveCamera(POSES, 200, 300.0).project(torch.zeros(2, 1, 3, dtype=torch.float64))
    torch.testing.assert_close(origin[:, 0, :2], POSES[:, 4:])
    far = PerspectiveCamera(POSES, 200, 1e7).project(vertices)
    torch.testing.assert_close(far[..., :2], Camera(POSES, 200).project(vertices)[..., :2], atol=1e-2, rtol=0)


def test_perspective_camera_against_a_pinhole_by_hand():
    """Focal length 400 px, k = 2 px/mm: the origin is 200 mm away; a point 100 mm nearer looks twice as
    large."""
    pose = torch.tensor([[0.0, 0.0, 0.0, 2.0, 100.0, 100.0]], dtype=torch.float64)
    camera = PerspectiveCamera(pose, 200, 400.0)
    projected = camera.project(torch.tensor([[[10.0, 5.0, 100.0]]], dtype=torch.float64))
    torch.testing.assert_close(projected, torch.tensor([[[140.0, 80.0, 100.0]]], dtype=torch.float64))


def test_closed_form_pose_recovers_a_known_pose():
    points = torch.randn(2, 68, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 40
    projected = Camera(POSES, 200).project(points)[..., :2]
    torch.testing.assert_close(scaled_orthographic_pose(points, projected), POSES)


def test_closed_form_pose_ignores_points_of_weight_zero():
    points = torch.randn(2, 68, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 40
    projected = Camera(POSES, 200).project(points)[..., :2]
    projected[:, :20] += 500
    weights = torch.ones(2, 68, dtype=torch.float64)
    weights[:, :20] = 0
    torch.testing.assert_close(scaled_orthographic_pose(points, projected, weights), POSES)


def test_closed_form_pose_never_mirrors():
    """A mirrored face is no rotation of the face; the pose must stay a rotation with a positive scale."""
    points = torch.randn(1, 68, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 40
    mirrored = Camera(POSES[:1], 200).project(points * torch.tensor([-1.0, 1.0, 1.0]))[..., :2]
    pose = scaled_orthographic_pose(points, mirrored)
    assert pose[0, 3] > 0
    torch.testing.assert_close(
        torch.linalg.det(rotation_matrix(pose[:, :3])), torch.ones(1, dtype=torch.float64)
    )
