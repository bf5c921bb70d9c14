"""What can be known about a mesh from its faces alone: computed once, used in every rendering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary


@dataclass(frozen=True, eq=False)
class Topology:
    """vertices: how many there are at least, judging by the faces.

    faces: (F, 3). Unsigned numbers spare the compiled loops a test for negative indices at every access.

    edges: (E, 4): the two ends of each edge, then the third corner of each of its two faces. The last repeats
    the one before it where the mesh ends, and where more than two faces meet: such an edge is an outline from
    every side.
    """

    vertices: int
    faces: np.ndarray  # uint32
    edges: np.ndarray  # uint32


def topology(faces: Tensor, vertices: int) -> Topology:
    """The topology of `faces`, (F, 3) int64, remembered for as long as that tensor lives and is not written
    to.

    The compiled loops do not look whether an index is in range, so this is done here: IndexError unless all
    of `faces` are among the given number of vertices.
    """
    version = 0 if faces.is_inference() else faces._version
    known = _known.get(faces)
    if known is None or known[0] != version:
        known = _known[faces] = version, _build(faces)
    if known[1].vertices > vertices:
        raise IndexError(f"a face has a vertex {known[1].vertices - 1}, but there are {vertices} vertices")
    return known[1]


_known: WeakIdKeyDictionary = WeakIdKeyDictionary()


def _build(faces: Tensor) -> Topology:
    triangles = faces.detach().cpu().numpy()
    if triangles.min(initial=0) < 0:
        raise IndexError(f"a face has a vertex {triangles.min()}")
    triangles = triangles.astype(np.uint32)
    ends = np.sort(np.concatenate([triangles[:, [1, 2]], triangles[:, [2, 0]], triangles[:, [0, 1]]]), axis=1)
    opposite = triangles.T.reshape(-1)
    order = np.lexsort((ends[:, 1], ends[:, 0]))
    ends, opposite = ends[order], opposite[order]
    first = np.ones(len(ends), bool)
    first[1:] = (ends[1:] != ends[:-1]).any(axis=1)
    start = np.flatnonzero(first)
    count = np.diff(np.append(start, len(ends)))
    second = opposite[start]
    second[count == 2] = opposite[start[count == 2] + 1]
    edges = np.column_stack([ends[start], opposite[start], second])
    vertices = int(triangles.max()) + 1 if len(triangles) else 0
    return Topology(vertices, np.ascontiguousarray(triangles), np.ascontiguousarray(edges))
