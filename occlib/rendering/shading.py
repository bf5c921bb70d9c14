"""Deferred shading: the colour of every pixel from what the rasteriser found behind it."""

from __future__ import annotations

import torch
from torch import Tensor

from occlib.rendering.rasterizer import Fragments, interpolate_torch
from occlib.rendering.spherical_harmonics import light_quadric, shade
from occlib.rendering.topology import topology


def shade_pixels(
    fragments: Fragments, albedo: Tensor, normals: Tensor, lighting: Tensor
) -> tuple[Tensor, Tensor]:
    """Interpolate albedo and normals to the pixels and light them there: colour = albedo * shading(normal).

    Lighting pixels rather than vertices keeps highlights round on coarse meshes.

    albedo: (N, V, 3) RGB; normals: (N, V, 3) in camera space; lighting: (N, 9) or (N, 27) as in `shade`.
    Returns (N, H, W, 4), RGB and 1 where something is seen, and (N, H, W, 3) unit normals; zero where nothing
    is.
    """
    if albedo.device.type == "cpu":
        from occlib.rendering.shading_cpu import ShadePixels

        mesh = topology(fragments.faces, min(albedo.shape[1], normals.shape[1]))
        quadric = light_quadric(lighting)
        return ShadePixels.apply(fragments.bary_coords, albedo, normals, quadric, fragments.pix_to_face, mesh)
    return shade_pixels_torch(fragments, albedo, normals, lighting)


def shade_pixels_torch(
    fragments: Fragments, albedo: Tensor, normals: Tensor, lighting: Tensor
) -> tuple[Tensor, Tensor]:
    """`shade_pixels` in plain torch: what runs on CUDA."""
    pixels = interpolate_torch(fragments, torch.cat([albedo, normals], dim=-1))
    pixel_normals = torch.nn.functional.normalize(pixels[..., 3:], dim=-1)
    alpha = (fragments.pix_to_face >= 0).to(pixels.dtype)
    return torch.cat([pixels[..., :3] * shade(pixel_normals, lighting), alpha], dim=-1), pixel_normals
