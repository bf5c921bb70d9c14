"""`shade_pixels` on the CPU in one pass over the pixels, compiled by numba, with hand-written derivatives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from occlib.rendering.kernels import bands, gradient_bands, gradient_parts, kernel, run
from occlib.rendering.topology import Topology


class ShadePixels(torch.autograd.Function):
    """(bary, albedo, normals (N, V, 3), quadric (N, 1 or 3, 4, 4), pix_to_face, topology) -> see
    `shade_pixels`.

    The quadric is the light as `spherical_harmonics.light_quadric` writes it.
    """

    @staticmethod
    def forward(
        ctx,
        bary: Tensor,
        albedo: Tensor,
        normals: Tensor,
        quadric: Tensor,
        pix_to_face: Tensor,
        mesh: Topology,
    ):
        bary, albedo, normals, quadric = (x.detach().contiguous() for x in (bary, albedo, normals, quadric))
        count, size = pix_to_face.shape[:2]
        image = albedo.new_zeros((count, size, size, 4))
        pixel_normals = albedo.new_zeros((count, size, size, 3))
        arrays = [x.numpy() for x in (bary, albedo, normals, quadric, pix_to_face, image, pixel_normals)]
        tasks = [
            (*(x[n] for x in arrays), mesh.faces, n * len(mesh.faces), first, last)
            for n, first, last in bands(count, size)
        ]
        run(_shade_band, tasks)
        ctx.save_for_backward(bary, albedo, normals, quadric, pix_to_face, pixel_normals)
        ctx.mesh = mesh
        return image, pixel_normals

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_image: Tensor, grad_pixel_normals: Tensor):
        bary, albedo, normals, quadric, pix_to_face, pixel_normals = ctx.saved_tensors
        count, size = pix_to_face.shape[:2]
        parts = gradient_parts(count)
        grad_bary = torch.zeros_like(bary)
        sums = [x.new_zeros((parts, *x.shape)) for x in (albedo, normals, quadric)]
        upstream = grad_image.contiguous(), grad_pixel_normals.contiguous()
        arrays = [x.numpy() for x in (bary, albedo, normals, quadric, pix_to_face, *upstream, grad_bary)]
        faces = ctx.mesh.faces
        tasks = [
            (*(x[n] for x in arrays), faces, n * len(faces), first, last, *(x[part, n].numpy() for x in sums))
            for n, part, first, last in gradient_bands(count, size)
        ]
        run(_shade_band_backward, tasks)
        grad_albedo, grad_normals, upper = (x.sum(0) for x in sums)
        grad_quadric = upper + upper.triu(1).mT
        return grad_bary, grad_albedo, grad_normals, grad_quadric, None, None


@kernel
def _shade_band(
    bary, albedo, normals, quadric, pix_to_face, image, pixel_normals, faces, offset, first_row, last_row
):
    lights = len(quadric)
    for row in range(first_row, last_row):
        for column in range(pix_to_face.shape[1]):
            f = pix_to_face[row, column, 0] - offset
            if f < 0:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            w0, w1, w2 = bary[row, column, 0, 0], bary[row, column, 0, 1], bary[row, column, 0, 2]
            x = w0 * normals[i0, 0] + w1 * normals[i1, 0] + w2 * normals[i2, 0]
            y = w0 * normals[i0, 1] + w1 * normals[i1, 1] + w2 * normals[i2, 1]
            z = w0 * normals[i0, 2] + w1 * normals[i1, 2] + w2 * normals[i2, 2]
            length = np.sqrt(x * x + y * y + z * z)
            if length > 0:
                x, y, z = x / length, y / length, z / length
            pixel_normals[row, column, 0] = x
            pixel_normals[row, column, 1] = y
            pixel_normals[row, column, 2] = z
            for light in range(lights):
                m = quadric[light]
                shading = x * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
                shading += y * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
                shading += z * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
                shading += m[3, 0] * x + m[3, 1] * y + m[3, 2] * z + m[3, 3]
                for c in range(light, 3, lights):  # white light: all channels, coloured light: its own
                    reflected = w0 * albedo[i0, c] + w1 * albedo[i1, c] + w2 * albedo[i2, c]
                    image[row, column, c] = reflected * shading
            image[row, column, 3] = 1


@kernel
def _shade_band_backward(
    bary,
    albedo,
    normals,
    quadric,
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
    grad_quadric,
):
    lights = len(quadric)
    # A plain 2 would make float64 of it all.
    zero, one, two = bary.dtype.type(0), bary.dtype.type(1), bary.dtype.type(2)
    for row in range(first_row, last_row):
        for column in range(pix_to_face.shape[1]):
            f = pix_to_face[row, column, 0] - offset
            if f < 0:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            w0, w1, w2 = bary[row, column, 0, 0], bary[row, column, 0, 1], bary[row, column, 0, 2]
            x = w0 * normals[i0, 0] + w1 * normals[i1, 0] + w2 * normals[i2, 0]
            y = w0 * normals[i0, 1] + w1 * normals[i1, 1] + w2 * normals[i2, 1]
            z = w0 * normals[i0, 2] + w1 * normals[i1, 2] + w2 * normals[i2, 2]
            length = np.sqrt(x * x + y * y + z * z)
            inverse = one / length if length > 0 else length
            x, y, z = x * inverse, y * inverse, z * inverse
            gx = grad_pixel_normals[row, column, 0]
            gy = grad_pixel_normals[row, column, 1]
            gz = grad_pixel_normals[row, column, 2]
            g0 = g1 = g2 = zero
            for light in range(lights):
                m = quadric[light]
                hx = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
                hy = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
                hz = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
                shading = hx * x + hy * y + hz * z + m[3, 0] * x + m[3, 1] * y + m[3, 2] * z + m[3, 3]
                grad_shading = zero
                for c in range(light, 3, lights):
                    a0, a1, a2 = albedo[i0, c], albedo[i1, c], albedo[i2, c]
                    g = grad_image[row, column, c]
                    grad_shading += g * (w0 * a0 + w1 * a1 + w2 * a2)
                    g *= shading  # d loss / d albedo at the pixel
                    grad_albedo[i0, c] += w0 * g
                    grad_albedo[i1, c] += w1 * g
                    grad_albedo[i2, c] += w2 * g
                    g0 += a0 * g
                    g1 += a1 * g
                    g2 += a2 * g
                gx += two * grad_shading * hx  # M is symmetric
                gy += two * grad_shading * hy
                gz += two * grad_shading * hz
                # shading = h^T M h with h = (n, 1): d loss / d M is the sum of grad_shading h h^T.
                h = x, y, z, one
                for i in range(4):
                    for j in range(i, 4):
                        grad_quadric[light, i, j] += grad_shading * h[i] * h[j]
            # From the unit normal to the sum that was normalised: the part across the normal.
            along = gx * x + gy * y + gz * z
            gx, gy, gz = (gx - along * x) * inverse, (gy - along * y) * inverse, (gz - along * z) * inverse
            grad_normals[i0, 0] += w0 * gx
            grad_normals[i0, 1] += w0 * gy
            grad_normals[i0, 2] += w0 * gz
            grad_normals[i1, 0] += w1 * gx
            grad_normals[i1, 1] += w1 * gy
            grad_normals[i1, 2] += w1 * gz
            grad_normals[i2, 0] += w2 * gx
            grad_normals[i2, 1] += w2 * gy
            grad_normals[i2, 2] += w2 * gz
            grad_bary[row, column, 0, 0] = (
                g0 + gx * normals[i0, 0] + gy * normals[i0, 1] + gz * normals[i0, 2]
            )
            grad_bary[row, column, 0, 1] = (
                g1 + gx * normals[i1, 0] + gy * normals[i1, 1] + gz * normals[i1, 2]
            )
            grad_bary[row, column, 0, 2] = (
                g2 + gx * normals[i2, 0] + gy * normals[i2, 1] + gz * normals[i2, 2]
            )
