"""Antialiasing of outlines, which is also what makes a rendering differentiable where it matters most.

A rasteriser decides pixel by pixel, so moving an outline by less than a pixel changes nothing and its
gradient is zero. Here every edge of the mesh that lies on an outline is walked along its longer axis, row by
row (or column by column). Where it passes between the centres of two neighbouring pixels, at the distance u
from the centre of the inner one, we know how much of each pixel the surface covers:

         inner centre     edge      outer centre         outer += c(u - 1/2) (inner - outer)
              o ----------/----------- o                 inner += c(1/2 - u) (outer - inner)
              <---- u -->/

    c(x) = integral of clamp(x + m y, 0, 1) over -1/2 < y < 1/2, for an edge of slope m, |m| <= 1

which is what a straight edge covers of the pixel beyond the border between the two. The sum over both pixels
changes by (inner - outer) du, as the true area does. Blending pixel pairs is the idea of Laine et al. 2020,
"Modular Primitives for High-Performance Differentiable Rendering". They look for the edge among those of the
triangles seen in the two pixels, which on a mesh as dense as a face misses most of them; hence the walk along
the edges.

The derivative with respect to u is one of the picture that we approximate, not of the blend: what an outline
sweeps over has the colour of the surface at the edge, and that is extrapolated from the inner pixel and the
one behind it. Taking the inner pixel's colour instead doubles the error of a translation's gradient, since
shading is steepest at outlines.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from occlib.rendering.rasterizer import EPSILON, Fragments
from occlib.rendering.topology import topology


def antialias(image: Tensor, fragments: Fragments) -> Tensor:
    """Blend the pixel pairs that outlines pass between; gradients flow to `image` and to the vertices drawn.

    The z-buffer decides which edges are seen: the outer pixel must lie behind the edge and behind the inner
    pixel. Where several edges pass between the same two pixels the outermost counts.

    image: (N, C, H, W), any number of channels (colours, alpha, ...). Returns the same shape.
    """
    if image.device.type == "cpu":
        from occlib.rendering.antialias_cpu import Antialias

        channels_last = image.permute(0, 2, 3, 1)
        mesh = topology(fragments.faces, fragments.ndc_vertices.shape[1])
        blended = Antialias.apply(
            channels_last, fragments.ndc_vertices, fragments.pix_to_face, fragments.zbuf, mesh
        )
        return blended.permute(0, 3, 1, 2)
    return antialias_torch(image, fragments)


def antialias_torch(image: Tensor, fragments: Fragments) -> Tensor:
    """`antialias` in plain torch: what runs on CUDA."""
    size = image.shape[-1]
    seen = fragments.pix_to_face >= 0
    depth = torch.where(seen, fragments.zbuf, torch.inf).detach().reshape(len(image), -1)
    edges = torch.from_numpy(
        topology(fragments.faces, fragments.ndc_vertices.shape[1]).edges.astype(np.int64)
    ).to(image.device)
    results = []
    for n in range(len(image)):
        colours = image[n].flatten(1).t()  # (H W, C)
        blended = colours
        corners = _in_pixels(fragments.ndc_vertices[n], size)
        # Columns are walked as rows of the transposed image.
        for transposed in (False, True):
            pairs = _crossings(corners, edges, depth[n], size, transposed)
            inner, outer, behind = colours[pairs.inner], colours[pairs.outer], colours[pairs.behind]
            gain, loss = _covered(pairs.u - 0.5, pairs.slope), _covered(0.5 - pairs.u, pairs.slope)
            blended = blended.index_add(0, pairs.outer, gain.detach()[:, None] * (inner - outer))
            blended = blended.index_add(0, pairs.inner, loss.detach()[:, None] * (outer - inner))
            # Zero, but for the derivative with respect to u.
            swept = (inner - outer - pairs.u[:, None] * (behind - inner)).detach()
            blended = blended.index_add(0, pairs.outer, (gain - gain.detach())[:, None] * swept)
            blended = blended.index_add(0, pairs.inner, (loss.detach() - loss)[:, None] * swept)
        results.append(blended.t().reshape(image[n].shape))
    return torch.stack(results)


class _Pairs(NamedTuple):
    """Pixel pairs that an outline passes between, (P,) each: flat indices of both pixels and of the one
    behind the inner (or the inner again where that is not of the same surface), u and the edge's slope
    |m|."""

    inner: Tensor
    outer: Tensor
    behind: Tensor
    u: Tensor
    slope: Tensor


def _covered(x: Tensor, slope: Tensor) -> Tensor:
    """c(x) of the module's docstring, (P,)."""
    half = slope / 2
    partly = (x + half).square() / (2 * slope.clamp(min=1e-12))
    return torch.where(x >= half, x, torch.where(x <= -half, 0.0, partly))


