"""Similarity transforms and warps: hand-computed values, OpenCV as an independent twin, finite
differences."""

import cv2
import numpy as np
import pytest
import torch

from occlib.faces.alignment import (
    CHIP_POINTS_FROM_MESH,
    align_chip,
    chip_transform,
    crop,
    face_transform,
    invert,
    similarity,
    square_transform,
    transform,
    warp,
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def random_matrix(angle: float, scale: float, shift=(0.0, 0.0)) -> torch.Tensor:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return torch.tensor([[[cos, -sin, shift[0]], [sin, cos, shift[1]]]])


def smooth_image(generator, size=96) -> torch.Tensor:
    coarse = torch.rand(1, 3, size // 8, size // 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)


def test_similarity_recovers_a_known_transform(generator):
    source = torch.randn(4, 7, 2, generator=generator, dtype=torch.float64)
    known = random_matrix(2.5, 1.7, (30, -4)).double()
    torch.testing.assert_close(similarity(source, transform(known, source)), known.expand(4, -1, -1))


def test_similarity_is_the_least_squares_solution(generator):
    source, target = torch.randn(2, 1, 6, 2, generator=generator, dtype=torch.float64)
    found = similarity(source, target)
    # The same problem as a linear system in (a, b, tx, ty), solved by NumPy.
    x, y = source[0].T.numpy()
    zero, one = np.zeros(6), np.ones(6)
    system = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, tx, ty = np.linalg.lstsq(system, target[0].T.numpy().ravel(), rcond=None)[0]
    np.testing.assert_allclose(found[0], [[a, -b, tx], [b, a, ty]], atol=1e-12)


def test_similarity_never_mirrors():
    square = torch.tensor([[[0.0, 0], [1, 0], [1, 1], [0, 2]]])
    assert similarity(square, square * torch.tensor([-1.0, 1]))[..., :2].det() > 0


def test_similarity_and_warp_have_the_gradient_of_finite_differences(generator):
    image = smooth_image(generator, 16).double()
    source = torch.tensor([[[3.0, 4], [12, 5], [8, 13]]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[[1.0, 1], [5, 1], [3, 5]]], dtype=torch.float64)
    assert torch.autograd.gradcheck(similarity, (source, target))
    weights = torch.rand(1, 3, 6, 6, generator=generator, dtype=torch.float64)
    # Bilinear sampling has kinks where a sample crosses a pixel's centre: a small step keeps clear of them.

    def shown(points):
        return (warp(image, similarity(points, target), 6) * weights).sum()

    assert torch.autograd.gradcheck(shown, (source,), eps=1e-7, atol=1e-4)
    assert torch.autograd.gradcheck(lambda pixels: warp(pixels, similarity(source.detach(), target), 4),
                                    (image.requires_grad_(),), fast_mode=True)


def test_invert_undoes_a_transform(generator):
    points = torch.randn(1, 5, 2, generator=generator)
    matrix = random_matrix(0.7, 0.3, (5, 6)).float()
    back = transform(invert(matrix), transform(matrix, points))
    torch.testing.assert_close(back, points, atol=1e-5, rtol=0)


@pytest.mark.parametrize("angle, scale", [(0.0, 1.0), (0.4, 1.0), (-1.2, 2.3)])
def test_warp_agrees_with_opencv(generator, angle, scale):
    image = smooth_image(generator)
    matrix = random_matrix(angle, scale, (20.3, 31.7)).float()
    # In OpenCV pixel centres are integers: x' + 1/2 = A (x + 1/2) + t.
    linear, shift = matrix[0, :, :2].numpy(), matrix[0, :, 2].numpy()
    opencv = np.hstack([linear, (shift + linear @ [0.5, 0.5] - 0.5)[:, None]])
    expected = cv2.warpAffine(image[0].permute(1, 2, 0).numpy(), opencv, (80, 80), flags=cv2.INTER_LINEAR)
    inside = cv2.erode(cv2.warpAffine(np.ones((96, 96)), opencv, (80, 80)), np.ones((5, 5))) > 0.999
    difference = np.abs(warp(image, matrix, 80)[0].permute(1, 2, 0).numpy() - expected)[inside]
    assert inside.mean() > 0.2
    assert difference.max() < 0.01  # OpenCV rounds positions to 1/32 of a pixel


def test_warp_by_the_identity_changes_nothing(generator):
    image = torch.rand(2, 3, 16, 16, generator=generator)
    torch.testing.assert_close(warp(image, torch.eye(2, 3).expand(2, -1, -1), 16), image, atol=1e-6, rtol=0)


def test_warp_shrinks_by_averaging():
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., ::2] = 1  # the finest pattern there is: must become grey, not stripes
    shrunk = warp(stripes, random_matrix(0.0, 1 / 8).float(), 8)
    torch.testing.assert_close(shrunk, torch.full_like(shrunk, 0.5), atol=0.02, rtol=0)
    ramp = torch.arange(64.0).expand(1, 1, 64, 64)
    shrunk = warp(ramp, random_matrix(0.0, 1 / 8).float(), 8)
    torch.testing.assert_close(shrunk[0, 0, 0], torch.arange(8) * 8 + 3.5)


@pytest.mark.parametrize("side, tolerance", [(40.0, 0.002), (100.0, 0.01), (220.0, 0.02)])
def test_crop_and_warp_show_the_same(generator, side, tolerance):
    image = smooth_image(generator, 128)
    pixels = (255 * image[0]).round().byte().permute(1, 2, 0).numpy()
    matrix = square_transform((66.0, 59.0), side, 0.3, 48)
    expected = warp(image, torch.from_numpy(matrix)[None].float(), 48)
    difference = np.abs(crop(pixels, matrix, 48) / 255 - expected[0].permute(1, 2, 0).numpy())
    assert difference.mean() < tolerance  # a shift by one pixel makes it ten times as large


def test_square_transform_takes_a_turned_square_to_the_corners():
    matrix = square_transform((100, 50), 20, np.pi / 2, 10)  # its x axis points down in the photo
    corner, center = [110, 40, 1], [100, 50, 1]
    np.testing.assert_allclose(matrix @ corner, [0, 0], atol=1e-9)
    np.testing.assert_allclose(matrix @ center, [5, 5], atol=1e-9)


def face_points(generator) -> torch.Tensor:
    points = torch.rand(1, 468, 2, generator=generator) * torch.tensor([60.0, 80.0]) + 20
    points[0, 33], points[0, 263] = torch.tensor([30.0, 50.0]), torch.tensor([70.0, 50.0])
    return points


@pytest.mark.parametrize("angle", [0.0, 0.9, -2.8])
def test_face_transform_puts_any_face_upright_in_the_middle(generator, angle):
    points = transform(random_matrix(angle, 1.3, (7, 9)).float(), face_points(generator))
    aligned = transform(face_transform(points, 192), points)[0]
    low, high = aligned.min(0).values, aligned.max(0).values
    torch.testing.assert_close((low + high) / 2, torch.full((2,), 96.0), atol=1e-3, rtol=0)
    assert (high - low).max() == pytest.approx(128, abs=1e-3)
    right_eye, left_eye = aligned[33], aligned[263]
    assert right_eye[1] == pytest.approx(left_eye[1].item(), abs=1e-3) and right_eye[0] < left_eye[0]


def test_chip_puts_the_five_points_where_dlib_has_them(generator):
    # Positions of dlib's mean face in a chip of 150 px with a padding of 0.25, in dlib's pixels.
    dlib = torch.tensor([[110.957, 46.350], [89.606, 47.897], [37.058, 46.373], [58.409, 47.906],
                         [74.011, 87.780]])
    points = torch.zeros(1, 468, 2)
    points[0, CHIP_POINTS_FROM_MESH] = dlib + 0.5
    points = transform(random_matrix(0.5, 2.0, (30, 40)).float(), points)
    found = transform(chip_transform(points), points)[0, CHIP_POINTS_FROM_MESH]
    torch.testing.assert_close(found, dlib + 0.5, atol=1e-2, rtol=0)


def test_chip_is_black_outside_of_the_photo(generator):
    points = transform(torch.tensor([[[1.0, 0, -40], [0, 1, 0]]]), face_points(generator))
    points[0, CHIP_POINTS_FROM_MESH] = torch.tensor([[30.0, 30], [22, 30], [2, 30], [10, 30], [16, 45]])
    chip = align_chip(torch.ones(1, 3, 64, 64), points)
    assert chip[..., 100, 0].max() == 0 and chip[..., 75, 75].min() == pytest.approx(1)
