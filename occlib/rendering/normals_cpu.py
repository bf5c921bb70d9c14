"""Vertex normals on the CPU, compiled by numba, with hand-written derivatives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from occlib.rendering.kernels import kernel, run
from occlib.rendering.topology import Topology


class VertexNormals(torch.autograd.Function):
    """(vertices (N, V, 3), topology) -> (N, V, 3), as `normals.vertex_normals`."""

    @staticmethod
    def forward(ctx, vertices: Tensor, mesh: Topology):
        vertices = vertices.detach().contiguous()
        normals = torch.zeros_like(vertices)
        lengths = vertices.new_empty(vertices.shape[:2])
        arrays = [x.numpy() for x in (vertices, normals, lengths)]
        run(_normals, [(*(x[n] for x in arrays), mesh.faces) for n in range(len(vertices))])
        ctx.save_for_backward(vertices, normals, lengths)
        ctx.mesh = mesh
        return normals

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_normals: Tensor):
        vertices, normals, lengths = ctx.saved_tensors
        grad = torch.zeros_like(vertices)
        summed = torch.empty_like(vertices)
        arrays = [x.numpy() for x in (vertices, normals, lengths, grad_normals.contiguous(), summed, grad)]
        run(_normals_backward, [(*(x[n] for x in arrays), ctx.mesh.faces) for n in range(len(vertices))])
        return grad, None


@kernel
def _normals(vertices, normals, lengths, faces):
    for f in range(len(faces)):
        i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
        x, y, z = vertices[i0, 0], vertices[i0, 1], vertices[i0, 2]
        ax, ay, az = vertices[i1, 0] - x, vertices[i1, 1] - y, vertices[i1, 2] - z
        bx, by, bz = vertices[i2, 0] - x, vertices[i2, 1] - y, vertices[i2, 2] - z
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for i in (i0, i1, i2):
            normals[i, 0] += nx
            normals[i, 1] += ny
            normals[i, 2] += nz
    for v in range(len(vertices)):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        lengths[v] = np.sqrt(x * x + y * y + z * z)
        if lengths[v] > 0:
            normals[v, 0] /= lengths[v]
            normals[v, 1] /= lengths[v]
            normals[v, 2] /= lengths[v]


@kernel
def _normals_backward(vertices, normals, lengths, grad_normals, grad_sums, grad, faces):
    # n = s / |s|, so d loss / d s is the part of d loss / d n across n, divided by |s|.
    for v in range(len(vertices)):
        scale = 1 / lengths[v] if lengths[v] > 0 else lengths[v]
        dot = normals[v, 0] * grad_normals[v, 0] + normals[v, 1] * grad_normals[v, 1]
        dot += normals[v, 2] * grad_normals[v, 2]
        for c in range(3):
            grad_sums[v, c] = (grad_normals[v, c] - dot * normals[v, c]) * scale
    for f in range(len(faces)):
        i0, i1, i2 = faces[f, 0], faces[f, 1], faces[f, 2]
        # Every face's a x b was added to its three corners: d loss / d a = b x g, d loss / d b = g x a.
        gx = grad_sums[i0, 0] + grad_sums[i1, 0] + grad_sums[i2, 0]
        gy = grad_sums[i0, 1] + grad_sums[i1, 1] + grad_sums[i2, 1]
        gz = grad_sums[i0, 2] + grad_sums[i1, 2] + grad_sums[i2, 2]
        x, y, z = vertices[i0, 0], vertices[i0, 1], vertices[i0, 2]
        ax, ay, az = vertices[i1, 0] - x, vertices[i1, 1] - y, vertices[i1, 2] - z
        bx, by, bz = vertices[i2, 0] - x, vertices[i2, 1] - y, vertices[i2, 2] - z
        dax, day, daz = by * gz - bz * gy, bz * gx - bx * gz, bx * gy - by * gx
        dbx, dby, dbz = gy * az - gz * ay, gz * ax - gx * az, gx * ay - gy * ax
        grad[i1, 0] += dax
        grad[i1, 1] += day
        grad[i1, 2] += daz
        grad[i2, 0] += dbx
        grad[i2, 1] += dby
        grad[i2, 2] += dbz
        grad[i0, 0] -= dax + dbx
        grad[i0, 1] -= day + dby
        grad[i0, 2] -= daz + dbz
