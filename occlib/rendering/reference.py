"""The rasteriser in its fewest words: every triangle against every pixel, in plain torch.

This is the version to read first and the one that the fast ones are tested against. It is for small meshes:
its memory grows with the number of pixels times that of triangles. Autograd differentiates it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from occlib.rendering.rasterizer import EPSILON, Fragments, pixel_centres


def rasterize_reference(ndc_vertices: Tensor, faces: Tensor, image_size: int) -> Fragments:
    """The same as `rasterizer.rasterize`, slowly; ndc_vertices: (N, V, 3), faces: (F, 3) with F > 0."""
    x, y, z = ndc_vertices[:, faces, None].unbind(-1)  # (N, F, 3, 1): corners
    centres = pixel_centres(image_size, ndc_vertices)
    py, px = (grid.reshape(-1) for grid in torch.meshgrid(centres, centres, indexing="ij"))  # (P,)

    def edge(a: int, b: int) -> Tensor:
        """Twice the signed area of the triangle that the pixel makes with corners a and b, (N, F, P)."""
        return (px - x[:, :, a]) * (y[:, :, b] - y[:, :, a]) - (py - y[:, :, a]) * (x[:, :, b] - x[:, :, a])

    area = (x[:, :, 2] - x[:, :, 0]) * (y[:, :, 1] - y[:, :, 0])
    area = area - (y[:, :, 2] - y[:, :, 0]) * (x[:, :, 1] - x[:, :, 0])
    bary = torch.stack([edge(1, 2), edge(2, 0), edge(0, 1)], dim=-1) / (area + EPSILON)[..., None]
    depth = (bary * z.transpose(2, 3)).sum(-1)
    drawn = (area.abs() > EPSILON) & area.isfinite() & (z >= EPSILON).all(2)
    inside = (bary > 0).all(-1) & drawn
    nearest, face = torch.where(inside, depth, torch.inf).min(dim=1)  # (N, P); of equals, the first
    seen = nearest < torch.inf

    shape = (len(ndc_vertices), image_size, image_size, 1)
    first = torch.arange(len(ndc_vertices), device=faces.device)[:, None] * len(faces)
    pix_to_face = torch.where(seen, face + first, -1).view(shape)
    zbuf = torch.where(seen, nearest, -1.0).view(shape)
    bary = torch.gather(bary, 1, face[:, None, :, None].expand(-1, -1, -1, 3))[:, 0]
    bary = torch.where(seen[..., None], bary, -1.0).view(*shape, 3)
    return Fragments(pix_to_face, zbuf, bary, ndc_vertices, faces)
