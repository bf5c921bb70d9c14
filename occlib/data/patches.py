"""Parts of the head that are drawn as one surface each, cut where one parse label ends and the next begins.

Regions of the face model end at the edges of triangles, some 4 mm long: their borders are saws. So every label gets a
field on the vertices, smoothed over the mesh, and triangles are cut along the lines where a field is one half
(marching triangles). All of it depends on the mesh alone and is worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags, vstack


@dataclass(frozen=True)
class Patch:
    """vertices (N,): which of the head's, repeated at seams of the atlas; between (M, V): weights that give M more points,
    where edges were cut; uv (N + M, 2), v up; faces (F, 3) into them all; labels (F,)."""

    vertices: np.ndarray
    between: csr_matrix
    uv: np.ndarray
    faces: np.ndarray
    labels: np.ndarray

    @classmethod
    def whole(cls, vertices: np.ndarray, uv: np.ndarray, faces: np.ndarray, labels: np.ndarray, count: int) -> Patch:
        """Without cuts, of a head of `count` vertices; (N,), (N, 2), (F, 3) and (F,) as above."""
        return cls(vertices, csr_matrix((0, count), dtype=np.float32), uv, faces, labels)

    def at(self, values: np.ndarray) -> np.ndarray:
        """(N + M, C) float32: what the head's vertices have, (V, C), at the patch's points."""
        values = values.astype(np.float32, copy=False)
        return np.concatenate([values[self.vertices], self.between @ values])

    def cut(self, field: np.ndarray, label: int, over: tuple[int, ...]) -> Patch:
        """Give `label` to where the field (N + M,), linear on triangles, exceeds 1/2, and cut what it crosses.

        Only faces whose label is in `over` change.
        """
        inside = (field > 0.5)[self.faces]
        count = inside.sum(1)
        free = np.isin(self.labels, over)
        crossed = free & (count > 0) & (count < 3)
        labels = np.where(free & (count == 3), label, self.labels).astype(np.uint8)

        # Turn each crossed triangle so that the corner which is alone on its side comes first.
        alone = np.where(count[crossed] == 1, inside[crossed].T, ~inside[crossed].T).argmax(0)
        a, b, c = np.take_along_axis(self.faces[crossed], (alone[:, None] + np.arange(3)) % 3, axis=1).T
        edges, which = np.unique(np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), axis=1), axis=0,
                                 return_inverse=True)  # fmt: skip
        low, high = edges.T
        share = ((0.5 - field[low]) / (field[high] - field[low])).astype(np.float32)
        p, q = len(self.uv) + which.reshape(2, -1).astype(np.int32)
        near = np.where(count[crossed] == 1, label, self.labels[crossed])
        rest = np.where(count[crossed] == 1, self.labels[crossed], label)

        points = vstack([csr_matrix((np.ones(len(self.vertices), np.float32), (np.arange(len(self.vertices)), self.vertices)),
                                    shape=(len(self.vertices), self.between.shape[1])), self.between]).tocsr()  # fmt: skip
        new = diags(1 - share) @ points[low] + diags(share) @ points[high]
        return Patch(
            self.vertices,
            vstack([self.between, new]).tocsr().astype(np.float32),
            np.concatenate([self.uv, (1 - share)[:, None] * self.uv[low] + share[:, None] * self.uv[high]]),
            np.concatenate([self.faces[~crossed], *(np.stack(f, 1) for f in ((a, p, q), (p, b, c), (p, c, q)))]),
            np.concatenate([labels[~crossed], near, rest, rest]).astype(np.uint8),
        )


def smooth_field(faces: np.ndarray, chosen: np.ndarray, rounds: int) -> np.ndarray:
    """(V,) float64 in [0, 1]: how much of what surrounds a vertex is chosen, (F,) bool, after averaging over neighbours."""
    corners = faces.ravel()
    field = np.bincount(corners, np.repeat(chosen, 3)) / np.maximum(np.bincount(corners), 1)
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    links = coo_matrix((np.ones(len(ends)), ends.T), shape=2 * [len(field)]).tocsr()
    links = ((links + links.T) > 0).astype(np.float64)
    average = diags(1 / np.maximum(links.sum(1).A1, 1)) @ links
    for _ in range(rounds):
        field = 0.5 * field + 0.5 * (average @ field)
    return field
