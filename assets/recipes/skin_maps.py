"""Paint what skin has and a face model's coarse albedo has not: wrinkles, beard, freckles, pores and brows.

All maps lie over the face's rectangle of the model's atlas (`WINDOW`), 704 x 640 texels of about 0.45 mm, or are
tiles that repeat. They say where something is and how much; people differ in what they have of it (`people.py`).
"""

import io

import head_mesh
import numpy as np
from albedo import smoothstep
from head_mesh import MILLIMETRES, HeadMesh
from matplotlib.tri import LinearTriInterpolator, Triangulation
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from occlib import assets
from occlib.morphable.readers import read_face_model

WINDOW = (0.25, 0.12, 0.75, 0.67)  # u, v of the lower left and upper right corner
HEIGHT, WIDTH = 704, 640
TILE = 256
SEED = 20261


def png(picture: np.ndarray) -> bytes:
    """A uint8 picture (h, w), (h, w, 2) or (h, w, 3) as PNG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def sample(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Nearest texels (N,) of a one-channel picture at uv (N, 2), v up, repeated outside."""
    height, width = picture.shape
    column = np.floor(uv[:, 0] % 1.0 * width).astype(int)
    row = np.floor((1 - uv[:, 1] % 1.0) * height).astype(int)
    return picture[row.clip(0, height - 1), column.clip(0, width - 1)]


