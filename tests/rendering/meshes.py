"""Meshes that the tests of the renderer share."""

import numpy as np
import torch
import trimesh


def ellipsoid(subdivisions: int, dtype=torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """A closed, head-sized mesh: vertices (1, V, 3) mm, faces (F, 3) with F = 20 * 4^subdivisions."""
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
    vertices = torch.tensor(mesh.vertices * [75.0, 105.0, 90.0], dtype=dtype)
    return vertices[None], torch.tensor(mesh.faces.astype(np.int64))


def head(subdivisions: int, dtype=torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """An ellipsoid with a nose, a chin and ears: it hides parts of itself."""
    vertices, faces = ellipsoid(subdivisions, dtype)
    outwards = torch.nn.functional.normalize(vertices, dim=-1)
    for place, height, width in (
        ((0.0, -0.1, 1.0), 28, 0.02),
        ((0.0, -0.75, 0.75), 12, 0.05),
        ((1.0, 0.0, 0.0), 20, 0.02),
        ((-1.0, 0.0, 0.0), 20, 0.02),
    ):
        centre = torch.nn.functional.normalize(torch.tensor(place, dtype=dtype), dim=0)
        vertices = vertices + height * outwards * torch.exp((outwards @ centre - 1) / width)[..., None]
    return vertices, faces


def pose(pitch=0.2, yaw=0.4, roll=0.1, size=224, dtype=torch.float32) -> torch.Tensor:
    """(1, 6): the head in the middle of an image of `size` pixels, filling most of it."""
    return torch.tensor([[pitch, yaw, roll, 0.8 * size / 224, size / 2, size / 2]], dtype=dtype)
