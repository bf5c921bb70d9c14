"""Light as spherical harmonics of bands 0 to 2: the nine numbers gamma of section 3.3."""

from __future__ import annotations

import torch
from torch import Tensor

# Factors of the real orthonormal harmonics, e.g. sqrt(1 / 4 pi) and sqrt(3 / 4 pi).
_Y0, _Y1, _Y2, _Y20, _Y22 = (
    0.28209479177388,
    0.48860251190292,
    1.09254843059208,
    0.31539156525252,
    0.54627421529604,
)

LAMBERT = (1.0, *[2 / 3] * 3, *[1 / 4] * 5)
"""A_b: what Lambert's cosine, divided by pi, leaves of each band (Ramamoorthi & Hanrahan 2001)."""


def sh_basis(normals: Tensor) -> Tensor:
    """Real orthonormal spherical harmonics Y_b(n) of bands 0, 1, 2.

    Their order is (0, 0); (1, -1) ~ y, (1, 0) ~ z, (1, 1) ~ x; (2, -2) ~ xy, (2, -1) ~ yz, (2, 0) ~ 3 z^2 -
    1, (2, 1) ~ xz, (2, 2) ~ x^2 - y^2.

    normals: (..., 3) of unit length. Returns (..., 9).
    """
    x, y, z = normals.unbind(-1)
    return torch.stack(
        [
            torch.full_like(x, _Y0),
            _Y1 * y,
            _Y1 * z,
            _Y1 * x,
            _Y2 * x * y,
            _Y2 * y * z,
            _Y20 * (3 * z * z - 1),
            _Y2 * x * z,
            _Y22 * (x * x - y * y),
        ],
        dim=-1,
    )


def shade(normals: Tensor, lighting: Tensor) -> Tensor:
    """What a white Lambertian surface reflects: shading(n) = sum_b gamma_b A_b Y_b(n).

    Uniform light of radiance 1 is gamma = (sqrt(4 pi), 0, ..., 0) and gives 1 everywhere.

    normals: (N, ..., 3) of unit length, in camera space. lighting: (N, 9) white light, or (N, 27) = 3 x 9 for
    red, green and blue light. Returns (N, ..., 3).
    """
    light = _per_channel(lighting)
    shading = sh_basis(normals.flatten(1, -2)) @ light.transpose(1, 2)
    return shading.unflatten(1, normals.shape[1:-1]).expand(*normals.shape[:-1], 3)


def light_quadric(lighting: Tensor) -> Tensor:
    """The same light as symmetric matrices M: shading(n) = h^T M h, h = (x, y, z, 1) (Ramamoorthi & Hanrahan
    2001).

    lighting: (N, 9) or (N, 27). Returns (N, 1, 4, 4) or (N, 3, 4, 4).
    """
    return torch.einsum("ncb,bij->ncij", _per_channel(lighting), _QUADRICS.to(lighting))


def _quadrics() -> Tensor:
    """(9, 4, 4), with Y_b(n) = h^T quadrics[b] h."""
    x, y, z, one = range(4)
    entries = [
        {(one, one): _Y0},
        {(y, one): _Y1 / 2},
        {(z, one): _Y1 / 2},
        {(x, one): _Y1 / 2},
        {(x, y): _Y2 / 2},
        {(y, z): _Y2 / 2},
        {(z, z): 3 * _Y20, (one, one): -_Y20},
        {(x, z): _Y2 / 2},
        {(x, x): _Y22, (y, y): -_Y22},
    ]
    quadrics = torch.zeros(9, 4, 4, dtype=torch.float64)
    for band, factors in enumerate(entries):
        for (row, column), factor in factors.items():
            quadrics[band, row, column] = quadrics[band, column, row] = factor
    return quadrics


_QUADRICS = _quadrics()


def _per_channel(lighting: Tensor) -> Tensor:
    """gamma_b A_b, what a surface makes of the light: (N, 9) -> (N, 1, 9) or (N, 27) -> (N, 3, 9)."""
    return lighting.unflatten(-1, (-1, 9)) * lighting.new_tensor(LAMBERT)
