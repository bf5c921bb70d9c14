"""The compiled loops of `scene`: rasterising into z- and k-buffers, shadow maps, shading, putting pictures
together.

Corners of triangles are rounded to 1/256 of a sample and edges tested in whole numbers, so neighbouring
triangles share their border without holes, and every machine decides alike. Buffers hold 1 / depth (larger is
nearer; 0 is nothing), which is linear on the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np

BITS = 8
UNIT = 1 << BITS
"""Steps of a corner's position within a sample."""
NEAR = 10.0
"""Triangles nearer to the camera than this many mm are not drawn."""
FAR_OFF = 1 << 28
OPAQUE = 0.9
"""Nothing is looked for behind a transparent fragment of more alpha than this."""
LAST_PART, OCCLUDER, BEHIND = 5, 6, 255
"""Parse labels: 1 to 5 are parts of the face, 6 is the occluder; a surface BEHIND is as what is seen behind it."""


def plain_kernel(function: Callable) -> Callable:
    """`occlib.rendering.kernels.kernel` for functions that make no arrays: none of those they pass around is
    counted, which would take a third of the time here. One that makes an array does not compile.

    Kernels here call those of other files, and numba throws away what it keeps on disk only when the function's
    own file changes; so the stamp it compares is made of all their files.
    """
    options = {"nogil": True, "error_model": "numpy", "_nrt": False}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder to keep it in
        return numba.njit(**options)(function)
    compiled._cache._cache_file._source_stamp = _STAMP
    return compiled


_STAMP = tuple((p.stat().st_mtime, p.stat().st_size) for p in sorted(Path(__file__).parent.glob("scene_*.py")))


class Mesh(NamedTuple):
    """All surfaces' triangles in one: corners (V, ...), faces (F, 3) and what each face belongs to (F,)."""

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    screen: np.ndarray
    inverse: np.ndarray
    faces: np.ndarray
    surface: np.ndarray
    label: np.ndarray


class Materials(NamedTuple):
    """A row a surface, columns named below; texels of all textures one after another."""

    flags: np.ndarray
    numbers: np.ndarray
    texels: np.ndarray


# Columns of Materials.flags ...
IS_OCCLUDER, IS_HAIR, IS_GLASS, IS_METAL, IS_TWO_SIDED = range(5)
TEXTURE, HEIGHT, WIDTH, CHANNELS, BUMP, BUMP_HEIGHT, BUMP_WIDTH = range(5, 12)
# ... and of Materials.numbers.
REFLECTANCE, GLOSS, ROUGHNESS, TRANSLUCENCY, BUMP_MM = range(5)


class Buffer(NamedTuple):
    """The nearest face at every sample, or -1, and 1 / depth there, or 0."""

    nearest: np.ndarray
    seen: np.ndarray


class Layers(NamedTuple):
    """The nearest transparent faces at every sample, front to back: how many, then (samples, K) of each."""

    count: np.ndarray
    nearest: np.ndarray
    seen: np.ndarray
    alpha: np.ndarray


class Lamp(NamedTuple):
    """axes (3, 3): right, up and towards the lamp, in camera space; of the shadow map: origin (2,) its upper
    left corner along right and up, mm a texel, and the height along the third axis that it counts from."""

    axes: np.ndarray
    origin: np.ndarray
    texel: float
    low: float
    softness: float
    color: np.ndarray


class Stage(NamedTuple):
    """All that is known when the pictures are put together.

    `person`, `layers` are what is there without occluders, `intruder`, `intruder_layers` the occluders. maps,
    twice (H, H), and reach (H, H): see `scene._shadow_maps`. sky (3, 10): light from everywhere by colour,
    how much of x^2, y^2, z^2, xy, xz, yz, x, y, z and 1 of the normal. shine (V, 8): light on hair. depths
    (2, S, S): mm of person and intruder in the first sample of each pixel, 0 where nothing is. near (4,):
    pixels from left to right and top to bottom that the intruder may hide the sky from. side: samples along a
    picture's side. focal: in samples.
    """

    mesh: Mesh
    materials: Materials
    person: Buffer
    intruder: Buffer
    layers: Layers
    intruder_layers: Layers
    lamp: Lamp
    maps: tuple[np.ndarray, np.ndarray]
    reach: np.ndarray
    sky: np.ndarray
    shine: np.ndarray
    depths: np.ndarray
    near: np.ndarray
    side: int
    focal: float


