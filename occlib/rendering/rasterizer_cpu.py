"""The rasteriser's loops on the CPU, compiled by numba, with hand-written derivatives.

A z-buffer: every triangle visits only the pixels of its bounding box. The image is cut into bands of rows,
one for each thread. Each band goes through all the triangles in order, so no two threads write to one pixel
and the outcome does not depend on their number. Gradients are summed in a number of bands that is fixed, for
the same reason.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from occlib.rendering.kernels import bands, gradient_bands, gradient_parts, kernel, run
from occlib.rendering.rasterizer import EPSILON, pixel_centres
from occlib.rendering.topology import Topology


class Rasterize(torch.autograd.Function):
    """(ndc_vertices (N, V, 3), topology, image_size) -> pix_to_face, zbuf, bary_coords as in `Fragments`."""

    @staticmethod
    def forward(ctx, ndc_vertices: Tensor, mesh: Topology, image_size: int):
        vertices = ndc_vertices.detach().contiguous()
        shape = (len(vertices), image_size, image_size, 1)
        pix_to_face = torch.full(shape, -1)
        zbuf = vertices.new_full(shape, -1)
        bary = vertices.new_full((*shape, 3), -1)
        centres = pixel_centres(image_size, vertices)
        flat = pix_to_face.flatten(1), zbuf.flatten(1), bary.flatten(1, 3)
        arrays = [x.numpy() for x in (vertices, *flat)]
        tasks = [
            (*(x[n] for x in arrays), mesh.faces, centres.numpy(), n * len(mesh.faces), first, last)
            for n, first, last in bands(len(vertices), image_size)
        ]
        run(_rasterize_band, tasks)
        ctx.save_for_backward(vertices, pix_to_face, bary)
        ctx.mesh = mesh
        ctx.mark_non_differentiable(pix_to_face)
        ctx.set_materialize_grads(False)
        return pix_to_face, zbuf, bary

    @staticmethod
    @once_differentiable
    def backward(ctx, _, grad_zbuf: Tensor | None, grad_bary: Tensor | None):
        vertices, pix_to_face, bary = ctx.saved_tensors
        if grad_zbuf is None and grad_bary is None:
            return None, None, None
        grad_zbuf = torch.zeros_like(bary[..., 0]) if grad_zbuf is None else grad_zbuf.contiguous()
        grad_bary = torch.zeros_like(bary) if grad_bary is None else grad_bary.contiguous()
        size = pix_to_face.shape[1]
        centres = pixel_centres(size, vertices).numpy()
        arrays = [x.numpy() for x in (vertices, pix_to_face, bary, grad_zbuf, grad_bary)]
        faces = ctx.mesh.faces
        grad = vertices.new_zeros((gradient_parts(len(vertices)), *vertices.shape))
        tasks = [
            (*(x[n] for x in arrays), faces, centres, n * len(faces), first, last, grad[part, n].numpy())
            for n, part, first, last in gradient_bands(len(vertices), size)
        ]
        run(_rasterize_band_backward, tasks)
        return grad.sum(0), None, None


class Interpolate(torch.autograd.Function):
    """(bary_coords, attributes (N, V, C), pix_to_face, topology) -> (N, H, W, C), as `interpolate`."""

    @staticmethod
    def forward(ctx, bary: Tensor, attributes: Tensor, pix_to_face: Tensor, mesh: Topology):
        bary, attributes = bary.detach().contiguous(), attributes.detach().contiguous()
        count, size = pix_to_face.shape[:2]
        values = attributes.new_zeros((count, size, size, attributes.shape[2]))
        arrays = [x.numpy() for x in (attributes, pix_to_face, bary, values)]
        tasks = [
            (*(x[n] for x in arrays), mesh.faces, n * len(mesh.faces), first, last)
            for n, first, last in bands(count, size)
        ]
        run(_interpolate_band, tasks)
        ctx.save_for_backward(bary, attributes, pix_to_face)
        ctx.mesh = mesh
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_values: Tensor):
        bary, attributes, pix_to_face = ctx.saved_tensors
        grad_bary = torch.zeros_like(bary)
        arrays = [x.numpy() for x in (attributes, pix_to_face, bary, grad_values.contiguous(), grad_bary)]
        faces = ctx.mesh.faces
        count, size = pix_to_face.shape[:2]
        grad = attributes.new_zeros((gradient_parts(count), *attributes.shape))
        tasks = [
            (*(x[n] for x in arrays), faces, n * len(faces), first, last, grad[part, n].numpy())
            for n, part, first, last in gradient_bands(count, size)
        ]
        run(_interpolate_band_backward, tasks)
        return grad_bary, grad.sum(0), None, None


@kernel
def _rasterize_band(vertices, pix_to_face, zbuf, bary, faces, centres, offset, first_row, last_row):
    size = len(centres)
    real = vertices.dtype.type  # plain numbers would make float64 of it all
    one, epsilon, half = real(1), real(EPSILON), real(0.5 * size)
    before, after = real(0.51), real(0.49)  # half a pixel and some slack: what is inside is decided below
    zero, end, first, last = real(0), real(size - 1), real(first_row), real(last_row - 1)
    for f in range(len(faces)):
        i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
        y0, y1, y2 = vertices[i0, 1], vertices[i1, 1], vertices[i2, 1]
        top = max(np.ceil((one - max(y0, y1, y2)) * half - before), first)
        bottom = min(np.floor((one - min(y0, y1, y2)) * half - after), last)
        if not top <= bottom:
            continue
        x0, x1, x2 = vertices[i0, 0], vertices[i1, 0], vertices[i2, 0]
        left = max(np.ceil((one - max(x0, x1, x2)) * half - before), zero)
        right = min(np.floor((one - min(x0, x1, x2)) * half - after), end)
        if not left <= right:
            continue
        z0, z1, z2 = vertices[i0, 2], vertices[i1, 2], vertices[i2, 2]
        if not (z0 >= epsilon and z1 >= epsilon and z2 >= epsilon):
            continue
        area = (x2 - x0) * (y1 - y0) - (y2 - y0) * (x1 - x0)
        if not (epsilon < abs(area) < np.inf):
            continue
        # Turned so that a pixel is inside where all three edge functions are positive.
        area = area + epsilon
        sign = one if area > 0 else -one
        area = area * sign
        ax, ay, bx, by, cx, cy = x2 - x1, y2 - y1, x0 - x2, y0 - y2, x1 - x0, y1 - y0
        ax, ay, bx, by, cx, cy = ax * sign, ay * sign, bx * sign, by * sign, cx * sign, cy * sign
        for row in range(np.uint32(top), np.uint32(bottom + 1)):
            y = centres[row]
            row0, row1, row2 = (y - y1) * ax, (y - y2) * bx, (y - y0) * cx
            for column in range(np.uint32(left), np.uint32(right + 1)):
                x = centres[column]
                w0 = (x - x1) * ay - row0
                w1 = (x - x2) * by - row1
                w2 = (x - x0) * cy - row2
                if min(w0, w1, w2) > 0:
                    w0, w1, w2 = w0 / area, w1 / area, w2 / area
                    z = w0 * z0 + w1 * z1 + w2 * z2
                    pixel = row * size + column
                    if pix_to_face[pixel] < 0 or z < zbuf[pixel]:
                        pix_to_face[pixel] = f + offset
                        zbuf[pixel] = z
                        bary[pixel, 0] = w0
                        bary[pixel, 1] = w1
                        bary[pixel, 2] = w2


@kernel
def _rasterize_band_backward(
    vertices, pix_to_face, bary, grad_zbuf, grad_bary, faces, centres, offset, first_row, last_row, grad
):
    """With edge functions E_i, A = E_0 + E_1 + E_2 and w_i = E_i / (A + epsilon)."""
    one, epsilon = vertices.dtype.type(1), vertices.dtype.type(EPSILON)
    for row in range(first_row, last_row):
        y = centres[row]
        for column in range(len(centres)):
            f = pix_to_face[row, column, 0] - offset
            if f < 0:
                continue
            x = centres[column]
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            x0, x1, x2 = vertices[i0, 0] - x, vertices[i1, 0] - x, vertices[i2, 0] - x
            y0, y1, y2 = vertices[i0, 1] - y, vertices[i1, 1] - y, vertices[i2, 1] - y
            w0, w1, w2 = bary[row, column, 0, 0], bary[row, column, 0, 1], bary[row, column, 0, 2]
            gz = grad_zbuf[row, column, 0]
            g0 = grad_bary[row, column, 0, 0] + gz * vertices[i0, 2]
            g1 = grad_bary[row, column, 0, 1] + gz * vertices[i1, 2]
            g2 = grad_bary[row, column, 0, 2] + gz * vertices[i2, 2]
            inverse = one / ((x2 - x0) * (y1 - y0) - (y2 - y0) * (x1 - x0) + epsilon)
            mean = g0 * w0 + g1 * w1 + g2 * w2
            # d loss / d E_i, through w_i itself and through A.
            e0, e1, e2 = (g0 - mean) * inverse, (g1 - mean) * inverse, (g2 - mean) * inverse
            grad[i0, 0] += e1 * y2 - e2 * y1
            grad[i0, 1] += e2 * x1 - e1 * x2
            grad[i0, 2] += gz * w0
            grad[i1, 0] += e2 * y0 - e0 * y2
            grad[i1, 1] += e0 * x2 - e2 * x0
            grad[i1, 2] += gz * w1
            grad[i2, 0] += e0 * y1 - e1 * y0
            grad[i2, 1] += e1 * x0 - e0 * x1
            grad[i2, 2] += gz * w2


@kernel
def _interpolate_band(attributes, pix_to_face, bary, values, faces, offset, first_row, last_row):
    channels = attributes.shape[1]
    for row in range(first_row, last_row):
        for column in range(pix_to_face.shape[1]):
            f = pix_to_face[row, column, 0] - offset
            if f < 0:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            w0, w1, w2 = bary[row, column, 0, 0], bary[row, column, 0, 1], bary[row, column, 0, 2]
            for c in range(channels):
                values[row, column, c] = (
                    w0 * attributes[i0, c] + w1 * attributes[i1, c] + w2 * attributes[i2, c]
                )


@kernel
def _interpolate_band_backward(
    attributes, pix_to_face, bary, grad_values, grad_bary, faces, offset, first_row, last_row, grad
):
    channels = attributes.shape[1]
    for row in range(first_row, last_row):
        for column in range(pix_to_face.shape[1]):
            f = pix_to_face[row, column, 0] - offset
            if f < 0:
                continue
            i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
            w0, w1, w2 = bary[row, column, 0, 0], bary[row, column, 0, 1], bary[row, column, 0, 2]
            for c in range(channels):
                g = grad_values[row, column, c]
                grad_bary[row, column, 0, 0] += g * attributes[i0, c]
                grad_bary[row, column, 0, 1] += g * attributes[i1, c]
                grad_bary[row, column, 0, 2] += g * attributes[i2, c]
                grad[i0, c] += g * w0
                grad[i1, c] += g * w1
                grad[i2, c] += g * w2
