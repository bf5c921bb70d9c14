"""`antialias` on the CPU, compiled by numba, with hand-written derivatives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from occlib.rendering.kernels import kernel, run
from occlib.rendering.rasterizer import EPSILON
from occlib.rendering.topology import Topology


class Antialias(torch.autograd.Function):
    """(image (N, H, W, C), ndc_vertices, pix_to_face, zbuf, topology) -> (N, H, W, C)."""

    @staticmethod
    def forward(ctx, image: Tensor, ndc_vertices: Tensor, pix_to_face: Tensor, zbuf: Tensor, mesh: Topology):
        image, vertices = image.detach().contiguous(), ndc_vertices.detach().contiguous()
        count, size = image.shape[:2]
        blended = image.clone()
        flat = [x.flatten(1, 2) for x in (image, blended)]
        arrays = [x.numpy() for x in (vertices, pix_to_face.flatten(1), zbuf.detach().flatten(1), *flat)]
        # At most one crossing between two neighbouring pixels: (edge, inner, outer, behind) and (u, s, slope)
        # of each.
        room = 2 * size * size
        pixels = np.empty((count, room, 4), np.uint32)
        places = np.empty((count, room, 3), np.float64)
        # Which of them lies between a pixel and its right neighbour, and between it and its lower one.
        crossing = np.full((count, 2, size * size), -1, np.int32)
        found = np.zeros((count, 1), np.int64)
        arrays = [*arrays, crossing, pixels, places, found]
        run(_blend, [(*(x[n] for x in arrays), mesh.edges, size) for n in range(count)])
        ctx.crossings = [(pixels[n, :k].copy(), places[n, :k].copy()) for n, k in enumerate(found[:, 0])]
        ctx.save_for_backward(image, vertices)
        ctx.mesh = mesh
        return blended

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_blended: Tensor):
        image, vertices = ctx.saved_tensors
        grad_blended = grad_blended.contiguous()
        grad_image, grad_vertices = grad_blended.clone(), torch.zeros_like(vertices)
        flat = [x.flatten(1, 2) for x in (image, grad_blended, grad_image)]
        arrays = [x.numpy() for x in (*flat, vertices, grad_vertices)]
        run(
            _blend_backward,
            [
                (*(x[n] for x in arrays), *ctx.crossings[n], ctx.mesh.edges, image.shape[1])
                for n in range(len(image))
            ],
        )
        return grad_image, grad_vertices, None, None, None


@kernel
def _covered(x, slope):
    """c(x) of `antialias` and its derivative."""
    if x >= slope / 2:
        return x, 1.0
    if x <= -slope / 2:
        return 0.0, 0.0
    return (x + slope / 2) ** 2 / (2 * slope), (x + slope / 2) / slope


@kernel
def _blend(vertices, seen, depth, image, blended, crossing, pixels, places, found, edges, size):
    half = 0.5 * size
    count = 0
    for e in range(len(edges)):
        i0, i1, i2, i3 = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        x0, y0, z0 = vertices[i0, 0], vertices[i0, 1], vertices[i0, 2]
        x1, y1, z1 = vertices[i1, 0], vertices[i1, 1], vertices[i1, 2]
        dx, dy = x0 - x1, y0 - y1  # in pixels x and y point the other way
        side0 = dy * (vertices[i2, 0] - x0) - dx * (vertices[i2, 1] - y0)
        side1 = dy * (vertices[i3, 0] - x0) - dx * (vertices[i3, 1] - y0)
        side = side0 + side1
        # On an outline both faces lie on the same side of the edge; zero is a face seen exactly edge-on.
        if not (side0 * side1 >= 0 and side != 0 and z0 >= EPSILON and z1 >= EPSILON):
            continue
        # Walk along y, or along x with x and y exchanged, and so left and right of the edge.
        a, b, da, db = (1 - x0) * half, (1 - y0) * half, dx * half, dy * half
        upright = abs(db) >= abs(da)
        step, stride, axis = 1, size, 0
        if not upright:
            a, b, da, db, side = b, a, db, da, -side
            step, stride, axis = size, 1, 1
        first = max(np.ceil(min(b, b + db) - 0.5), 0)
        last = min(np.ceil(max(b, b + db) - 0.5), size)
        for row in range(int(first), int(last)):
            s = (row + 0.5 - b) / db
            place = a + s * da - 0.5
            if not (0 <= place < size - 1):
                continue
            left = int(place)
            pair = row * stride + left * step
            inner, outer, behind, u = pair, pair + step, pair - step if left > 0 else pair, place - left
            if side * db < 0:
                inner, outer, u = outer, inner, 1 - u
                behind = inner + step if left < size - 2 else inner
            if seen[inner] < 0:
                continue
            if seen[outer] >= 0 and not (z0 + s * (z1 - z0) < depth[outer] and depth[inner] < depth[outer]):
                continue
            if seen[behind] < 0 or (seen[outer] >= 0 and depth[behind] >= depth[outer]):
                behind = inner
            k = crossing[axis, pair]
            if k < 0:
                k = crossing[axis, pair] = count
                count += 1
            elif u <= places[k, 0]:
                continue
            pixels[k, 0], pixels[k, 1], pixels[k, 2], pixels[k, 3] = e, inner, outer, behind
            places[k, 0], places[k, 1], places[k, 2] = u, s, abs(da / db)
    found[0] = count
    for k in range(count):
        inner, outer, u, slope = pixels[k, 1], pixels[k, 2], places[k, 0], places[k, 2]
        gain, _ = _covered(u - 0.5, slope)
        loss, _ = _covered(0.5 - u, slope)
        for c in range(image.shape[1]):
            difference = image[inner, c] - image[outer, c]
            blended[outer, c] += gain * difference
            blended[inner, c] -= loss * difference


@kernel
def _blend_backward(image, grad_blended, grad_image, vertices, grad_vertices, pixels, places, edges, size):
    for k in range(len(pixels)):
        inner, outer, behind, u, s = pixels[k, 1], pixels[k, 2], pixels[k, 3], places[k, 0], places[k, 1]
        gain, d_gain = _covered(u - 0.5, places[k, 2])
        loss, d_loss = _covered(0.5 - u, places[k, 2])
        grad_u = 0.0
        for c in range(image.shape[1]):
            g_inner, g_outer = grad_blended[inner, c], grad_blended[outer, c]
            change = gain * g_outer - loss * g_inner
            grad_image[inner, c] += change
            grad_image[outer, c] -= change
            swept = image[inner, c] - image[outer, c] - u * (image[behind, c] - image[inner, c])
            grad_u += (d_gain * g_outer + d_loss * g_inner) * swept
        # u grows with the crossing's place, or falls where the inner pixel comes second; NDC run against
        # pixels.
        grad_place = -0.5 * size * (grad_u if inner < outer else -grad_u)
        i0, i1 = edges[pixels[k, 0], 0], edges[pixels[k, 0], 1]
        dx, dy = vertices[i1, 0] - vertices[i0, 0], vertices[i1, 1] - vertices[i0, 1]
        across, along, slope = (0, 1, dx / dy) if abs(dy) >= abs(dx) else (1, 0, dy / dx)
        grad_vertices[i0, across] += (1 - s) * grad_place
        grad_vertices[i0, along] -= (1 - s) * grad_place * slope
        grad_vertices[i1, across] += s * grad_place
        grad_vertices[i1, along] -= s * grad_place * slope