def empty_buffer(side: int) -> Buffer:
    """A buffer of side^2 samples in which nothing is seen."""
    return Buffer(np.zeros(side * side, np.float32), np.full(side * side, -1, np.int32))


def copy_buffer(source: Buffer, target: Buffer) -> None:
    """Write what one buffer holds into another of the same size."""
    for one, other in zip(source, target, strict=True):
        np.copyto(other, one)


def empty_layers(side: int, layers: int) -> Layers:
    """Room for `layers` transparent faces at each of side^2 samples; none are seen yet."""
    shape = side * side, layers
    nearest, alpha = np.empty(shape, np.float32), np.empty(shape, np.float32)
    return Layers(np.zeros(shape[0], np.uint8), nearest, np.empty(shape, np.int32), alpha)


@plain_kernel
def project(vertices, scale, middle, screen, inverse):
    """Screen positions (V, 2) in whole UNITs and 1 / depth (V,), into zeros: 0 for what is behind or no
    number."""
    for v in range(len(vertices)):
        depth = -np.float64(vertices[v, 2])
        if depth >= NEAR:
            x, y = vertices[v, 0] / depth * scale, vertices[v, 1] / depth * scale
            if abs(x) < FAR_OFF and abs(y) < FAR_OFF:
                inverse[v] = 1 / depth
                screen[v, 0] = np.int64(np.floor((middle + x) + 0.5))
                screen[v, 1] = np.int64(np.floor((middle - y) + 0.5))


@plain_kernel
def move(points, rotation, translation, grid, moved):
    """rotation x + translation of points (V, 3), rounded to 1 / grid."""
    for v in range(len(points)):
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        for c in range(3):
            place = rotation[c, 0] * x + rotation[c, 1] * y + rotation[c, 2] * z + translation[c]
            moved[v, c] = np.rint(place * grid) / grid


@plain_kernel
def turn(vectors, rotation, turned):
    """rotation x of vectors (V, 3)."""
    for v in range(len(vectors)):
        x, y, z = vectors[v, 0], vectors[v, 1], vectors[v, 2]
        for c in range(3):
            turned[v, c] = rotation[c, 0] * x + rotation[c, 1] * y + rotation[c, 2] * z


@plain_kernel
def widen(points, axes, low, high):
    """Widen the box from `low` to `high` (3,) along the axes (3, 3) so that it holds the points (V, 3)."""
    for v in range(len(points)):
        x, y, z = np.float64(points[v, 0]), np.float64(points[v, 1]), np.float64(points[v, 2])
        for c in range(3):
            place = axes[c, 0] * x + axes[c, 1] * y + axes[c, 2] * z
            low[c], high[c] = min(low[c], place), max(high[c], place)


@plain_kernel
def smooth_normals(vertices, faces, normals):
    """Unit sums of the normals of the faces around each vertex, weighted by area, into (V, 3)."""
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
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0:
            for c in range(3):
                normals[v, c] /= length


@plain_kernel
def _triangle(mesh, f, both, side):
    """Which samples triangle f may cover, and its corners in the order in which all edges are positive
    inside.

    Returns (drawn, i0, i1, i2, left, right, top, bottom).
    """
    i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
    if not (mesh.inverse[i0] > 0 and mesh.inverse[i1] > 0 and mesh.inverse[i2] > 0):
        return False, i0, i1, i2, 0, 0, 0, 0
    x0, y0 = mesh.screen[i0, 0], mesh.screen[i0, 1]
    x1, y1 = mesh.screen[i1, 0], mesh.screen[i1, 1]
    x2, y2 = mesh.screen[i2, 0], mesh.screen[i2, 1]
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    if area == 0 or (area > 0 and not both):  # y runs down: the outside has a negative area
        return False, i0, i1, i2, 0, 0, 0, 0
    if area < 0:
        i1, i2 = i2, i1
    half = UNIT // 2
    left = max((min(x0, x1, x2) + half - 1) >> BITS, 0)
    right = min(((max(x0, x1, x2) - half) >> BITS) + 1, side)
    top = max((min(y0, y1, y2) + half - 1) >> BITS, 0)
    bottom = min(((max(y0, y1, y2) - half) >> BITS) + 1, side)
    return left < right and top < bottom, i0, i1, i2, left, right, top, bottom