def _in_pixels(ndc_vertices: Tensor, size: int) -> Tensor:
    return torch.cat([(1 - ndc_vertices[..., :2]) * (size / 2), ndc_vertices[..., 2:]], dim=-1)


def _crossings(vertices: Tensor, edges: Tensor, depth: Tensor, size: int, transposed: bool) -> _Pairs:
    """Crossings of mostly vertical outline edges with the rows of pixel centres (or of horizontal ones with
    columns).

    vertices: (V, 3) x, y in pixels, depth; edges: (E, 4) as in `Topology`; depth: (H W,), infinite where
    nothing is.
    """
    if transposed:
        vertices = vertices[:, [1, 0, 2]]
    a, b = vertices[edges[:, 0]], vertices[edges[:, 1]]
    d = b - a

    def side(corner: Tensor) -> Tensor:
        offset = vertices[corner] - a
        return (d[:, 0] * offset[:, 1] - d[:, 1] * offset[:, 0]).detach()

    side0, side1 = side(edges[:, 2]), side(edges[:, 3])
    # On an outline both faces lie on the same side of the edge; zero is a face seen exactly edge-on.
    outline = (
        (side0 * side1 >= 0) & ((side0 != 0) | (side1 != 0)) & (a[:, 2] >= EPSILON) & (b[:, 2] >= EPSILON)
    )
    steep = d[:, 1].abs() > d[:, 0].abs() if transposed else d[:, 1].abs() >= d[:, 0].abs()
    chosen = torch.nonzero(outline & steep)[:, 0]
    a, b, d = a[chosen], b[chosen], d[chosen]
    first = torch.ceil(torch.minimum(a[:, 1], b[:, 1]).detach() - 0.5).clamp(0, size).long()
    last = torch.ceil(torch.maximum(a[:, 1], b[:, 1]).detach() - 0.5).clamp(0, size).long()

    count = last - first
    edge = torch.repeat_interleave(torch.arange(len(chosen), device=edges.device), count)
    start = torch.cumsum(count, 0) - count
    row = first[edge] + torch.arange(len(edge), device=edges.device) - start[edge]
    s = (row + 0.5 - a[edge, 1]) / d[edge, 1]
    x, z = a[edge, 0] + s * d[edge, 0], (a[edge, 2] + s * d[edge, 2]).detach()
    left = torch.floor(x.detach() - 0.5)
    inside_right = ((side0 + side1)[chosen] * d[:, 1].detach() < 0)[edge]

    slope = (d[:, 0] / d[:, 1]).abs().detach()[edge]

    inside = (left >= 0) & (left < size - 1)
    row, x, z, left, slope = row[inside], x[inside], z[inside], left[inside].long(), slope[inside]
    inside_right = inside_right[inside]
    stride, along = (1, size) if transposed else (size, 1)
    pair = row * stride + left * along
    inner = torch.where(inside_right, pair + along, pair)
    outer = torch.where(inside_right, pair, pair + along)
    u = torch.where(inside_right, left + 1.5 - x, x - left - 0.5)
    visible = torch.nonzero((z < depth[outer]) & (depth[inner] < depth[outer]))[:, 0]

    # Of the edges between the same two pixels keep the outermost: sort by u, then (stably) by pair.
    visible = visible[torch.argsort(u.detach()[visible], descending=True, stable=True)]
    visible = visible[torch.argsort(pair[visible], stable=True)]
    first_of_pair = torch.ones_like(visible, dtype=torch.bool)
    first_of_pair[1:] = pair[visible[1:]] != pair[visible[:-1]]
    kept = visible[first_of_pair]
    inner, outer, left, inside_right = inner[kept], outer[kept], left[kept], inside_right[kept]
    beyond = torch.where(inside_right, left + 2, left - 1)
    behind = torch.where((beyond >= 0) & (beyond < size), 2 * inner - outer, inner)
    behind = torch.where(depth[behind] < depth[outer], behind, inner)
    return _Pairs(inner, outer, behind, u[kept], slope[kept])
