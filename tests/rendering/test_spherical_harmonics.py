import math

import numpy as np
import torch
from scipy.special import sph_harm_y

from occlib.rendering import sh_basis, shade
from occlib.rendering.spherical_harmonics import LAMBERT


def sphere_quadrature() -> tuple[torch.Tensor, torch.Tensor]:
    """Directions (P, 3) and weights (P,) that integrate polynomials of low degree over the sphere exactly."""
    z, wz = np.polynomial.legendre.leggauss(8)
    phi = np.arange(16) * 2 * np.pi / 16
    z, phi, weight = (x.ravel() for x in np.broadcast_arrays(z[:, None], phi, wz[:, None] * 2 * np.pi / 16))
    radius = np.sqrt(1 - z**2)
    return torch.tensor(np.stack([radius * np.cos(phi), radius * np.sin(phi), z], -1)), torch.tensor(weight)


def test_basis_is_orthonormal():
    directions, weights = sphere_quadrature()
    basis = sh_basis(directions)
    gram = basis.T @ (weights[:, None] * basis)
    torch.testing.assert_close(gram, torch.eye(9, dtype=torch.float64), atol=1e-12, rtol=0)


def test_basis_against_scipy():
    """Real harmonics from scipy's complex ones; scipy's carry the Condon-Shortley sign (-1)^m."""
    directions, _ = sphere_quadrature()
    x, y, z = directions.numpy().T
    theta, phi = np.arccos(z), np.arctan2(y, x)
    columns = []
    for degree in range(3):
        for m in range(-degree, degree + 1):
            complex_harmonic = sph_harm_y(degree, abs(m), theta, phi)
            part = complex_harmonic.imag if m < 0 else complex_harmonic.real
            columns.append(part * (1 if m == 0 else math.sqrt(2) * (-1) ** m))
    np.testing.assert_allclose(sh_basis(directions).numpy(), np.stack(columns, -1), atol=1e-12)


def test_shading_is_lambert_under_light_of_bands_0_to_2():
    """The reflected light by definition: the integral of L(w) max(0, n.w) / pi over the sphere."""
    generator = torch.Generator().manual_seed(0)
    lighting = torch.randn(1, 9, dtype=torch.float64, generator=generator)
    normals = torch.nn.functional.normalize(
        torch.randn(1, 5, 3, dtype=torch.float64, generator=generator), dim=-1
    )
    z, wz = np.polynomial.legendre.leggauss(200)
    phi = np.arange(400) * 2 * np.pi / 400
    z, phi, weights = (x.ravel() for x in np.broadcast_arrays(z[:, None], phi, wz[:, None] * 2 * np.pi / 400))
    radius = np.sqrt(1 - z**2)
    directions = torch.tensor(np.stack([radius * np.cos(phi), radius * np.sin(phi), z], -1))
    light = torch.tensor(weights) * (sh_basis(directions) @ lighting[0])
    expected = (light * (normals[0] @ directions.T).clamp(min=0)).sum(-1) / math.pi
    torch.testing.assert_close(
        shade(normals, lighting)[0], expected[:, None].expand(-1, 3), atol=1e-4, rtol=0
    )


def test_uniform_light_of_radiance_one_shades_to_one():
    lighting = torch.zeros(2, 9)
    lighting[:, 0] = math.sqrt(4 * math.pi)
    normals = torch.nn.functional.normalize(torch.randn(2, 4, 5, 3), dim=-1)
    torch.testing.assert_close(shade(normals, lighting), torch.ones(2, 4, 5, 3))


def test_27_numbers_are_red_green_and_blue_light():
    normals = torch.nn.functional.normalize(torch.randn(2, 7, 3), dim=-1)
    lighting = torch.randn(2, 27)
    channels = [shade(normals, lighting[:, 9 * c : 9 * c + 9])[..., c] for c in range(3)]
    torch.testing.assert_close(shade(normals, lighting), torch.stack(channels, -1))


def test_lambert_factors_are_those_of_ramamoorthi_and_hanrahan():
    """Divided by pi: 1, 2/3 and 1/4 for the bands of 1, 3 and 5 harmonics."""
    np.testing.assert_allclose(LAMBERT, [1] + 3 * [2 / 3] + 5 * [1 / 4])