@plain_kernel
def _edge(screen, a, b, px, py):
    """Twice the signed area of (a, b, p), less one unit on edges whose samples belong to the neighbour;
    slopes."""
    dx, dy = screen[b, 0] - screen[a, 0], screen[b, 1] - screen[a, 1]
    value = dx * (py - screen[a, 1]) - dy * (px - screen[a, 0])
    if not (dy < 0 or (dy == 0 and dx > 0)):
        value -= 1
    return value, -dy * UNIT, dx * UNIT


@plain_kernel
def draw_opaque(mesh, first, last, both, side, buffer):
    """Faces `first` to `last` - 1 into the buffer: the nearest wins. both: seen from behind too."""
    nearest, seen = buffer.nearest, buffer.seen
    for f in range(first, last):
        drawn, i0, i1, i2, left, right, top, bottom = _triangle(mesh, f, both, side)
        if not drawn:
            continue
        px, py = left * UNIT + UNIT // 2, top * UNIT + UNIT // 2
        e0, x0, y0 = _edge(mesh.screen, i1, i2, px, py)
        e1, x1, y1 = _edge(mesh.screen, i2, i0, px, py)
        e2, x2, y2 = _edge(mesh.screen, i0, i1, px, py)
        scale = 1.0 / (e0 + e1 + e2)
        w0, w1, w2 = mesh.inverse[i0] * scale, mesh.inverse[i1] * scale, mesh.inverse[i2] * scale
        for y in range(top, bottom):
            a0, a1, a2, inside = e0, e1, e2, False
            for i in range(y * side + left, y * side + right):
                if (a0 | a1 | a2) >= 0:
                    inside = True
                    w = np.float32(a0 * w0 + a1 * w1 + a2 * w2)
                    if w > nearest[i]:
                        nearest[i] = w
                        seen[i] = f
                elif inside:
                    break
                a0 += x0
                a1 += x1
                a2 += x2
            e0 += y0
            e1 += y1
            e2 += y2


@plain_kernel
def texel_place(u, v, height, width):
    """Where to read a texture: the four texels around (u, v), wrapped, as columns and rows, and how far
    between."""
    x, y = (u - np.floor(u)) * width - 0.5, (1 - (v - np.floor(v))) * height - 0.5
    left, top = int(x + 1) - 1, int(y + 1) - 1
    x, y = x - left, y - top
    right, bottom = left + 1, top + 1
    if right >= width:
        right = 0
    if bottom >= height:
        bottom -= height
    if left < 0:
        left = width - 1
    if top < 0:
        top = height - 1
    elif top >= height:
        top = 0
    return left, right, top, bottom, x, y


@plain_kernel
def _corners(materials, s, place):
    """Where the four texels around a place (`texel_place`) are among all texels, and how much each counts /
    255."""
    flags, (left, right, top, bottom, x, y) = materials.flags, place
    width, step, first = flags[s, WIDTH], flags[s, CHANNELS], flags[s, TEXTURE]
    top, bottom = first + top * width * step, first + bottom * width * step
    left, right = left * step, right * step
    lower, upper = y / 255, (1 - y) / 255
    weights = upper * (1 - x), upper * x, lower * (1 - x), lower * x
    return (top + left, top + right, bottom + left, bottom + right), weights


@plain_kernel
def color_at(materials, s, place):
    """(3,) colour of the texture of surface s, bilinear, in [0, 1]; place as `texel_place` gives it."""
    t, ((a, b, c, d), (wa, wb, wc, wd)) = materials.texels, _corners(materials, s, place)
    return (
        t[a] * wa + t[b] * wb + t[c] * wc + t[d] * wd,
        t[a + 1] * wa + t[b + 1] * wb + t[c + 1] * wc + t[d + 1] * wd,
        t[a + 2] * wa + t[b + 2] * wb + t[c + 2] * wc + t[d + 2] * wd,
    )


@plain_kernel
def _opacity_at(materials, s, place):
    """As `color_at`, its fourth channel."""
    t, ((a, b, c, d), (wa, wb, wc, wd)) = materials.texels, _corners(materials, s, place)
    return t[a + 3] * wa + t[b + 3] * wb + t[c + 3] * wc + t[d + 3] * wd


