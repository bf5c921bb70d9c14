"""`shade_pixels` on the CPU in one pass over the pixels, compiled by numba, with hand-written derivatives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from occlib.rendering.kernels import bands, gradient_bands, kernel, run, thread_count
from occlib.rendering.spherical_harmonics import Y0, Y1, Y2, Y20, Y22
from occlib.rendering.topology import Topology


class ShadePixels(torch.autograd.Function):
    """(bary, albedo (N, V, 3), normals (N, V, 3), light (N, 1 or 3, 9), pix_to_face, topology) -> as `shade_pixels`."""

    @staticmethod
    def forward(ctx, bary: Tensor, albedo: Tensor, normals: Tensor, light: Tensor, pix_to_face: Tensor, mesh: Topology):
        bary, albedo, normals, light = (x.detach().contiguous() for x in (bary, albedo, normals, light))
        count, size = pix_to_face.shape[:2]
        image = albedo.new_empty((count, size, size, 4))
        pixel_normals = albedo.new_empty((count, size, size, 3))
        arrays = [x.numpy() for x in (bary, albedo, normals, light, pix_to_face, image, pixel_normals)]
        run(
            _shade_band,
            [
                (*(x[n] for x in arrays), mesh.faces, n * len(mesh.faces), first, last)
                for n in range(count)
                for first, last in bands(-(-thread_count() // count), size)
            ],
        )
        ctx.save_for_backward(bary, albedo, normals, light, pix_to_face)
        ctx.mesh = mesh
        return image, pixel_normals

    @staticmethod
    def backward(ctx, grad_image: Tensor, grad_pixel_normals: Tensor):
        bary, albedo, normals, light, pix_to_face = ctx.saved_tensors
        count, size = pix_to_face.shape[:2]
        rows = gradient_bands(count, size)
        grad_bary = torch.empty_like(bary)
        grad_albedo = torch.zeros((len(rows), *albedo.shape), dtype=albedo.dtype)
        grad_normals = torch.zeros((len(rows), *normals.shape), dtype=normals.dtype)
        grad_light = torch.zeros((len(rows), *light.shape), dtype=light.dtype)
        gradients = grad_image.contiguous(), grad_pixel_normals.contiguous(), grad_bary
        arrays = [x.numpy() for x in (bary, albedo, normals, light, pix_to_face, *gradients)]
        parts = [x.numpy() for x in (grad_albedo, grad_normals, grad_light)]
        run(
            _shade_band_backward,
            [
                (*(x[n] for x in arrays), ctx.mesh.faces, n * len(ctx.mesh.faces), *band, *(x[b, n] for x in parts))
                for n in range(count)
                for b, band in enumerate(rows)
            ],
        )
        return grad_bary, grad_albedo.sum(0), grad_normals.sum(0), grad_light.sum(0), None, None


@kernel
def _harmonics(x, y, z, basis):
    """Y_b(n), as `sh_basis`."""
    basis[0] = Y0
    basis[1] = Y1 * y
    basis[2] = Y1 * z
    basis[3] = Y1 * x
    basis[4] = Y2 * x * y
    basis[5] = Y2 * y * z
    basis[6] = Y20 * (3 * z * z - 1)
    basis[7] = Y2 * x * z
    basis[8] = Y22 * (x * x - y * y)


@kernel
def _light_up(light, basis, shading):
    """Shading of one direction, for white light (1,) or for red, green and blue light (3,)."""
    for c in range(len(light)):
        shading[c] = 0
        for b in range(9):
            shading[c] += light[c, b] * basis[b]


@kernel
def _shade_band(
    bary, albedo, normals, light, pix_to_face, image, pixel_normals, faces, offset, first_row, last_row
):
    lights = len(light)
    basis, shading = np.empty(9, image.dtype), np.empty(lights, image.dtype)
    for row in range(first_row, last_row):
        for column in range(pix_to_face.shape[1]):
            f = pix_to_face[row, column, 0] - offset
            if f < 0:
                image[row, column] = 0
                pixel_normals[row, column] = 0
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            w0, w1, w2 = bary[row, column, 0, 0], bary[row, column, 0, 1], bary[row, column, 0, 2]
            x = w0 * normals[i0, 0] + w1 * normals[i1, 0] + w2 * normals[i2, 0]
            y = w0 * normals[i0, 1] + w1 * normals[i1, 1] + w2 * normals[i2, 1]
            z = w0 * normals[i0, 2] + w1 * normals[i1, 2] + w2 * normals[i2, 2]
            length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
            x, y, z = x / length, y / length, z / length
            pixel_normals[row, column, 0], pixel_normals[row, column, 1], pixel_normals[row, column, 2] = x, y, z
            _harmonics(x, y, z, basis)
            _light_up(light, basis, shading)
            for c in range(3):
                reflected = w0 * albedo[i0, c] + w1 * albedo[i1, c] + w2 * albedo[i2, c]
                image[row, column, c] = reflected * shading[c % lights]
            image[row, column, 3] = 1


@kernel
def _shade_band_backward(
    bary,
    albedo,
    normals,
    light,
    pix_to_face,
    grad_image,
    grad_pixel_normals,
    grad_bary,
    faces,
    offset,
    first_row,
    last_row,
    grad_albedo,
    grad_normals,
    grad_light,
):
    dtype = grad_image.dtype
    lights = len(light)
    basis, shading = np.empty(9, dtype), np.empty(lights, dtype)
    g, grad_shading = np.empty(9, dtype), np.empty(lights, dtype)  # d loss / d Y_b and d loss / d shading
    least, zero = dtype.type(1e-12), dtype.type(0)
    linear, xy, zz, xx_yy = dtype.type(Y1), dtype.type(Y2), dtype.type(6 * Y20), dtype.type(2 * Y22)
    for row in range(first_row, last_row):
        for column in range(pix_to_face.shape[1]):
            f = pix_to_face[row, column, 0] - offset
            if f < 0:
                grad_bary[row, column] = 0
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            w0, w1, w2 = bary[row, column, 0, 0], bary[row, column, 0, 1], bary[row, column, 0, 2]
            x = w0 * normals[i0, 0] + w1 * normals[i1, 0] + w2 * normals[i2, 0]
            y = w0 * normals[i0, 1] + w1 * normals[i1, 1] + w2 * normals[i2, 1]
            z = w0 * normals[i0, 2] + w1 * normals[i1, 2] + w2 * normals[i2, 2]
            length = max(np.sqrt(x * x + y * y + z * z), least)
            x, y, z = x / length, y / length, z / length
            _harmonics(x, y, z, basis)
            _light_up(light, basis, shading)
            g0 = g1 = g2 = zero
            grad_shading[:] = 0
            for c in range(3):
                upstream = grad_image[row, column, c]
                a0, a1, a2 = albedo[i0, c], albedo[i1, c], albedo[i2, c]
                grad_shading[c % lights] += upstream * (w0 * a0 + w1 * a1 + w2 * a2)
                reflected = upstream * shading[c % lights]  # d loss / d albedo at the pixel
                grad_albedo[i0, c] += w0 * reflected
                grad_albedo[i1, c] += w1 * reflected
                grad_albedo[i2, c] += w2 * reflected
                g0 += reflected * a0
                g1 += reflected * a1
                g2 += reflected * a2
            g[:] = 0
            for c in range(lights):
                for b in range(9):
                    g[b] += grad_shading[c] * light[c, b]
                    grad_light[c, b] += grad_shading[c] * basis[b]
            # d loss / d n, then the part of it across n, since n was normalised.
            nx = grad_pixel_normals[row, column, 0] + linear * g[3] + xy * (g[4] * y + g[7] * z) + xx_yy * g[8] * x
            ny = grad_pixel_normals[row, column, 1] + linear * g[1] + xy * (g[4] * x + g[5] * z) - xx_yy * g[8] * y
            nz = grad_pixel_normals[row, column, 2] + linear * g[2] + xy * (g[5] * y + g[7] * x) + zz * g[6] * z
            along = nx * x + ny * y + nz * z
            nx, ny, nz = (nx - along * x) / length, (ny - along * y) / length, (nz - along * z) / length
            for i, w in ((i0, w0), (i1, w1), (i2, w2)):
                grad_normals[i, 0] += w * nx
                grad_normals[i, 1] += w * ny
                grad_normals[i, 2] += w * nz
            grad_bary[row, column, 0, 0] = g0 + nx * normals[i0, 0] + ny * normals[i0, 1] + nz * normals[i0, 2]
            grad_bary[row, column, 0, 1] = g1 + nx * normals[i1, 0] + ny * normals[i1, 1] + nz * normals[i1, 2]
            grad_bary[row, column, 0, 2] = g2 + nx * normals[i2, 0] + ny * normals[i2, 1] + nz * normals[i2, 2]
