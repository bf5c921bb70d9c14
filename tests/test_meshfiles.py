"""Mesh files, read back by trimesh."""

import numpy as np
import pytest
import torch
import trimesh

from occlib.errors import OutputError
from occlib.meshfiles import bake_texture, write_glb, write_obj, write_ply
from occlib.morphable import MorphableModel


@pytest.fixture
def cylinder():
    """An open cylinder cut along one line: the vertices there have two places in the texture."""
    around, up = 24, 5
    angle = np.arange(around) * 2 * np.pi / around
    vertices = np.array([(60 * np.sin(a), 30.0 * j, 60 * np.cos(a)) for j in range(up) for a in angle])
    uv = np.array(
        [(0.05 + 0.9 * i / around, 0.1 + 0.8 * j / (up - 1)) for j in range(up) for i in range(around + 1)]
    )
    faces, uv_faces = [], []
    for j in range(up - 1):
        for i in range(around):
            k = (i + 1) % around
            faces += [
                (j * around + i, j * around + k, (j + 1) * around + k),
                (j * around + i, (j + 1) * around + k, (j + 1) * around + i),
            ]
            low, high = j * (around + 1) + i, (j + 1) * (around + 1) + i
            uv_faces += [(low, low + 1, high + 1), (low, high + 1, high)]
    colors = np.stack(
        [0.5 + 0.5 * vertices[:, 0] / 60, vertices[:, 1] / 120, np.full(len(vertices), 0.25)], axis=1
    )
    return vertices, np.array(faces), uv, np.array(uv_faces), colors


def corner_points(mesh):
    """(F, 3, 3): positions of each face's corners, the same for a mesh and its copy cut open."""
    return np.asarray(mesh.vertices)[mesh.faces]


def sampled(texture, uv):
    """Colours in [0, 1] of the texels at `uv`, whose origin is the bottom left corner."""
    size = len(texture)
    column = np.clip((uv[:, 0] * size).astype(int), 0, size - 1)
    row = np.clip(((1 - uv[:, 1]) * size).astype(int), 0, size - 1)
    return texture[row, column] / 255


def test_baked_texture_carries_the_vertex_colours(cylinder):
    _, faces, uv, uv_faces, colors = cylinder
    texture = bake_texture(colors, faces, uv, uv_faces, size=256)
    assert texture.shape == (256, 256, 3) and texture.dtype == np.uint8
    # At every corner of every face, both sides of the cut included.
    expected = colors[faces.ravel()]
    assert np.abs(sampled(texture, uv[uv_faces.ravel()]) - expected).max() < 0.02
    # Inside a triangle the colour is the barycentric mean of its corners.
    middle = uv[uv_faces].mean(axis=1)
    assert np.abs(sampled(texture, middle) - colors[faces].mean(axis=1)).max() < 0.02


def test_texture_is_padded_beyond_the_triangles(cylinder):
    _, faces, uv, uv_faces, colors = cylinder
    texture = bake_texture(colors, faces, uv, uv_faces, size=256)
    beside = texture[128, int(0.05 * 256) - 4]  # 4 texels outside the left cut
    assert np.abs(beside.astype(int) - texture[128, int(0.05 * 256) + 2]).max() <= 6
    assert texture[0, 0].any()


def test_obj(cylinder, tmp_path):
    vertices, faces, uv, uv_faces, colors = cylinder
    texture = bake_texture(colors, faces, uv, uv_faces, size=128)
    write_obj(tmp_path / "mesh.obj", vertices, faces, uv, uv_faces, texture)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mesh.mtl", "mesh.obj", "texture.png"]
    mesh = trimesh.load(tmp_path / "mesh.obj", process=False, force="mesh")
    assert np.abs(corner_points(mesh) - vertices[faces]).max() < 1e-4
    assert np.abs(mesh.visual.uv[mesh.faces] - uv[uv_faces]).max() < 1e-5
    assert np.array_equal(np.asarray(mesh.visual.material.image.convert("RGB")), texture)


def test_obj_keeps_one_vertex_where_the_texture_is_cut(cylinder, tmp_path):
    vertices, faces, uv, uv_faces, _ = cylinder
    write_obj(tmp_path / "mesh.obj", vertices, faces, uv, uv_faces, np.zeros((8, 8, 3), np.uint8))
    lines = (tmp_path / "mesh.obj").read_text().splitlines()
    assert sum(line.startswith("v ") for line in lines) == len(vertices)
    assert sum(line.startswith("vt ") for line in lines) == len(uv) > len(vertices)


def test_ply(cylinder, tmp_path):
    vertices, faces, _, _, colors = cylinder
    write_ply(tmp_path / "mesh.ply", vertices, faces, colors)
    mesh = trimesh.load(tmp_path / "mesh.ply", process=False)
    assert np.abs(mesh.vertices - vertices).max() < 1e-4
    assert np.array_equal(mesh.faces, faces)
    assert np.abs(mesh.visual.vertex_colors[:, :3] / 255 - colors).max() < 0.003
    assert b"binary_little_endian" in (tmp_path / "mesh.ply").read_bytes()[:60]


def test_glb(cylinder, tmp_path):
    vertices, faces, uv, uv_faces, colors = cylinder
    texture = bake_texture(colors, faces, uv, uv_faces, size=128)
    write_glb(tmp_path / "mesh.glb", vertices, faces, uv, uv_faces, texture)
    mesh = trimesh.load(tmp_path / "mesh.glb", process=False, force="mesh")
    assert np.abs(corner_points(mesh) - vertices[faces]).max() < 1e-3
    assert np.array_equal(np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")), texture)
    assert np.abs(sampled(texture, mesh.visual.uv) - colors[faces.ravel()][_first(mesh, faces)]).max() < 0.03
    # Both copies of a vertex on the cut have the normal of the uncut mesh: straight away from the axis.
    outward = mesh.vertices * (1, 0, 1) / 60
    assert (mesh.vertex_normals * outward).sum(axis=1).min() > 0.98


def _first(mesh, faces):
    """For each vertex of the cut mesh, a corner (position in faces.ravel()) that it stands for."""
    first = np.empty(len(mesh.vertices), int)
    first[mesh.faces.ravel()] = np.arange(faces.size)
    return first


def test_unwritable(cylinder, tmp_path):
    vertices, faces, _, _, colors = cylinder
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_ply(tmp_path / "file" / "mesh.ply", vertices, faces, colors)


def test_the_shipped_model_keeps_its_colours_in_the_texture():
    model = MorphableModel.load("open")
    colors = model.albedo(torch.zeros(1, model.n_texture))[0].clamp(0, 1).numpy()
    faces, uv, uv_faces = model.faces.numpy(), model.uv.numpy(), model.uv_faces.numpy()
    texture = bake_texture(colors, faces, uv, uv_faces)
    error = np.abs(sampled(texture, uv[uv_faces.ravel()]) - colors[faces.ravel()]).max(axis=1)
    assert error.mean() < 0.01 and np.percentile(error, 98) < 0.06