@plain_kernel
def _alpha(mesh, materials, s, i0, i1, i2, b0, b1, b2):
    alpha = b0 * mesh.color[i0, 3] + b1 * mesh.color[i1, 3] + b2 * mesh.color[i2, 3]
    if materials.flags[s, CHANNELS] == 4:
        u = b0 * mesh.uv[i0, 0] + b1 * mesh.uv[i1, 0] + b2 * mesh.uv[i2, 0]
        v = b0 * mesh.uv[i0, 1] + b1 * mesh.uv[i1, 1] + b2 * mesh.uv[i2, 1]
        place = texel_place(u, v, materials.flags[s, HEIGHT], materials.flags[s, WIDTH])
        alpha *= _opacity_at(materials, s, place)
    return alpha


@plain_kernel
def draw_transparent(mesh, materials, s, order, side, person, intruder, layers, intruder_layers):
    """Insert the faces of surface s into one of the k-buffers, where nothing opaque of their kind hides them.

    order: the faces, best the nearest first: what lies behind them is soon buried.
    """
    occluder, hair = materials.flags[s, IS_OCCLUDER] != 0, materials.flags[s, IS_HAIR] != 0
    both = materials.flags[s, IS_TWO_SIDED] != 0
    for f in order:
        drawn, i0, i1, i2, left, right, top, bottom = _triangle(mesh, f, both, side)
        if not drawn:
            continue
        px, py = left * UNIT + UNIT // 2, top * UNIT + UNIT // 2
        e0, x0, y0 = _edge(mesh.screen, i1, i2, px, py)
        e1, x1, y1 = _edge(mesh.screen, i2, i0, px, py)
        e2, x2, y2 = _edge(mesh.screen, i0, i1, px, py)
        scale = 1.0 / (e0 + e1 + e2)
        w0, w1, w2 = mesh.inverse[i0] * scale, mesh.inverse[i1] * scale, mesh.inverse[i2] * scale
        for y in range(top, bottom):
            a0, a1, a2, inside = e0, e1, e2, False
            for i in range(y * side + left, y * side + right):
                if (a0 | a1 | a2) >= 0:
                    inside = True
                    w = a0 * w0 + a1 * w1 + a2 * w2
                    if w > person.nearest[i]:
                        over_face = hair and _is_face(mesh, person.seen[i])
                        to_intruder = occluder and (over_face or not hair)
                        if to_intruder:
                            wanted = w > intruder.nearest[i] and not _buried(intruder_layers, i, w)
                        else:
                            wanted = not over_face and not _buried(layers, i, w)
                        if wanted:
                            b0, b1, b2 = a0 * w0 / w, a1 * w1 / w, a2 * w2 / w
                            alpha = _alpha(mesh, materials, s, i0, i1, i2, b0, b1, b2)
                            if alpha >= 1 / 255:
                                _insert(intruder_layers if to_intruder else layers, i, w, f, alpha)
                elif inside:
                    break
                a0 += x0
                a1 += x1
                a2 += x2
            e0 += y0
            e1 += y1
            e2 += y2


@plain_kernel
def _is_face(mesh, f):
    return f >= 0 and 1 <= mesh.label[f] <= LAST_PART


@plain_kernel
def _buried(layers, i, w):
    """Whether nothing at 1 / depth w is seen through the layers of sample i: full, or the last one is
    opaque."""
    count = layers.count[i]
    if count == 0 or w > layers.nearest[i, count - 1]:
        return False
    return count == layers.nearest.shape[1] or layers.alpha[i, count - 1] > OPAQUE


@plain_kernel
def _insert(layers, i, w, f, alpha):
    """Put a fragment in its place by depth; of equal ones the first stays in front; what it buries falls
    out."""
    w, last = np.float32(w), layers.count[i]
    if last == layers.nearest.shape[1]:
        last -= 1
    j = last
    while j > 0 and layers.nearest[i, j - 1] < w:
        j -= 1
    if alpha > OPAQUE:
        last = j
    for k in range(last, j, -1):
        layers.nearest[i, k] = layers.nearest[i, k - 1]
        layers.seen[i, k] = layers.seen[i, k - 1]
        layers.alpha[i, k] = layers.alpha[i, k - 1]
    layers.nearest[i, j], layers.seen[i, j], layers.alpha[i, j] = w, f, alpha
    layers.count[i] = last + 1


