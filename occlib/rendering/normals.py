"""Vertex normals of a triangle mesh."""

from __future__ import annotations

import torch
from torch import Tensor

from occlib.rendering.topology import topology


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals at the vertices: the sum of (v1 - v0) x (v2 - v0) over the faces around a vertex,
    normalised.

    The cross product is twice the face's area long, so large faces count for more. Normals point outwards
    where faces run counter-clockwise seen from outside. A vertex without a face of positive area gets the
    zero vector.

    vertices: (N, V, 3); faces: (F, 3) int64. Returns (N, V, 3).
    """
    if vertices.device.type == "cpu":
        from occlib.rendering.normals_cpu import VertexNormals

        return VertexNormals.apply(vertices, topology(faces, vertices.shape[1]))
    return vertex_normals_torch(vertices, faces)


def vertex_normals_torch(vertices: Tensor, faces: Tensor) -> Tensor:
    """`vertex_normals` in plain torch: what runs on CUDA."""
    v0, v1, v2 = vertices[:, faces].unbind(2)  # each (N, F, 3)
    face_normals = torch.linalg.cross(v1 - v0, v2 - v0)
    summed = torch.zeros_like(vertices)
    for corner in faces.unbind(1):
        summed = summed.index_add(1, corner, face_normals)
    return torch.nn.functional.normalize(summed, dim=-1, eps=1e-20)
