import torch
import trimesh

from occlib.rendering import vertex_normals
from occlib.rendering.normals import vertex_normals_torch
from tests.rendering.meshes import ellipsoid, head


def test_against_the_analytic_normals_of_an_ellipsoid():
    vertices, faces = ellipsoid(4, torch.float64)
    analytic = torch.nn.functional.normalize(vertices / torch.tensor([75.0, 105.0, 90.0]) ** 2, dim=-1)
    assert (vertex_normals(vertices, faces) * analytic).sum(-1).min() > 0.9995


def test_area_weights_against_trimesh():
    vertices, faces = head(3, torch.float64)
    mesh = trimesh.Trimesh(vertices[0].numpy(), faces.numpy(), process=False)
    expected = trimesh.geometry.weighted_vertex_normals(
        len(mesh.vertices), mesh.faces, mesh.face_normals, mesh.area_faces[:, None].repeat(3, 1)
    )
    torch.testing.assert_close(vertex_normals(vertices, faces)[0], torch.tensor(expected), atol=1e-9, rtol=0)


def test_gradient_against_finite_differences_and_the_torch_twin():
    vertices, faces = ellipsoid(0, torch.float64)
    vertices = torch.cat([vertices, vertices + torch.randn_like(vertices)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, faces), vertices)
    torch.testing.assert_close(vertex_normals(vertices, faces), vertex_normals_torch(vertices, faces))


def test_vertices_without_a_face_have_no_normal():
    vertices, faces = ellipsoid(1)
    alone = torch.cat([vertices, torch.ones(1, 2, 3)], dim=1).requires_grad_()
    normals = vertex_normals(alone, faces)
    assert torch.equal(normals[:, -2:], torch.zeros(1, 2, 3))
    normals.sum().backward()
    assert alone.grad.isfinite().all()


def test_faces_written_to_in_place_are_noticed():
    """Topology is remembered by tensor: turning the faces over must turn the normals over."""
    vertices, faces = ellipsoid(1)
    before = vertex_normals(vertices, faces)
    faces.copy_(faces.flip(1))
    torch.testing.assert_close(vertex_normals(vertices, faces), -before)
