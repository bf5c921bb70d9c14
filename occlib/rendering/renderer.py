"""The renderer (section 3.3): a mesh, its colours, a light and a camera become an image, differentiably."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from occlib.rendering.antialias import antialias
from occlib.rendering.camera import Camera, PerspectiveCamera
from occlib.rendering.normals import vertex_normals
from occlib.rendering.rasterizer import Fragments, rasterize
from occlib.rendering.shading import shade_pixels


@dataclass(frozen=True, eq=False)
class Rendering:
    """image: (N, 3, H, W), the background where nothing is seen; not clamped, so that bright light keeps its
    gradient. alpha: (N, 1, H, W) in [0, 1], how much of a pixel the mesh covers. normals: (N, 3, H, W), unit
    normals in camera space (x right, y up, z to the viewer), zero where nothing is seen. fragments: what the
    rasteriser found.
    """

    image: Tensor
    alpha: Tensor
    normals: Tensor
    fragments: Fragments

    @property
    def depth(self) -> Tensor:
        """(N, 1, H, W): depth in mm, infinite where nothing is seen."""
        zbuf, seen = self.fragments.zbuf, self.fragments.pix_to_face >= 0
        return torch.where(seen, zbuf, torch.inf).permute(0, 3, 1, 2)


def render(
    vertices: Tensor,
    faces: Tensor,
    albedo: Tensor,
    lighting: Tensor,
    camera: Camera | PerspectiveCamera,
    image_size: int,
    background: Tensor | None = None,
) -> Rendering:
    """Draw a mesh under spherical-harmonics light: image = albedo * shading(normal), antialiased at outlines.

    Gradients flow to the vertices, the albedo, the lighting, the camera's pose and the background.

    vertices: (N, V, 3) mm. faces: (F, 3) int64. albedo: (N, V, 3) RGB. lighting: (N, 9) or (N, 27), see
    `shade`. image_size: side of the image in pixels; it need not be the camera's. background: (N, 3, H, W),
    black when None.
    """
    fragments = rasterize(camera.ndc(vertices), faces, image_size)
    normals = camera.rotate(vertex_normals(vertices, faces))
    pixels, pixel_normals = shade_pixels(fragments, albedo, normals, lighting)
    if background is not None:
        behind = torch.cat([background, torch.zeros_like(background[:, :1])], dim=1).permute(0, 2, 3, 1)
        pixels = torch.where(fragments.pix_to_face >= 0, pixels, behind)
    image = antialias(pixels.permute(0, 3, 1, 2), fragments)
    return Rendering(image[:, :3], image[:, 3:], pixel_normals.permute(0, 3, 1, 2), fragments)
