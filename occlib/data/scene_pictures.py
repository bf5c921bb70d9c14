"""The compiled loops of `scene` that put the pictures together from what the buffers hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from occlib.data.scene_kernels import BEHIND, IS_HAIR, OCCLUDER, UNIT, plain_kernel
from occlib.data.scene_shading import OPAQUE, STRAND, VEIL, empty_points, shade_points, shade_strands, weights

NOTHING, PLAIN, MIXED = range(3)
"""Kinds of pixels: background; one opaque point and nothing else, as most are; all others."""


class Row(NamedTuple):
    """What is seen in a row of S pixels, in four samples each and up to K layers. Of the person and of
    occluders:

    opaque (S, 2, 4): what the z-buffers show, a place in `Points` or -1; layers (S, 2, 4, K): what the
    k-buffers show, and layer_count (S, 2, 4) how much of it matters. kind (S,): NOTHING, PLAIN or MIXED.
    """

    opaque: np.ndarray
    layers: np.ndarray
    layer_count: np.ndarray
    kind: np.ndarray


def scratch(size: int, layers: int) -> tuple:
    """What `resolve` writes on while it works on a row of pixels."""
    shape = size, 2, 4
    row = Row(
        np.empty(shape, np.int32), np.empty((*shape, layers), np.int32), np.empty(shape, np.int32),
        np.empty(size, np.uint8),
    )  # fmt: skip
    return (
        row,
        empty_points(8 * (1 + layers) * size),
        empty_group(8),
        np.zeros(9),  # colours of a pixel: clean, the same in the occluder's shadow, and with the occluder
        np.zeros((2, 7)),  # how much of the clean and the occluded pixel each label has
    )


@plain_kernel
def resolve(stage, images, scratch):
    """Light what the buffers hold and put the pictures together, row by row, into `images`.

    Opaque samples of a pixel that lie on one surface, at nearly one depth, are lit once, in their middle; so
    are those of a transparent face. By rows, because handing a stage, some 300 numbers, to a function takes
    as long as lighting a point. scratch: see `scratch`.
    """
    row, points, group, total, votes = scratch
    for y in range(stage.side // 2):
        count = _list_points(stage, y, row, points, group)
        if count:
            shade_points(stage, points, count)
            shade_strands(stage, points, count)
            _mix(stage, y, row, points, images, total, votes)


@plain_kernel
def _list_points(stage, y, row, points, group):
    """Find what is seen in the pixels of row y, into `row`, and the points to be lit; returns how many."""
    person, intruder, side = stage.person, stage.intruder, stage.side
    surface, flags = stage.mesh.surface, stage.materials.flags
    ours, theirs, our_layers, their_layers = (
        person.seen, intruder.seen, stage.layers.count, stage.intruder_layers.count
    )  # fmt: skip
    count = 0
    for x in range(side // 2):
        i0 = 2 * y * side + 2 * x
        i1, i2, i3 = i0 + 1, i0 + side, i0 + side + 1
        veiled = our_layers[i0] | our_layers[i1] | our_layers[i2] | our_layers[i3]
        veiled |= their_layers[i0] | their_layers[i1] | their_layers[i2] | their_layers[i3]
        hidden = max(theirs[i0], theirs[i1], theirs[i2], theirs[i3]) >= 0
        if not (veiled or hidden or max(ours[i0], ours[i1], ours[i2], ours[i3]) >= 0):
            row.kind[x] = NOTHING
            continue
        opaque = row.opaque[x]
        groups = _group(surface, person, y, x, side, 0, group, opaque[0])
        plain = not (veiled or hidden) and groups == 1 and group.count[0] == 4
        row.kind[x] = PLAIN if plain else MIXED
        if hidden:
            groups = _group(surface, intruder, y, x, side, groups, group, opaque[1])
        for s in range(4):
            i = i0 + (s // 2) * side + s % 2
            opaque[0, s] += count if opaque[0, s] >= 0 else 0
            in_front = hidden and intruder.nearest[i] > person.nearest[i]
            opaque[1, s] = opaque[1, s] + count if in_front else -1
        for g in range(groups):
            px, py = group.x[g] / group.count[g], group.y[g] / group.count[g]
            _add_point(points, count, group.lead[g], x, px, py, OPAQUE)
            count += 1
        if not veiled:
            row.layer_count[x, :, :] = 0
            continue
        first = count
        for s in range(4):
            i = i0 + (s // 2) * side + s % 2
            px, py = (2 * x + s % 2 + 0.5) * UNIT, (2 * y + s // 2 + 0.5) * UNIT
            for b in range(2):
                stack, left, k = stage.intruder_layers if b else stage.layers, 1.0, 0
                while k < stack.count[i] and left > 0.01:
                    f, j = stack.seen[i, k], first
                    left *= 1 - stack.alpha[i, k]
                    while j < count and points.face[j] != f:
                        j += 1
                    row.layers[x, b, s, k] = j
                    k += 1
                    if j == count:
                        _add_point(points, j, f, x, px, py, STRAND if flags[surface[f], IS_HAIR] else VEIL)
                        count += 1
                row.layer_count[x, b, s] = k
    return count


@plain_kernel
def _add_point(points, n, face, column, px, py, kind):
    points.face[n], points.column[n], points.kind[n] = face, column, kind
    points.x[n], points.y[n] = px, py


@plain_kernel
def _mix(stage, y, row, points, images, total, votes):
    """Put the pixels of row y of the pictures together from the light of their points."""
    clean, occluded, clean_alpha, occluded_alpha, mask, shadow, parsing, parts = images
    side, label, ours, light = stage.side, stage.mesh.label, stage.person.seen, points.light
    for x in range(side // 2):
        if row.kind[x] == NOTHING:
            continue
        i0 = 2 * y * side + 2 * x
        total[:] = 0
        votes[:] = 0
        if row.kind[x] == PLAIN:
            n = row.opaque[x, 0, 0]
            for c in range(3):
                total[c] = light[n, c]
                total[3 + c] = total[6 + c] = light[n, 3 + c]
            for i in (i0, i0 + 1, i0 + side, i0 + side + 1):
                votes[0, label[ours[i]]] += 0.25
                votes[1, label[ours[i]]] += 0.25
            clean_alpha[y, x] = occluded_alpha[y, x] = 1
        else:
            opaque, layers, layer_count = row.opaque[x], row.layers[x], row.layer_count[x]
            same = True  # whether the occluder changes nothing here
            for s in range(4):
                same &= opaque[1, s] < 0 and layer_count[1, s] == 0
                same &= opaque[0, s] < 0 or points.same[opaque[0, s]]
                for k in range(layer_count[0, s]):
                    same &= points.same[layers[0, s, k]]
            clean_alpha[y, x] = _blend_clean(
                stage, i0, opaque[0], layers[0], layer_count[0], light, total, votes[0]
            )
            if same:
                occluded_alpha[y, x] = clean_alpha[y, x]
                for c in range(3):
                    total[3 + c] = total[6 + c] = total[c]
                for k in range(7):
                    votes[1, k] = votes[0, k]
            else:
                occluded_alpha[y, x] = _blend_occluded(
                    stage, i0, opaque, layers, layer_count, light, total, votes[1]
                )
        darker, before = 0.0, 0.0
        changed = False
        for c in range(3):
            clean[y, x, c] = total[c]
            occluded[y, x, c] = total[6 + c]
            changed |= total[c] != total[3 + c]
            before += total[c]
            darker += total[c] - total[3 + c]
        if changed:
            shadow[y, x] = max(darker / before, 1e-3)
        mask[y, x] = votes[1, OCCLUDER]
        parts[y, x] = np.argmax(votes[0])
        parsing[y, x] = np.argmax(votes[1])


class Group(NamedTuple):
    """Samples that are lit together: face and 1 / depth of the first, how many, sums of their positions in
    UNITs."""

    lead: np.ndarray
    depth: np.ndarray
    count: np.ndarray
    x: np.ndarray
    y: np.ndarray


def empty_group(count: int) -> Group:
    """Room for `count` groups, all zero: (count,) each."""
    whole, real = np.zeros((2, count), np.int64), np.zeros((3, count))
    return Group(whole[0], real[0], whole[1], real[1], real[2])


@plain_kernel
def _group(surface, buffer, row, column, side, first, group, member):
    """Sort the four samples of a pixel into groups from number `first` on; returns the number after the
    last. member (4,): the group of each sample, or -1."""
    last = first
    for s in range(4):
        i = (2 * row + s // 2) * side + 2 * column + s % 2
        f = buffer.seen[i]
        member[s] = -1
        if f < 0:
            continue
        w = np.float64(buffer.nearest[i])
        g = first
        while g < last and (
            surface[f] != surface[group.lead[g]]
            or abs(w - group.depth[g]) > 5 * w * group.depth[g]  # |1/w - 1/w'| > 5 mm
        ):
            g += 1
        if g == last:
            group.lead[g], group.depth[g], group.count[g], group.x[g], group.y[g] = f, w, 0, 0.0, 0.0
            last += 1
        member[s] = g
        group.count[g] += 1
        group.x[g] += (2 * column + s % 2 + 0.5) * UNIT
        group.y[g] += (2 * row + s // 2 + 0.5) * UNIT
    return last


@plain_kernel
def _blend_clean(stage, i0, opaque, layers, layer_count, light, total, votes):
    """Add what is seen without occluders in the pixel whose first sample is i0 to total[:6], front to back;
    returns how much of it is not background.

    opaque (4,), layers (4, K), layer_count (4,): of the person, as in `Row`; light: of the points.
    """
    alphas, faces, label, side = stage.layers.alpha, stage.layers.seen, stage.mesh.label, stage.side
    rest = 0.0
    for s in range(4):
        i, left, vote = i0 + (s // 2) * side + s % 2, 0.25, 0.25
        for k in range(layer_count[s]):
            alpha, n, part = alphas[i, k], layers[s, k], label[faces[i, k]]
            for c in range(6):
                total[c] += left * (alpha * light[n, c] + light[n, 6 + c])
            left *= 1 - alpha
            if part != BEHIND:
                votes[part] += vote * alpha
                vote *= 1 - alpha
        if opaque[s] >= 0:
            for c in range(6):
                total[c] += left * light[opaque[s], c]
            votes[label[stage.person.seen[i]]] += vote
        else:
            votes[0] += vote
            rest += left
    return 1 - rest


@plain_kernel
def _blend_occluded(stage, i0, opaque, layers, layer_count, light, total, votes):
    """As `_blend_clean` with occluders, to total[6:]: the nearer layer of both stacks next, down to the
    opaque occluder or, where there is none, to the person. opaque, layers, layer_count: of both."""
    ours, theirs, label, side = stage.layers, stage.intruder_layers, stage.mesh.label, stage.side
    rest = 0.0
    for s in range(4):
        i, left, vote, k, j = i0 + (s // 2) * side + s % 2, 0.25, 0.25, 0, 0
        behind, front = opaque[0, s], opaque[1, s]
        floor = stage.intruder.nearest[i] if front >= 0 else np.float32(0)
        while True:
            mine = ours.nearest[i, k] if k < layer_count[0, s] else np.float32(0)
            other = theirs.nearest[i, j] if j < layer_count[1, s] else np.float32(0)
            if max(mine, other) <= floor:
                break
            if mine >= other:
                alpha, n, part = ours.alpha[i, k], layers[0, s, k], label[ours.seen[i, k]]
                k += 1
            else:
                alpha, n, part = theirs.alpha[i, j], layers[1, s, j], np.uint8(OCCLUDER)
                j += 1
            for c in range(3):
                total[6 + c] += left * (alpha * light[n, 3 + c] + light[n, 9 + c])
            left *= 1 - alpha
            if part != BEHIND:
                votes[part] += vote * alpha
                vote *= 1 - alpha
        base = front if front >= 0 else behind
        if base >= 0:
            for c in range(3):
                total[6 + c] += left * light[base, 3 + c]
            votes[OCCLUDER if front >= 0 else label[stage.person.seen[i]]] += vote
        else:
            votes[0] += vote
            rest += left
    return 1 - rest


@plain_kernel
def head_geometry(size, mesh, head, group, member, depth, normals):
    """Depth (S, S) mm and unit normals (S, S, 3) of a z-buffer, in the middle of the largest group of a
    pixel's samples; left as they are where fewer than two of them see one surface."""
    side = 2 * size
    for row in range(size):
        for column in range(size):
            i = 2 * row * side + 2 * column
            if max(head.seen[i], head.seen[i + 1], head.seen[i + side], head.seen[i + side + 1]) < 0:
                continue
            groups = _group(mesh.surface, head, row, column, side, 0, group, member)
            largest = 0
            for g in range(1, groups):
                if group.count[g] > group.count[largest]:
                    largest = g
            if group.count[largest] < 2:
                continue
            f = group.lead[largest]
            px, py = group.x[largest] / group.count[largest], group.y[largest] / group.count[largest]
            b0, b1, b2 = weights(mesh, f, px, py)
            i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
            p, n = mesh.vertices, mesh.normals
            depth[row, column] = -(b0 * p[i0, 2] + b1 * p[i1, 2] + b2 * p[i2, 2])
            x = b0 * n[i0, 0] + b1 * n[i1, 0] + b2 * n[i2, 0]
            y = b0 * n[i0, 1] + b1 * n[i1, 1] + b2 * n[i2, 1]
            z = b0 * n[i0, 2] + b1 * n[i1, 2] + b2 * n[i2, 2]
            scale = 1 / max(np.sqrt(x * x + y * y + z * z), 1e-9)
            normals[row, column, 0] = x * scale
            normals[row, column, 1] = y * scale
            normals[row, column, 2] = z * scale
