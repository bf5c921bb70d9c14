"""The compiled loops of `scene` that put the pictures together from what the buffers hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from occlib.data.scene_kernels import BEHIND, IS_GLASS, IS_HAIR, OCCLUDER, UNIT, plain_kernel
from occlib.data.scene_shading import dither, shade_point, shade_strand, weights


@plain_kernel
def resolve(stage, images, scratch):
    """Light what the buffers hold and put the pictures together, pixel by pixel, into `images`.

    Opaque samples of a pixel that lie on one surface, at nearly one depth, are lit once, in their middle; so
    are those of a transparent face. scratch: see `scratch`.
    """
    clean, occluded, clean_alpha, occluded_alpha, mask, shadow, parsing, parts = images
    mesh, person, intruder, side = stage.mesh, stage.person, stage.intruder, stage.side
    size, label, flags = side // 2, mesh.label, stage.materials.flags
    ours, theirs, our_layers, their_layers = (
        person.seen, intruder.seen, stage.layers.count, stage.intruder_layers.count
    )  # fmt: skip
    group, member, light, memo, veil, fragment, visible, normal, turn, total, votes = scratch
    for row in range(size):
        for column in range(size):
            i0 = 2 * row * side + 2 * column
            i1, i2, i3 = i0 + 1, i0 + side, i0 + side + 1
            veiled = our_layers[i0] | our_layers[i1] | our_layers[i2] | our_layers[i3]
            veiled |= their_layers[i0] | their_layers[i1] | their_layers[i2] | their_layers[i3]
            hidden = max(theirs[i0], theirs[i1], theirs[i2], theirs[i3]) >= 0
            if not (veiled or hidden or max(ours[i0], ours[i1], ours[i2], ours[i3]) >= 0):
                continue
            turn[0], turn[1] = dither(column, row)
            groups = _group(mesh, person, row, column, side, 0, group, member[0])
            same = not hidden
            if hidden:
                groups = _group(mesh, intruder, row, column, side, groups, group, member[1])
                for s in range(4):
                    i = i0 + (s // 2) * side + s % 2
                    if intruder.nearest[i] <= person.nearest[i]:
                        member[1, s] = -1
            else:
                member[1, :] = -1
            for g in range(groups):
                px, py = group.x[g] / group.count[g], group.y[g] / group.count[g]
                shade_point(stage, group.lead[g], px, py, turn, normal, light[g])
                for c in range(6):
                    light[g, c] += light[g, 6 + c]
                same &= _same(light[g])
            total[:] = 0
            votes[:] = 0
            if not (veiled or hidden) and groups == 1 and group.count[0] == 4:  # most pixels
                for c in range(3):
                    total[c] = light[0, c]
                    total[3 + c] = total[6 + c] = light[0, 3 + c]
                for i in (i0, i1, i2, i3):
                    votes[0, label[ours[i]]] += 0.25
                    votes[1, label[ours[i]]] += 0.25
                clean_alpha[row, column] = occluded_alpha[row, column] = 1
            else:
                known = 0
                for s in range(4):
                    i = i0 + (s // 2) * side + s % 2
                    px, py = (2 * column + s % 2 + 0.5) * UNIT, (2 * row + s // 2 + 0.5) * UNIT
                    for b in range(2):
                        stack, left, k = stage.intruder_layers if b else stage.layers, 1.0, 0
                        while k < stack.count[i] and left > 0.01:
                            f, j = np.int64(stack.seen[i, k]), 0
                            left *= 1 - stack.alpha[i, k]
                            while j < known and memo[j] != f:
                                j += 1
                            fragment[s, b, k] = j
                            k += 1
                            if j == known:
                                known += 1
                                memo[j], out = f, veil[j]
                                if flags[mesh.surface[f], IS_HAIR]:
                                    shade_strand(stage, f, px, py, out)
                                else:
                                    shade_point(stage, f, px, py, turn, normal, out)
                                if not flags[mesh.surface[f], IS_GLASS]:
                                    for c in range(6):
                                        out[c] += out[6 + c]
                                        out[6 + c] = 0
                                same &= b == 0 and _same(out)
                        visible[s, b] = k
                for s in range(4):
                    i, behind = i0 + (s // 2) * side + s % 2, member[0, s]
                    mine = visible[s], fragment[s], veil, light, total
                    rest = _blend_clean(stage, i, behind, mine, votes[0])
                    clean_alpha[row, column] += 0.25 * (1 - rest)
                    if not same:
                        rest = _blend_occluded(stage, i, behind, member[1, s], mine, votes[1])
                    occluded_alpha[row, column] += 0.25 * (1 - rest)
                if same:
                    for c in range(3):
                        total[3 + c] = total[6 + c] = total[c]
                    for k in range(7):
                        votes[1, k] = votes[0, k]
            darker, before = 0.0, 0.0
            changed = False
            for c in range(3):
                clean[row, column, c] = total[c]
                occluded[row, column, c] = total[6 + c]
                changed |= total[c] != total[3 + c]
                before += total[c]
                darker += total[c] - total[3 + c]
            if changed:
                shadow[row, column] = max(darker / before, 1e-3)
            mask[row, column] = votes[1, OCCLUDER]
            parts[row, column] = np.argmax(votes[0])
            parsing[row, column] = np.argmax(votes[1])


def scratch(layers: int) -> tuple:
    """What `resolve` writes on while it works on a pixel."""
    return (
        empty_group(8),
        np.empty((2, 4), np.int64),  # the group of each sample in both buffers, or -1
        np.zeros((8, 12)),  # light of each group
        np.zeros(8 * layers, np.int64),  # transparent faces of a pixel: each is lit once,
        np.zeros((8 * layers, 12)),  # like this
        np.zeros((4, 2, layers), np.int64),  # which of them the layers of each sample are
        np.zeros((4, 2), np.int64),  # and how many of these are seen
        np.zeros(3),  # a normal
        np.zeros(2),  # how the taps are turned
        np.zeros(9),  # colours: clean, the same in the occluder's shadow, and with the occluder
        np.zeros((2, 7)),  # how much of the clean and the occluded pixel each label has
    )


class Group(NamedTuple):
    """Samples that are lit together: face and 1 / depth of the first, how many, sums of their positions in
    UNITs."""

    lead: np.ndarray
    depth: np.ndarray
    count: np.ndarray
    x: np.ndarray
    y: np.ndarray


def empty_group(count: int) -> Group:
    whole, real = np.zeros((2, count), np.int64), np.zeros((3, count))
    return Group(whole[0], real[0], whole[1], real[1], real[2])


@plain_kernel
def _group(mesh, buffer, row, column, side, first, group, member):
    """Sort the four samples of a pixel into groups from number `first` on; returns the number after the
    last."""
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
            mesh.surface[f] != mesh.surface[group.lead[g]]
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
def _same(light):
    """Whether the occluder changes nothing about this light."""
    for c in range(3):
        if light[c] != light[3 + c] or light[6 + c] != light[9 + c]:
            return False
    return True


@plain_kernel
def _blend_clean(stage, i, behind, seen, votes):
    """Add a quarter of sample i without occluders to total[:6], front to back; returns how open it is.

    seen: how many layers are seen in both stacks and which lit faces they are, the light of these and of
    groups, total.
    """
    count, fragment, veil, light, total = seen
    layers, label, left, vote = stage.layers, stage.mesh.label, 0.25, 0.25
    for k in range(count[0]):
        alpha, glow, part = layers.alpha[i, k], veil[fragment[0, k]], label[layers.seen[i, k]]
        for c in range(6):
            total[c] += left * (alpha * glow[c] + glow[6 + c])
        left *= 1 - alpha
        if part != BEHIND:
            votes[part] += vote * alpha
            vote *= 1 - alpha
    if behind >= 0:
        for c in range(6):
            total[c] += left * light[behind, c]
        votes[label[stage.person.seen[i]]] += vote
        return 0.0
    votes[0] += vote
    return 4 * left


@plain_kernel
def _blend_occluded(stage, i, behind, front, seen, votes):
    """Add a quarter of sample i with occluders to total[6:]: the nearer layer of both stacks next, down to
    the opaque occluder (group `front`) or, where there is none (-1), to the person (group `behind`)."""
    count, fragment, veil, light, total = seen
    layers, intruder_layers, label = stage.layers, stage.intruder_layers, stage.mesh.label
    left, vote, k, j = 0.25, 0.25, 0, 0
    floor = stage.intruder.nearest[i] if front >= 0 else np.float32(0)
    while True:
        mine = layers.nearest[i, k] if k < count[0] else np.float32(0)
        other = intruder_layers.nearest[i, j] if j < count[1] else np.float32(0)
        if max(mine, other) <= floor:
            break
        if mine >= other:
            alpha, glow, part = layers.alpha[i, k], veil[fragment[0, k]], label[layers.seen[i, k]]
            k += 1
        else:
            alpha, glow, part = intruder_layers.alpha[i, j], veil[fragment[1, j]], np.uint8(OCCLUDER)
            j += 1
        for c in range(3):
            total[6 + c] += left * (alpha * glow[3 + c] + glow[9 + c])
        left *= 1 - alpha
        if part != BEHIND:
            votes[part] += vote * alpha
            vote *= 1 - alpha
    base = front if front >= 0 else behind
    if base >= 0:
        for c in range(3):
            total[6 + c] += left * light[base, 3 + c]
        votes[OCCLUDER if front >= 0 else label[stage.person.seen[i]]] += vote
        return 0.0
    votes[0] += vote
    return 4 * left


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
            groups = _group(mesh, head, row, column, side, 0, group, member)
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
            length = max(np.sqrt(x * x + y * y + z * z), 1e-9)
            normals[row, column, 0] = x / length
            normals[row, column, 1] = y / length
            normals[row, column, 2] = z / length
