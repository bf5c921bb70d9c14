import math

import torch

from occlib.rendering import Camera, antialias, interpolate, rasterize, render, shade, vertex_normals
from occlib.rendering.antialias import antialias_torch
from tests.rendering.meshes import head, pose


def coverage(fragments):
    return (fragments.pix_to_face >= 0).to(fragments.zbuf.dtype).permute(0, 3, 1, 2)


def supersampled(vertices, faces, size, factor):
    return torch.nn.functional.avg_pool2d(coverage(rasterize(vertices, faces, size * factor)), factor)


def test_a_straight_outline_is_exact_by_hand():
    """A square over half the plane, its edge a quarter of a pixel beyond a centre: that pixel is covered by
    3/4."""
    edge = (
        0.125 - 2 / 8 * 0.25
    )  # NDC; the centre at 0.125 in an image of 8 pixels, 1/4 pixel to the right of it
    vertices = torch.tensor([[(3.0, -3.0, 1.0), (3.0, 3.0, 1.0), (edge, 3.0, 1.0), (edge, -3.0, 1.0)]])
    fragments = rasterize(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]]), 8)
    alpha = antialias(coverage(fragments), fragments)
    torch.testing.assert_close(alpha[0, 0, 4], torch.tensor([1, 1, 1, 0.75, 0, 0, 0, 0]))


def test_slanted_outlines_cover_what_they_should():
    """Coverage of a pixel within 2.5 % and its sum within 0.3 %, against 16 x 16 samples a pixel."""
    for angle in torch.linspace(0.05, 1.5, 7):
        c, s = 0.6 * math.cos(angle), 0.6 * math.sin(angle)
        vertices = torch.tensor([[(c, s, 1.0), (-s, c, 1.0), (-c, -s, 1.0), (s, -c, 1.0)]])
        faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
        fragments = rasterize(vertices, faces, 48)
        error = antialias(coverage(fragments), fragments) - supersampled(vertices, faces, 48, 16)
        # The corners of the square are no straight edges.
        assert error.abs().flatten().sort().values[:-24].max() < 0.025
        assert abs(error.sum()) < 0.003 * coverage(fragments).sum()


def test_coverage_of_a_dense_mesh():
    vertices, faces = head(4)
    ndc = Camera(pose(), 224).ndc(vertices)
    fragments = rasterize(ndc, faces, 224)
    exact = supersampled(ndc, faces, 224, 8)
    outline = (exact > 0) & (exact < 1)
    before = (coverage(fragments) - exact)[outline].square().mean().sqrt()
    after = (antialias(coverage(fragments), fragments) - exact)[outline].square().mean().sqrt()
    assert after < 0.15 * before


def test_inner_outlines_are_blended_hidden_ones_are_not():
    """A small square before a large one; then the same behind it."""
    corners = torch.tensor([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    for small_z, changed in ((1.0, True), (3.0, False)):
        small = torch.cat([0.33 * corners, torch.full((4, 1), small_z)], 1)
        large = torch.cat([3.0 * corners, torch.full((4, 1), 2.0)], 1)
        fragments = rasterize(torch.cat([small, large])[None], faces, 32)
        image = (fragments.pix_to_face >= 2).float().permute(0, 3, 1, 2)
        assert torch.equal(antialias(image, fragments), image) != changed


def test_against_the_torch_twin():
    vertices, faces = head(3, torch.float64)
    ndc = Camera(pose(size=64, dtype=torch.float64), 64).ndc(vertices)
    ndc = torch.cat([ndc, ndc * torch.tensor([-0.7, 0.5, 1.0])]).requires_grad_()
    fragments = rasterize(ndc, faces, 64)
    image = torch.rand(2, 4, 64, 64, dtype=torch.float64, requires_grad=True)
    fast, slow = antialias(image, fragments), antialias_torch(image, fragments)
    torch.testing.assert_close(fast, slow)
    assert (fast != image).sum() > 200
    weights = torch.randn_like(fast)
    for mine, theirs in zip(
        *(torch.autograd.grad((x * weights).sum(), (image, ndc), retain_graph=True) for x in (fast, slow)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


def test_translation_gradient_against_finite_differences_of_a_supersampled_render():
    """Loss: squared distance to the same head, 2 pixels away; steps of one sample. Without antialias the
    gradient is 85 % wrong."""
    vertices, faces = head(4)
    albedo = torch.full_like(vertices, 0.8)
    lighting = torch.tensor([[0.8 * math.sqrt(4 * math.pi), 0, 0.8, 0.5, 0, 0, 0, 0, 0]])

    @torch.no_grad()
    def supersample(pose):
        camera = Camera(pose, 224)
        fragments = rasterize(camera.ndc(vertices), faces, 224 * 8)
        normals = interpolate(fragments, camera.rotate(vertex_normals(vertices, faces)))
        colours = interpolate(fragments, albedo) * shade(
            torch.nn.functional.normalize(normals, dim=-1), lighting
        )
        return torch.nn.functional.avg_pool2d(colours.permute(0, 3, 1, 2), 8)

    for yaw in (0.0, 0.5, -0.9):
        start = pose(yaw=yaw)
        target = supersample(start + torch.tensor([[0, 0, 0, 0.02, 2.3, -1.7]]))
        moved = start.clone().requires_grad_()
        rendering = render(vertices, faces, albedo, lighting, Camera(moved, 224), 224)
        (rendering.image - target).square().sum().backward()
        differences = []
        for axis in (4, 5):
            step = torch.zeros(1, 6)
            step[0, axis] = 1 / 8
            up, down = supersample(start + step), supersample(start - step)
            differences.append(4 * ((up - target).square().sum() - (down - target).square().sum()))
        expected = torch.stack(differences)
        assert (moved.grad[0, 4:] - expected).norm() / expected.norm() < 0.05
