import multiprocessing
import subprocess
import sys

import pytest
import torch

from occlib.rendering import Camera, interpolate, rasterize
from occlib.rendering.rasterizer import interpolate_torch
from occlib.rendering.reference import rasterize_reference
from tests.rendering.meshes import head, pose


def triangle(*corners, z=1.0):
    return torch.tensor([[(x, y, z) for x, y in corners]]), torch.tensor([[0, 1, 2]])


def scene(subdivisions=3, size=224, dtype=torch.float32):
    vertices, faces = head(subdivisions, dtype)
    return Camera(pose(size=size, dtype=dtype), size).ndc(vertices).requires_grad_(), faces


def relative(a, b):
    return ((a - b).norm() / b.norm()).item()


def test_parity_with_pytorch3d():
    rasterize_meshes = pytest.importorskip("pytorch3d.renderer.mesh.rasterize_meshes").rasterize_meshes
    from pytorch3d.structures import Meshes

    vertices, faces = scene()
    both = torch.cat([vertices, vertices * torch.tensor([-0.7, 0.5, 1.0])])
    ours = rasterize(both, faces, 112)
    meshes = Meshes(both, faces.expand(2, -1, -1))
    pix_to_face, zbuf, bary, dists = rasterize_meshes(meshes, 112, blur_radius=0.0, faces_per_pixel=1)
    assert (ours.pix_to_face != pix_to_face).sum() <= 2
    same = ours.pix_to_face == pix_to_face
    torch.testing.assert_close(ours.zbuf[same], zbuf[same])
    torch.testing.assert_close(ours.bary_coords[same], bary[same], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.dists[same], dists[same], atol=1e-8, rtol=1e-4)
    generator = torch.Generator().manual_seed(0)
    for mine, theirs in ((ours.zbuf, zbuf), (ours.bary_coords, bary), (ours.dists, dists)):
        weights = torch.randn(mine.shape, generator=generator) * (same if mine.ndim == 4 else same[..., None])
        gradients = [
            torch.autograd.grad((x * weights).sum(), vertices, retain_graph=True)[0] for x in (mine, theirs)
        ]
        assert relative(*gradients) < 1e-3


def test_against_the_reference_with_gradients():
    """The slow version knows nothing of bounding boxes, bands or hand-written derivatives."""
    vertices, faces = scene(2, 32, torch.float64)
    both = torch.cat([vertices, vertices * torch.tensor([-0.7, 0.5, 1.0])])
    fast, slow = rasterize(both, faces, 32), rasterize_reference(both, faces, 32)
    assert torch.equal(fast.pix_to_face, slow.pix_to_face)
    assert (fast.pix_to_face >= 0).float().mean() > 0.2
    for name in ("zbuf", "bary_coords"):
        mine, theirs = getattr(fast, name), getattr(slow, name)
        torch.testing.assert_close(mine, theirs)
        weights = torch.randn(mine.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        gradients = [
            torch.autograd.grad((x * weights).sum(), vertices, retain_graph=True)[0] for x in (mine, theirs)
        ]
        torch.testing.assert_close(*gradients)


def test_pixel_0_0_is_at_plus_x_plus_y():
    fragments = rasterize(*triangle((1.0, 1.0), (0.4, 1.0), (1.0, 0.4)), 4)
    expected = torch.full((4, 4), -1)
    expected[0, 0] = 0
    assert torch.equal(fragments.pix_to_face[0, ..., 0], expected)


def test_a_centre_on_an_edge_is_outside():
    """With 2 pixels the centres are at +-1/2: the edge x = 1/2 runs through two of them."""
    vertices, faces = triangle((0.5, 3.0), (0.5, -3.0), (-3.0, 0.0))
    seen = rasterize(vertices, faces, 2).pix_to_face[0, ..., 0] >= 0
    assert torch.equal(seen, torch.tensor([[False, True], [False, True]]))


def test_nearest_wins_and_of_equals_the_lowest_face():
    corners = [(-3.0, -3.0), (3.0, -3.0), (0.0, 3.0)]
    vertices = torch.tensor([[(x, y, z) for z in (2.0, 1.0) for x, y in corners]])
    far, near, turned = [0, 1, 2], [3, 4, 5], [5, 4, 3]
    assert rasterize(vertices, torch.tensor([far, near, turned]), 1).pix_to_face.item() == 1
    assert rasterize(vertices, torch.tensor([turned, far, near]), 1).pix_to_face.item() == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 0.0])
