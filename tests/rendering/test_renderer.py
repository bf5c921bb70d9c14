import math

import pytest
import torch

from occlib.rendering import Camera, PerspectiveCamera, render
from occlib.rendering.rasterizer import rasterize
from occlib.rendering.shading import shade_pixels, shade_pixels_torch
from tests.rendering.meshes import ellipsoid, head, pose

UNIFORM = torch.tensor([[math.sqrt(4 * math.pi), 0, 0, 0, 0, 0, 0, 0, 0]])


def test_uniform_light_shows_the_albedo():
    vertices, faces = ellipsoid(3)
    rendering = render(vertices, faces, torch.full_like(vertices, 0.6), UNIFORM, Camera(pose(), 224), 224)
    assert rendering.image.shape == (1, 3, 224, 224) and rendering.alpha.shape == (1, 1, 224, 224)
    torch.testing.assert_close(
        rendering.image, 0.6 * rendering.alpha.expand(-1, 3, -1, -1), atol=1e-3, rtol=0
    )
    area = math.pi * 75 * 105 * 0.8**2
    frontal = render(vertices, faces, vertices, UNIFORM, Camera(pose(0, 0, 0), 224), 224)
    assert frontal.alpha.sum().item() == pytest.approx(area, rel=0.01)


def test_light_from_the_viewers_right_brightens_the_right_of_the_image():
    vertices, faces = ellipsoid(3)
    lighting = UNIFORM.clone()
    lighting[0, 3] = 1.0
    image = render(
        vertices, faces, torch.ones_like(vertices), lighting, Camera(pose(0, 0, 0), 224), 224
    ).image
    assert image[0, 0, 112, 165] > 1.1 > 0.9 > image[0, 0, 112, 58]
    torch.testing.assert_close(image[0, 0, 112, 111], image[0, 0, 112, 112], atol=0.02, rtol=0)


def test_depth_and_normals():
    """The middle of the ellipsoid is 90 mm nearer than its centre and looks at the viewer."""
    vertices, faces = ellipsoid(4)
    rendering = render(vertices, faces, vertices, UNIFORM, Camera(pose(0, 0, 0, size=225), 225), 225)
    assert rendering.depth[0, 0, 113, 114].item() == pytest.approx(1000 - 90, abs=0.2)
    assert rendering.depth[0, 0, 0, 0] == math.inf
    torch.testing.assert_close(
        rendering.normals[0, :, 113, 114], torch.tensor([0.0, 0.0, 1.0]), atol=0.06, rtol=0
    )
    assert rendering.normals[0, 0, 113, 165] > 0.5  # x to the viewer's right
    assert rendering.normals[0, 1, 40, 114] > 0.5  # y up, rows down


def test_another_image_size_shows_the_same():
    vertices, faces = head(3)
    camera = Camera(pose(), 224)
    albedo = (vertices / 250 + 0.5).clamp(0, 1)
    small, large = (render(vertices, faces, albedo, UNIFORM, camera, size).image for size in (112, 448))
    pooled = torch.nn.functional.avg_pool2d(large, 4)
    assert (pooled - small).abs().mean() < 0.003


def test_background_shows_where_the_mesh_does_not_cover():
    vertices, faces = head(3)
    background = torch.rand(1, 3, 224, 224, requires_grad=True)
    plain = render(vertices, faces, torch.ones_like(vertices), UNIFORM, Camera(pose(), 224), 224)
    over = render(vertices, faces, torch.ones_like(vertices), UNIFORM, Camera(pose(), 224), 224, background)
    outside, inside = (plain.alpha == 0).expand(-1, 3, -1, -1), (plain.alpha == 1).expand(-1, 3, -1, -1)
    assert torch.equal(over.image[outside], background[outside])
    assert torch.equal(over.image[inside], plain.image[inside])
    torch.testing.assert_close(over.alpha, plain.alpha)
    over.image.sum().backward()
    assert (background.grad[outside] > 0.4).all() and (background.grad[inside] == 0).all()


def test_a_batch_is_its_images_one_by_one():
    vertices, faces = head(2)
    vertices = torch.cat([vertices, 0.8 * vertices])
    albedo = (vertices / 250 + 0.5).clamp(0, 1)
    lighting = torch.randn(2, 27)
    poses = torch.cat([pose(), pose(yaw=-0.7)])
    both = render(vertices, faces, albedo, lighting, Camera(poses, 224), 64)
    for n in range(2):
        one = slice(n, n + 1)
        single = render(vertices[one], faces, albedo[one], lighting[one], Camera(poses[one], 224), 64)
        torch.testing.assert_close(both.image[one], single.image)
        torch.testing.assert_close(both.normals[one], single.normals)


@pytest.mark.parametrize("lights", [9, 27])
def test_shading_against_its_torch_twin(lights):
    vertices, faces = head(2, torch.float64)
    ndc = Camera(pose(size=48, dtype=torch.float64), 48).ndc(vertices).requires_grad_()
    generator = torch.Generator().manual_seed(0)
    albedo, normals = torch.rand(2, *vertices.shape, dtype=torch.float64, generator=generator).unbind()
    lighting = torch.randn(1, lights, dtype=torch.float64, generator=generator)
    inputs = [x.requires_grad_() for x in (albedo, normals, lighting)]
    fragments = rasterize(ndc, faces, 48)
    results = [function(fragments, *inputs) for function in (shade_pixels, shade_pixels_torch)]
    weights = [torch.randn(x.shape, dtype=torch.float64, generator=generator) for x in results[0]]
    gradients = []
    for colours, pixel_normals in results:
        loss = (colours * weights[0]).sum() + (pixel_normals * weights[1]).sum()
        gradients.append(torch.autograd.grad(loss, (ndc, *inputs), retain_graph=True))
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("make", [Camera, lambda pose, size: PerspectiveCamera(pose, size, 900.0)])
def test_gradients_reach_every_input(make):
    vertices, faces = head(3)
    inputs = [vertices, torch.rand_like(vertices), UNIFORM.clone(), pose()]
    for x in inputs:
        x.requires_grad_()
    vertices, albedo, lighting, p = inputs
    rendering = render(vertices, faces, albedo, lighting, make(p, 224), 224)
    rendering.image.square().sum().backward()
    for x in inputs:
        assert x.grad.isfinite().all() and x.grad.abs().sum() > 0
