"""The photo as seen by the face's vertices: residual and Jacobian of all 239 numbers for Gauss-Newton.

Every visible vertex i of the face predicts the photo's colour at the place where it is projected (the view of
Blanz & Vetter 1999):

    r_i = albedo_i(beta_te) shading(gamma, R n_i) - I(k P R S_i + t)

Unlike a rendered image this is smooth in every number of V_x, and its derivative is written down in a few
lines: the albedo and the shading change, and the vertex slides over the photo. What it cannot see are outlines:
those are left to the renderer.
"""

from functools import cached_property

import torch

from occlib.morphable import Coefficients, MorphableModel
from occlib.rendering import LAMBERT, Camera, Rendering, rotation_matrix, sh_basis, vertex_normals

GRAZING = 0.25
"""Cosine between normal and view below which a vertex is left out: there the photo shows outlines and hair."""


class VertexBases:
    """Derivatives of Eq. 9 on the fine mesh, what one standard deviation more of each coefficient adds: shape
    (144, V, 3) mm, texture (80, V, 3). Each takes tens of megabytes, and is made when it is first asked for."""

    def __init__(self, model: MorphableModel):
        self.model = model

    @cached_property
    def shape(self) -> torch.Tensor:
        """(144, V, 3) mm for identity and expression."""
        return self.shape_at(slice(None))

    @torch.inference_mode(False)  # made inside of that mode it would not work outside of it
    @torch.no_grad()
    def shape_at(self, vertices: torch.Tensor | slice) -> torch.Tensor:
        """(144, L, 3) mm: `shape` at some vertices (L,) alone, not kept."""
        model, sizes = self.model, [self.model.n_identity, self.model.n_expression]
        unit = torch.eye(sum(sizes)).to(model.shape_mean)
        mean = model.shape(*(0 * unit[:1]).split(sizes, 1))[:, vertices]
        return model.shape(*unit.split(sizes, 1))[:, vertices].sub_(mean)  # linear, so this is the derivative

    @cached_property
    @torch.inference_mode(False)
    @torch.no_grad()
    def texture(self) -> torch.Tensor:
        """(80, V, 3), sRGB."""
        unit = torch.eye(self.model.n_texture).to(self.model.albedo_mean)
        return self.model.albedo(unit).sub_(self.model.albedo(0 * unit[:1]))


def visible_vertices(rendering: Rendering, normals: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """Indices (n,) of the vertices that the camera sees, not at a grazing angle; normals (1, V, 3) in camera axes."""
    triangles = rendering.fragments.pix_to_face
    seen = torch.zeros(normals.shape[1], dtype=torch.bool, device=normals.device)
    seen[faces[triangles[triangles >= 0]].flatten()] = True
    return torch.nonzero(seen & (normals[0, :, 2] > GRAZING))[:, 0]


def linearise_photo(
    photo: torch.Tensor, coefficients: Coefficients, camera: Camera, chosen: torch.Tensor,
    model: MorphableModel, bases: VertexBases,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Residual r (n, 3) of the chosen vertices (n,) and its Jacobian (239, n, 3), in the order of V_x.

    photo: (1, 3, S, S), blurred as far as its slope should lead. One face, white light.
    """
    vertices = model.shape(coefficients.identity, coefficients.expression)
    normals = vertex_normals(vertices, model.faces)
    bent = _normal_derivative(vertices, normals, model.faces, bases.shape, chosen)  # (144, n, 3)
    moved, vertices, normals = bases.shape[:, chosen], vertices[0, chosen], normals[0, chosen]
    albedo = model.albedo(coefficients.texture)[0, chosen]

    rotation = rotation_matrix(coefficients.pose[:, :3])[0]
    lighting = coefficients.lighting[0] * normals.new_tensor(LAMBERT)
    bands = sh_basis(normals @ rotation.T)  # (n, 9)
    shading = (bands @ lighting)[:, None]
    shading_slope = torch.func.vmap(torch.func.grad(lambda n: sh_basis(n) @ lighting))(normals @ rotation.T)

    projected = camera.project(vertices[None])[..., :2]
    slope_x, slope_y = (sample(slope, projected)[0].T for slope in _slopes(photo))  # (n, 3) a pixel
    residual = albedo * shading - sample(photo, projected)[0].T

    def column(normal_change: torch.Tensor, pixel_change: torch.Tensor) -> torch.Tensor:
        """d r (K, n, 3) from changes of the normals (K, n, 3), camera axes, and of the positions (K, n, 2) px."""
        shade = (normal_change * shading_slope).sum(-1, keepdim=True)
        return albedo * shade - slope_x * pixel_change[..., :1] - slope_y * pixel_change[..., 1:]

    # k P, which carries camera axes to pixels: (2, 3)
    to_pixels = coefficients.pose[0, 3] * vertices.new_tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    turned = torch.func.jacfwd(lambda angles: rotation_matrix(angles[None])[0])(coefficients.pose[0, :3])
    turned = turned.permute(2, 0, 1)  # (3, 3, 3): dR by pitch, yaw, roll
    still = vertices.new_zeros(3, len(vertices), 3)
    scale_and_shift = torch.stack([
        vertices @ (to_pixels @ rotation).T / coefficients.pose[0, 3],
        vertices.new_tensor([1.0, 0.0]).expand(len(vertices), 2),
        vertices.new_tensor([0.0, 1.0]).expand(len(vertices), 2),
    ])
    jacobian = torch.cat([
        column(bent @ rotation.T, moved @ (to_pixels @ rotation).T),  # identity, expression
        bases.texture[:, chosen] * shading,
        (bands * normals.new_tensor(LAMBERT)).T[..., None] * albedo,  # lighting
        column(normals @ turned.mT, vertices @ (to_pixels @ turned).mT),  # pitch, yaw, roll
        column(still, scale_and_shift),
    ])
    return residual, jacobian


def sample(image: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Bilinear samples (1, C, n) of (1, C, S, S) at (1, n, 2) pixel positions; 0 outside."""
    grid = 2 * pixels[:, None] / image.shape[-1] - 1  # pixel centres at half-integers: align_corners=False
    return torch.nn.functional.grid_sample(image, grid, align_corners=False)[:, :, 0]


def _slopes(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Central differences by x and y, each like `image` (1, C, S, S), per pixel."""
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
    by_x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    by_y = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return by_x, by_y


def _normal_derivative(vertices, normals, faces, basis, chosen, step: float = 0.1) -> torch.Tensor:
    """d normals / d coefficients (K, n, 3) of the chosen vertices by forward differences, sixteen of K at once to
    spare memory."""
    normals = normals[:, chosen]
    parts = [
        (vertex_normals(vertices + step * part, faces)[:, chosen] - normals) / step for part in basis.split(16)
    ]
    return torch.cat(parts)