def test_corners_behind_the_camera_or_not_finite_drop_their_faces_only(bad):
    vertices, faces = scene(1, 32)
    vertices = vertices.detach().clone()
    vertices[0, 5, 2] = bad
    kept = faces[(faces != 5).all(1)]
    fragments = rasterize(vertices.requires_grad_(), faces, 32)
    expected = rasterize(vertices, kept, 32)
    assert torch.equal(fragments.zbuf, expected.zbuf)
    fragments.zbuf.sum().backward()
    assert vertices.grad.isfinite().all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_corners_far_off_on_the_screen(bad):
    vertices, faces = scene(1, 32)
    vertices = vertices.detach().clone()
    vertices[0, 5, 0] = bad
    expected = rasterize(vertices, faces[(faces != 5).all(1)], 32)
    seen = expected.pix_to_face >= 0
    assert torch.equal(rasterize(vertices, faces, 32).zbuf[seen], expected.zbuf[seen]) or bad == 1e30


def test_no_faces_no_area_one_pixel():
    vertices, faces = scene(1, 32)
    empty = rasterize(vertices, faces[:0], 8)
    assert (empty.pix_to_face == -1).all() and (empty.dists == -1).all()
    assert torch.equal(interpolate(empty, vertices), torch.zeros(1, 8, 8, 3))
    line = rasterize(*triangle((-1.0, -1.0), (0.0, 0.0), (1.0, 1.0)), 8)
    assert (line.pix_to_face == -1).all()
    assert rasterize(vertices, faces, 1).zbuf.shape == (1, 1, 1, 1)


@pytest.mark.parametrize("bad", [-1, 42])
def test_faces_beyond_the_vertices_are_an_error_not_a_crash(bad):
    vertices, faces = scene(1, 32)
    assert vertices.shape[1] == 42
    faces[3, 1] = bad
    with pytest.raises(IndexError, match=str(bad)):
        rasterize(vertices, faces, 8)


def test_a_triangle_larger_than_the_image_fills_it():
    fragments = rasterize(*triangle((-50.0, -50.0), (50.0, -50.0), (0.0, 100.0), z=3.0), 16)
    torch.testing.assert_close(fragments.zbuf, torch.full((1, 16, 16, 1), 3.0))


def test_same_bytes_for_every_number_of_threads(monkeypatch):
    vertices, faces = scene(4)
    weights = torch.randn(1, 224, 224, 1, 3, generator=torch.Generator().manual_seed(0))
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("OCCLIB_THREADS", threads)
        fragments = rasterize(vertices, faces, 224)
        pixels = interpolate(fragments, vertices)
        gradient = torch.autograd.grad((fragments.bary_coords * weights).sum() + pixels.sum(), vertices)[0]
        results.append((fragments.pix_to_face, fragments.zbuf, fragments.bary_coords, pixels, gradient))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_inputs_that_are_not_contiguous():
    vertices, faces = scene(2, 32)
    awkward = vertices.detach().transpose(1, 2).contiguous().transpose(1, 2)
    fragments = rasterize(awkward, faces.t().contiguous().t(), 32)
    expected = rasterize(vertices, faces, 32)
    assert torch.equal(fragments.zbuf, expected.zbuf)
    attributes = torch.randn(1, 7, vertices.shape[1]).transpose(1, 2)
    torch.testing.assert_close(interpolate(fragments, attributes), interpolate_torch(expected, attributes))


def test_interpolate_against_its_torch_twin():
    vertices, faces = scene(2, 32, torch.float64)
    attributes = torch.randn(1, vertices.shape[1], 5, dtype=torch.float64, requires_grad=True)
    fragments = rasterize(vertices, faces, 32)
    fast, slow = interpolate(fragments, attributes), interpolate_torch(fragments, attributes)
    torch.testing.assert_close(fast, slow)
    weights = torch.randn_like(fast)
    for mine, theirs in zip(
        *(
            torch.autograd.grad((x * weights).sum(), (vertices, attributes), retain_graph=True)
            for x in (fast, slow)
        ),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


def _draw(queue):
    vertices, faces = scene(2, 64)
    queue.put(rasterize(vertices.detach(), faces, 64).zbuf.sum().item())


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
def test_drawing_in_a_forked_child(monkeypatch):
    """Workers of a data loader are forked after their parent has drawn with several threads."""
    monkeypatch.setenv("OCCLIB_THREADS", "2")
    vertices, faces = scene(2, 64)
    expected = rasterize(vertices, faces, 64).zbuf.sum().item()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_draw, args=(queue,), daemon=True)
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(10)
    assert child.exitcode == 0


def test_works_where_no_cache_folder_can_be_written(tmp_path):
    """numba refuses to cache when it finds no folder; the kernels then compile without."""
    code = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "import torch\n"
        "from occlib.rendering import vertex_normals\n"
        "vertices = torch.eye(3)[None]\n"
        "print(vertex_normals(vertices, torch.tensor([[0, 1, 2]])).sum().item())\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) == pytest.approx(3 * 3**0.5, rel=1e-5)