def triangle_frames(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles (T, 3) and frames (T, 3, 3), columns: along the first edge, across it, normal."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    along = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return (a + b + c) / 3, np.stack([along, np.cross(normal, along), normal], axis=-1)


def over_window(model, values: np.ndarray) -> np.ndarray:
    """(HEIGHT, WIDTH, C) of values (V, C) at the head's fine vertices; NaN off the atlas' islands."""
    u0, v0, u1, v1 = WINDOW
    u = u0 + (np.arange(WIDTH) + 0.5) / WIDTH * (u1 - u0)
    v = v1 - (np.arange(HEIGHT) + 0.5) / HEIGHT * (v1 - v0)
    vertex = np.zeros(len(model.uv), dtype=int)
    vertex[model.uv_faces] = model.faces
    inside = (model.uv[model.uv_faces, 1] > WINDOW[1] - 0.005).all(axis=1)
    atlas = Triangulation(*model.uv.T, model.uv_faces[inside])
    u, v = np.meshgrid(u, v)
    channels = [LinearTriInterpolator(atlas, values[vertex, c])(u, v).filled(np.nan) for c in range(values.shape[1])]
    return np.stack(channels, axis=-1)


def groove(x: np.ndarray, y: np.ndarray, path: list, width: float) -> np.ndarray:
    """A line through the points `path` seen from the front, Gaussian `width` mm, fading towards both ends."""
    path = np.array(path, dtype=float)
    t = np.linspace(0, 1, 200)
    knots = np.linspace(0, 1, len(path))
    fit = np.polynomial.Polynomial.fit  # smooth, through up to four points
    line = np.column_stack([fit(knots, path[:, k], min(3, len(path) - 1))(t) for k in (0, 1)])
    distance, nearest = cKDTree(line).query(np.column_stack([x.ravel(), y.ravel()]), distance_upper_bound=6 * width)
    ends = np.append(np.sin(np.pi * t) ** 0.7, 0)[nearest.clip(0, len(t))]
    return (np.exp(-0.5 * (np.minimum(distance, 50) / width) ** 2) * ends).reshape(x.shape)


def wrinkles(p: np.ndarray) -> dict[str, np.ndarray]:
    """Depth maps in [0, 1] of the lines that age and expression leave, by part of the face."""
    x, y = np.abs(p[..., 0]), p[..., 1]
    bent = p[..., 0]
    def lines(*drawn):
        return sum(groove(bent, y, [(-r, h - 3), (-0.4 * r, h + b), (0.4 * r, h - b), (r, h - 3)], 0.9) * strength
                   for h, r, b, strength in drawn)

    forehead = lines((30, 38, 0.5, 0.8), (39, 42, -0.7, 1.0), (48, 36, 0.6, 0.9), (56, 26, -0.5, 0.5))
    other = lines((34, 44, -0.9, 1.0), (45, 34, 0.8, 0.7), (52, 40, 0.4, 0.8))
    frown = sum(groove(bent, y, [(s * 4.5, 8), (s * 5.5, 16), (s * 4 + t, 25)], 0.9) for s, t in ((1, 0.5), (-1, 0.7)))
    crow = sum(groove(x, y, [(50, b), (57, b + r / 2), (64, b + r)], 0.6)
               for b, r in ((3, 6), (0, 1.5), (-3, -3), (-6, -7)))
    under = groove(x, y, [(19, -10), (27, -17.5), (36, -17.5), (44, -11)], 1.3) + 0.6 * groove(
        x, y, [(22, -9), (28, -12.5), (36, -12.5), (43, -8)], 0.6)
    folds = groove(x, y, [(17, -35), (25, -46), (30, -58), (32, -68)], 1.6)
    mouth = 0.7 * groove(x, y, [(28, -73), (30, -82), (29, -92)], 1.2) + 0.5 * groove(
        bent, y, [(-14, -84), (0, -82), (14, -84)], 1.5)
    return {"forehead": forehead, "forehead too": other, "frown": 0.8 * frown, "eyes": 0.8 * crow + under, "mouth": folds + mouth}


def beards(p: np.ndarray, lips: np.ndarray) -> dict[str, np.ndarray]:
    """Density maps in [0, 1]: moustache, chin, and cheeks with jaw and throat."""
    x, y, z = np.abs(p[..., 0]), p[..., 1], p[..., 2]
    cheek = -50 + 0.42 * np.maximum(x - 26, 0) + 0.006 * np.maximum(x - 40, 0) ** 2
    free = np.clip(1 - 2 * lips, 0, 1)
    throat = smoothstep(-132, -104, y)
    below = smoothstep(cheek + 4, cheek - 12, y) * throat * smoothstep(-62, -48, z) * free
    nostrils = -47 - 0.18 * x
    upper = smoothstep(nostrils, nostrils - 7, y) * smoothstep(-76, -66, y) * smoothstep(37, 25, x) * free
    around = smoothstep(-64, -74, y) * smoothstep(35, 22, x) * free * throat
    # The philtrum and the hollow beside the lower lip grow little.
    upper *= 1 - 0.5 * np.exp(-0.5 * (x / 2.5) ** 2) * smoothstep(-62, -56, y)
    bare = np.exp(-0.5 * ((x - 14) / 6) ** 2 - 0.5 * ((y + 80) / 4) ** 2)
    around *= 1 - 0.7 * bare
    return {"moustache": upper, "chin": around, "jaw": below * (1 - around) * (1 - upper)}


def freckles(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[0, 1]: small spots, most on the nose and cheeks."""
    x, y = np.abs(p[..., 0]), p[..., 1]
    likely = np.exp(-0.5 * ((x - 22) / 20) ** 2 - 0.5 * ((y + 27) / 14) ** 2) + 0.12 * np.exp(-0.5 * ((y - 35) / 25) ** 2)
    spots = np.zeros((HEIGHT, WIDTH))
    for size, count in ((0.8, 9000), (1.3, 4500), (2.0, 1200)):
        seeds = np.zeros((HEIGHT, WIDTH))
        seeds[rng.integers(0, HEIGHT, count), rng.integers(0, WIDTH, count)] = rng.uniform(0.3, 1.0, count)
        spots += gaussian_filter(seeds * (rng.random(seeds.shape) < likely), size) * 2 * np.pi * size**2
    return spots.clip(0, 1)


def tiles(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """(TILE, TILE) uint8 that repeat: pores (heights around 128), mottle (blotches around 128), hairs (stubble, how
    much of a texel short hairs cover)."""
    def noise(width):
        field = gaussian_filter(rng.normal(size=(TILE, TILE)), width, mode="wrap")
        return field / field.std()

    cells = np.minimum(noise(0.9), 0.4) + 0.5 * noise(1.8)
    mottle = 0.5 * noise(4) + 0.7 * noise(12) + 0.3 * noise(1.5)
    hairs = np.zeros((TILE, TILE))
    for _ in range(3600):
        row, column, lean = *rng.uniform(0, TILE, 2), rng.normal(0, 0.5)
        steps = np.arange(0, rng.uniform(1.2, 3.2), 0.5)
        rows, columns = (np.floor(row + steps) % TILE).astype(int), (np.floor(column + lean * steps) % TILE).astype(int)
        np.add.at(hairs, (rows, columns), 0.45)
    hairs = gaussian_filter(hairs.clip(0, 1), 0.5, mode="wrap")
    return {
        "pores": np.rint(128 + 38 * cells).clip(0, 255), "mottle": np.rint(128 + 40 * mottle).clip(0, 255),
        "hairs": np.rint(255 * (hairs / np.percentile(hairs, 99)).clip(0, 1))}


BROW_ROWS, BROW_COLUMNS = slice(80, 250), slice(150, 490)  # of the window: where brows can be


def brows(head: HeadMesh, p: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(12, rows, columns) opacity in [0, 1] of MakeHuman's brows, lifted as in the albedo, in BROW_ROWS and
    BROW_COLUMNS of the window; p (HEIGHT, WIDTH, 3) texel positions on the `mean` head (V, 3)."""
    hm08 = head_mesh.read_base()[0]
    texels = cKDTree(p[BROW_ROWS, BROW_COLUMNS, :2].reshape(-1, 2))
    # Brows are glued to hm08's forehead and move with its vertices to the mean head's.
    front = (head.fine_parts == 0) & (head.fine_vertices[:, 2] > -10) & (head.fine_vertices[:, 1] > 2)
    forehead = cKDTree(head.fine_vertices[front, :2])
    shift = (mean - head.fine_vertices)[front, :2]
    shapes = []
    for file in head_mesh.brow_files():
        dots, opacity = head_mesh.brow_dots(file, hm08, per_edge=40)
        dots = (MILLIMETRES * (dots - head.origin))[:, :2]
        distance, near = forehead.query(dots, k=4)
        weight = 1 / (distance + 0.5)
        dots = dots + (weight[..., None] * shift[near]).sum(axis=1) / weight.sum(axis=1)[:, None]
        distance, near = cKDTree(dots).query(texels.data, k=3, distance_upper_bound=0.6)
        weight = np.where(np.isfinite(distance), 1 / (distance + 0.05), 0)
        shapes.append((weight * np.append(opacity, 0)[near]).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9))
    rows, columns = BROW_ROWS.stop - BROW_ROWS.start, BROW_COLUMNS.stop - BROW_COLUMNS.start
    return np.stack(shapes).reshape(-1, rows, columns)


def brow_fill(head: HeadMesh) -> dict[str, np.ndarray]:
    """Vertices that the albedo paints brows on, and the 12 nearest bare ones each whose colours replace theirs."""
    painted = (head.masks["brows"] > 0.02) & (head.fine_parts == 0)
    bare = ~painted & (head.fine_parts == 0) & (head.fine_vertices[:, 1] > 6) & (head.masks["eyelids"] < 0.2)
    sources = np.flatnonzero(bare)
    _, near = cKDTree(head.fine_vertices[sources]).query(head.fine_vertices[painted], k=12)
    return {"fill/vertices": np.flatnonzero(painted).astype(np.int16), "fill/sources": sources[near].astype(np.int16)}


def hairline(head: HeadMesh) -> np.ndarray:
    """(V,) int8 mm from the hairline, positive on the scalp, clipped to +-40; -40 off the skin."""
    skin, scalp = head.fine_parts == 0, head.regions == head_mesh.REGIONS.index("scalp")
    into, out = (cKDTree(head.fine_vertices[side]).query(head.fine_vertices)[0] for side in (skin & ~scalp, scalp))
    return np.rint(np.where(skin, into - out, -40).clip(-40, 40)).astype(np.int8)


def bake(head: HeadMesh) -> dict[str, np.ndarray]:
    """Tensors of skin.safetensors: PNG files of the maps, and numbers that say where they lie."""
    rng = np.random.default_rng(SEED)
    model = read_face_model(assets.path("face_model/open.safetensors"))
    mean = model.subdivision @ model.shape_mean
    over = over_window(model, np.column_stack([mean, head.masks["lips"]]))
    painted = np.isfinite(over[..., 0])
    over = np.nan_to_num(over, nan=999.0)
    p, lips = over[..., :3], over[..., 3].clip(0, 1)
    maps = {f"wrinkles/{name}": depth for name, depth in wrinkles(p).items()}
    maps |= {f"beard/{name}": density for name, density in beards(p, lips).items()}
    maps |= {"freckles": freckles(p, rng), "lips": lips}
    maps = {name: 255 * (field * painted) for name, field in maps.items()}
    maps |= {f"tile/{name}": tile for name, tile in tiles(rng).items()}
    maps["brows"] = 255 * brows(head, p, mean).reshape(-1, BROW_COLUMNS.stop - BROW_COLUMNS.start)
    tensors = {name: np.frombuffer(png(np.rint(field.clip(0, 255)).astype(np.uint8)), np.uint8)
               for name, field in maps.items()}
    tensors["window"] = np.array(WINDOW, np.float32)
    tensors["brow_window"] = np.array([BROW_ROWS.start, BROW_ROWS.stop, BROW_COLUMNS.start, BROW_COLUMNS.stop], np.int16)
    return tensors | brow_fill(head) | {"hairline": hairline(head)}