@plain_kernel
def project_to_lamp(vertices, lamp, screen, height):
    """As `project`, along the lamp's rays: heights above `lamp.low` take the place of 1 / depth."""
    a, scale = lamp.axes, UNIT / lamp.texel
    for v in range(len(vertices)):
        x, y, z = np.float64(vertices[v, 0]), np.float64(vertices[v, 1]), np.float64(vertices[v, 2])
        px = (a[0, 0] * x + a[0, 1] * y + a[0, 2] * z - lamp.origin[0]) * scale
        py = (lamp.origin[1] - (a[1, 0] * x + a[1, 1] * y + a[1, 2] * z)) * scale
        if abs(px) < FAR_OFF and abs(py) < FAR_OFF:
            screen[v, 0], screen[v, 1] = np.int64(np.floor(px + 0.5)), np.int64(np.floor(py + 0.5))
            height[v] = a[2, 0] * x + a[2, 1] * y + a[2, 2] * z - lamp.low


@plain_kernel
def draw_cutout(mesh, materials, s, first, last, side, view, view_side, person, maps):
    """`draw_opaque` of a transparent surface into the shadow maps (person's, occluders'), where it is more
    than half opaque. Of hair in front of the face, as the camera sees it (view: the mesh as projected for
    it), an occluder's throws its shadow as an occluder and other hair none, since it is not drawn."""
    occluder, hair = materials.flags[s, IS_OCCLUDER] != 0, materials.flags[s, IS_HAIR] != 0
    for f in range(first, last):
        drawn, i0, i1, i2, left, right, top, bottom = _triangle(mesh, f, True, side)
        if not drawn:
            continue
        over_face = False
        if hair:
            x = (view.screen[i0, 0] + view.screen[i1, 0] + view.screen[i2, 0]) // (3 * UNIT)
            y = (view.screen[i0, 1] + view.screen[i1, 1] + view.screen[i2, 1]) // (3 * UNIT)
            if 0 <= x < view_side and 0 <= y < view_side:
                i = y * view_side + x
                over_face = view.inverse[i0] > person.nearest[i] and _is_face(mesh, person.seen[i])
            if over_face and not occluder:
                continue
        target = maps[1] if occluder and (over_face or not hair) else maps[0]
        px, py = left * UNIT + UNIT // 2, top * UNIT + UNIT // 2
        e0, x0, y0 = _edge(mesh.screen, i1, i2, px, py)
        e1, x1, y1 = _edge(mesh.screen, i2, i0, px, py)
        e2, x2, y2 = _edge(mesh.screen, i0, i1, px, py)
        scale = 1.0 / (e0 + e1 + e2)
        for y in range(top, bottom):
            a0, a1, a2, inside = e0, e1, e2, False
            for i in range(y * side + left, y * side + right):
                if (a0 | a1 | a2) >= 0:
                    inside = True
                    b0, b1, b2 = a0 * scale, a1 * scale, a2 * scale
                    w = b0 * mesh.inverse[i0] + b1 * mesh.inverse[i1] + b2 * mesh.inverse[i2]
                    if w > target.nearest[i] and _alpha(mesh, materials, s, i0, i1, i2, b0, b1, b2) > 0.5:
                        target.nearest[i] = w
                        target.seen[i] = f
                elif inside:
                    break
                a0 += x0
                a1 += x1
                a2 += x2
            e0 += y0
            e1 += y1
            e2 += y2


@plain_kernel
def texels_per_sample(mesh, first, last, height, width):
    """How many texels of a texture lie along a sample's side, over the faces [first, last) that are turned to
    the camera: the root of the quotient of their areas."""
    texels, samples = 0.0, 0.0
    for f in range(first, last):
        i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
        if mesh.inverse[i0] > 0 and mesh.inverse[i1] > 0 and mesh.inverse[i2] > 0:
            x0, y0 = mesh.screen[i0, 0], mesh.screen[i0, 1]
            area = (mesh.screen[i1, 0] - x0) * (mesh.screen[i2, 1] - y0)
            area -= (mesh.screen[i1, 1] - y0) * (mesh.screen[i2, 0] - x0)
            if area < 0:
                u0, v0 = mesh.uv[i0, 0], mesh.uv[i0, 1]
                u1, v1, u2, v2 = mesh.uv[i1, 0], mesh.uv[i1, 1], mesh.uv[i2, 0], mesh.uv[i2, 1]
                samples -= area
                texels += abs((u1 - u0) * (v2 - v0) - (v1 - v0) * (u2 - u0))
    return np.sqrt(texels * height * width / (samples / UNIT / UNIT)) if samples > 0 else 1.0
