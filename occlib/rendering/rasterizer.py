"""Rasterisation: which triangle is seen in every pixel, and where in it.

One function for every device: compiled loops on the CPU (`rasterizer_cpu.py`), PyTorch3D on CUDA.
`reference.py` says what both compute in the fewest words. The rules are PyTorch3D's, for one face per pixel
and no blur:

- a pixel's centre must lie strictly inside the triangle; pixel (0, 0) is at +X, +Y;
- the nearest triangle wins, of equally near ones that of the lowest number; back faces are drawn too;
- a triangle with a corner behind the camera (z < 1e-8) or without area (|2 area| <= 1e-8) is not drawn;
- barycentric coordinates are linear on the screen.

We differ in one thing: a triangle with a corner that is not finite is not drawn, where PyTorch3D leaves it
undefined.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from occlib.errors import MissingAssetError
from occlib.rendering.topology import topology

EPSILON = 1e-8
"""Added to twice a triangle's area before dividing by it, and the least depth and area that are drawn."""


@dataclass(frozen=True, eq=False)
class Fragments:
    """What lies behind each pixel; every field means what it means in PyTorch3D, and is -1 where nothing
    does.

    pix_to_face: (N, H, W, 1) int64, number of the face, counted through the batch: image n starts at n F.
    zbuf: (N, H, W, 1), depth. bary_coords: (N, H, W, 1, 3), barycentric coordinates of the pixel's centre.
    ndc_vertices (N, V, 3) and faces (F, 3) are what was drawn.
    """

    pix_to_face: Tensor
    zbuf: Tensor
    bary_coords: Tensor
    ndc_vertices: Tensor
    faces: Tensor

    @cached_property
    def dists(self) -> Tensor:
        """(N, H, W, 1): minus the squared distance, in NDC, from the pixel's centre to its triangle's
        outline.

        It is only computed when asked for, since a rendering without blur has no use for it.
        """
        n, row, column, _ = torch.nonzero(self.pix_to_face >= 0, as_tuple=True)
        face = self.pix_to_face[n, row, column, 0] % max(len(self.faces), 1)
        corners = self.ndc_vertices[n[:, None], self.faces[face], :2]  # (P, 3, 2)
        centres = pixel_centres(self.pix_to_face.shape[1], corners)
        pixel = torch.stack([centres[column], centres[row]], dim=-1)[:, None]  # (P, 1, 2)
        along = corners.roll(-1, dims=1) - corners
        position = ((pixel - corners) * along).sum(-1, keepdim=True) / along.square().sum(-1, keepdim=True)
        nearest = corners + position.clamp(0, 1) * along
        distance = (pixel - nearest).square().sum(-1).min(dim=1).values
        dists = torch.full_like(self.zbuf, -1.0)
        return dists.index_put((n, row, column, torch.zeros_like(n)), -distance)


def pixel_centres(image_size: int, like: Tensor) -> Tensor:
    """NDC of the pixel centres of one row (or column), (S,): from +1 - 1/S down to -1 + 1/S."""
    number = torch.arange(image_size - 1, -1, -1, dtype=like.dtype, device=like.device)
    return -1 + (2 * number + 1) / image_size


def rasterize(ndc_vertices: Tensor, faces: Tensor, image_size: int) -> Fragments:
    """Find the nearest triangle behind the centre of every pixel.

    Gradients flow from `zbuf` and `bary_coords` to the vertices; what happens at outlines is left to
    `antialias`.

    ndc_vertices: (N, V, 3) in PyTorch3D's NDC, float32 or float64. faces: (F, 3) int64. image_size: side in
    pixels.
    """
    if ndc_vertices.device.type != "cpu":
        return rasterize_pytorch3d(ndc_vertices, faces, image_size)
    from occlib.rendering.rasterizer_cpu import Rasterize

    pix_to_face, zbuf, bary = Rasterize.apply(
        ndc_vertices, topology(faces, ndc_vertices.shape[1]), image_size
    )
    return Fragments(pix_to_face, zbuf, bary, ndc_vertices, faces)


def rasterize_pytorch3d(ndc_vertices: Tensor, faces: Tensor, image_size: int) -> Fragments:
    """`rasterize` by PyTorch3D: what runs on CUDA. On the CPU it is about a thousand times slower than
    ours."""
    try:
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes
    except ImportError as error:
        raise MissingAssetError(
            f"rasterising on {ndc_vertices.device.type} needs PyTorch3D: "
            "install it with `pip install occlib[pytorch3d]`, or use the CPU"
        ) from error
    # A corner behind the camera drops its triangles, so that is where vertices that are not finite are put.
    finite = ndc_vertices.isfinite().all(-1, keepdim=True)
    vertices = torch.where(finite, ndc_vertices, -1.0).float()
    meshes = Meshes(vertices, faces.expand(len(vertices), -1, -1))
    pix_to_face, zbuf, bary, _ = rasterize_meshes(meshes, image_size, blur_radius=0.0, faces_per_pixel=1)
    return Fragments(pix_to_face, zbuf.to(ndc_vertices), bary.to(ndc_vertices), ndc_vertices, faces)


def interpolate(fragments: Fragments, attributes: Tensor) -> Tensor:
    """Carry attributes of the vertices to the pixels, by their barycentric coordinates.

    attributes: (N, V, C). Returns (N, H, W, C), zero where nothing is seen.
    """
    if attributes.device.type == "cpu":
        from occlib.rendering.rasterizer_cpu import Interpolate

        return Interpolate.apply(
            fragments.bary_coords,
            attributes,
            fragments.pix_to_face,
            topology(fragments.faces, attributes.shape[1]),
        )
    return interpolate_torch(fragments, attributes)


def interpolate_torch(fragments: Fragments, attributes: Tensor) -> Tensor:
    """`interpolate` in plain torch: what runs on CUDA."""
    seen = fragments.pix_to_face >= 0  # (N, H, W, 1)
    n = torch.arange(len(attributes), device=attributes.device)[:, None, None, None]
    if len(fragments.faces) == 0:
        return attributes.new_zeros(*seen.shape[:3], attributes.shape[2])
    corners = fragments.faces[
        fragments.pix_to_face[..., 0].clamp(min=0) % len(fragments.faces)
    ]  # (N, H, W, 3)
    values = (fragments.bary_coords[..., 0, :, None] * attributes[n, corners]).sum(-2)
    return torch.where(seen, values, 0.0)
