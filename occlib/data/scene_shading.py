"""The compiled loops of `scene` that light one point of a surface: lamp, shadows, sky, skin, highlights,
hair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from occlib.data.scene_kernels import (
    BUMP,
    BUMP_HEIGHT,
    BUMP_MM,
    BUMP_WIDTH,
    CHANNELS,
    GLOSS,
    HEIGHT,
    IS_GLASS,
    IS_HAIR,
    IS_METAL,
    IS_TWO_SIDED,
    REFLECTANCE,
    ROUGHNESS,
    TRANSLUCENCY,
    UNIT,
    WIDTH,
    color_at,
    plain_kernel,
    texel_place,
)

NORMAL_OFFSET = 1.2
"""Shadows are looked up this many mm above the surface, lest a surface shade itself."""
SEARCH = 45.0
"""What casts a soft shadow is looked for as if it were this many mm above."""
AO_RADIUS, CONTACT_RADIUS = 12.0, 24.0
"""How many mm around a point the sky may be hidden by the person, and by what touches the person."""


def _spiral(count: int) -> np.ndarray:
    """Points that fill the unit disc evenly (Vogel's spiral): each a golden angle after the one before."""
    cos, sin = -0.7373688780783197, 0.6754902942615238
    points, x, y = [], 1.0, 0.0
    for k in range(count):
        radius = np.sqrt((k + 0.5) / count)
        points.append((radius * x, radius * y))
        x, y = x * cos - y * sin, x * sin + y * cos
    return np.array(points)


def _turned(taps: np.ndarray) -> np.ndarray:
    """(16, taps, 2): the taps turned by each of 16 angles of -90 to 90 degrees."""
    t = (np.arange(16) + 0.5) / 8 - 1  # tan of half the angle
    cos, sin = ((x / (1 + t * t))[:, None] for x in (1 - t * t, 2 * t))
    return np.stack([cos * taps[:, 0] - sin * taps[:, 1], sin * taps[:, 0] + cos * taps[:, 1]], axis=-1)


TAPS = _turned(_spiral(16))
AO_TAPS = _turned(_spiral(8))

OPAQUE, STRAND, VEIL = range(3)
"""Kinds of points: of an opaque face, of transparent hair, of another transparent face."""


class Points(NamedTuple):
    """Points (N,) that are lit: their face, where on the screen they are in UNITs, in which column of the
    pictures, and their kind.

    light (N, 12) is [0:3] clean, [3:6] in the occluder's shadow too, [6:9] and [9:12] what of each is
    mirrored by glass and so seen however transparent it is; same (N,): whether the occluder changes nothing
    about it.
    """

    face: np.ndarray
    x: np.ndarray
    y: np.ndarray
    column: np.ndarray
    kind: np.ndarray
    light: np.ndarray
    same: np.ndarray


def empty_points(count: int) -> Points:
    """Room for `count` points, not filled in yet."""
    x, y = np.empty((2, count))
    face, column = np.empty((2, count), np.int32)
    return Points(face, x, y, column, np.empty(count, np.uint8), np.empty((count, 12)), np.empty(count, bool))


@plain_kernel
def turn(x, y):
    """Which of the turned taps a pixel takes: neighbours differ as much as they can."""
    order = (0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5)
    return order[(x % 4) * 4 + (y % 4)]


@plain_kernel
def _lamp_view(lamp, x, y, z, nx, ny, nz):
    """A point of camera space on the shadow maps: column, row, height, and how the plane across the normal
    rises towards the right and down, in mm a texel."""
    a = lamp.axes
    column = (a[0, 0] * x + a[0, 1] * y + a[0, 2] * z - lamp.origin[0]) / lamp.texel
    row = (lamp.origin[1] - (a[1, 0] * x + a[1, 1] * y + a[1, 2] * z)) / lamp.texel
    height = a[2, 0] * x + a[2, 1] * y + a[2, 2] * z - lamp.low
    steep = lamp.texel / max(a[2, 0] * nx + a[2, 1] * ny + a[2, 2] * nz, 0.25)
    right = -(a[0, 0] * nx + a[0, 1] * ny + a[0, 2] * nz) * steep
    down = (a[1, 0] * nx + a[1, 1] * ny + a[1, 2] * nz) * steep
    return column, row, height, right, down


@plain_kernel
def _visible(heights, view, softness, texel, turn):
    """How much of the lamp is seen from a point, 0..1: percentage-closer soft shadows (R. Fernando, 2005).

    First the mean height of what is above the point's plane nearby; its height over the point and the lamp's
    width give the width of the half-shadow; then the share of taps in it that are free. view as `_lamp_view`
    gives it; softness, texel of the lamp; turn: of the taps.
    """
    side = len(heights)
    x, y, height, right, down = view
    if not (1 <= x < side - 1 and 1 <= y < side - 1):
        return 1.0
    reach = max(softness * SEARCH / texel, 1.5)
    total, count, taps = 0.0, 0, TAPS.shape[1]
    for k in range(0, taps, 2):
        dx, dy = reach * TAPS[turn, k, 0], reach * TAPS[turn, k, 1]
        column, row = int(x + dx), int(y + dy)
        if 0 <= column < side and 0 <= row < side and heights[row, column] > height + right * dx + down * dy:
            total += heights[row, column]
            count += 1
    if count == 0 or 2 * count == taps:
        return 1.0 if count == 0 else 0.0
    reach = min(max(softness * (total / count - height) / texel, 1.2), reach)
    free = taps
    for k in range(taps):
        dx, dy = reach * TAPS[turn, k, 0], reach * TAPS[turn, k, 1]
        column, row = int(x + dx), int(y + dy)
        if 0 <= column < side and 0 <= row < side and heights[row, column] > height + right * dx + down * dy:
            free -= 1
    return free / taps


@plain_kernel
def _beside(reach, view):
    """Whether a point is so far beside all occluders that none can shade it: `reach` is 0 there."""
    column, row = int(view[0]), int(view[1])
    return not (0 <= column < len(reach) and 0 <= row < len(reach)) or reach[row, column] == 0


@plain_kernel
def _open(depths, focal, point, radius, strength, turn):
    """How much of the sky over a surface point is open, 0..1, judging by the depths around it.

    A tap hides the more the steeper it stands over the surface and the nearer it is, up to twice the radius
    (after M. McGuire et al., "The Alchemy screen-space ambient obscurance algorithm", 2011). depths: mm, of
    the first sample of each pixel (S, S), 0 where nothing is; focal in pixels; point: its place on the screen
    in pixels, then position and normal in camera space.
    """
    px, py, x, y, z, nx, ny, nz = point
    size = len(depths)
    reach = min(radius * focal / -z, size / 8)
    hidden, middle, per_focal, limit = 0.0, size / 2 - 0.25, 1 / focal, 1 / (4 * radius * radius)
    taps = AO_TAPS.shape[1]
    for k in range(taps):
        column, row = int(px + reach * AO_TAPS[turn, k, 0]), int(py + reach * AO_TAPS[turn, k, 1])
        if not (0 <= column < size and 0 <= row < size):
            continue
        depth = np.float64(depths[row, column])
        if depth == 0:
            continue
        dx = (column - middle) * per_focal * depth - x
        dy = (middle - row) * per_focal * depth - y
        dz = -depth - z
        along = dx * nx + dy * ny + dz * nz
        if along <= 0.8:
            continue
        square = dx * dx + dy * dy + dz * dz
        fade = 1 - square * limit
        if fade > 0:
            hidden += fade * along / (square + 0.25 * radius * radius)
    return 1 / (1 + hidden * radius / taps * strength)


@plain_kernel
def _powers(x, y, z):
    """The products of a normal's coordinates whose sums are light from everywhere."""
    return x * x, y * y, z * z, x * y, x * z, y * z, x, y, z


@plain_kernel
def _irradiance(sky, c, p):
    """What a white surface reflects of the light from everywhere (`Stage.sky`); p: `_powers` of its
    normal."""
    m = sky[c]
    light = m[9] + m[0] * p[0] + m[1] * p[1] + m[2] * p[2] + m[3] * p[3] + m[4] * p[4]
    return max(light + m[5] * p[5] + m[6] * p[6] + m[7] * p[7] + m[8] * p[8], 0.0)


@plain_kernel
def weights(mesh, f, px, py):
    """Perspective-correct barycentric weights of face f at a screen position in UNITs, which may lie a little
    beside it; those of its middle if it is a sliver far from there."""
    i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
    x0, y0 = mesh.screen[i0, 0] - px, mesh.screen[i0, 1] - py
    x1, y1 = mesh.screen[i1, 0] - px, mesh.screen[i1, 1] - py
    x2, y2 = mesh.screen[i2, 0] - px, mesh.screen[i2, 1] - py
    b0 = (x1 * y2 - y1 * x2) * mesh.inverse[i0]
    b1 = (x2 * y0 - y2 * x0) * mesh.inverse[i1]
    b2 = (x0 * y1 - y0 * x1) * mesh.inverse[i2]
    scale = 1 / (b0 + b1 + b2)
    b0, b1, b2 = b0 * scale, b1 * scale, b2 * scale
    if min(b0, b1, b2) < -1:
        return 1 / 3, 1 / 3, 1 / 3
    return b0, b1, b2


@plain_kernel
def _bump(mesh, materials, s, f, u, v, nx, ny, nz):
    """The unit normal tilted by the slope of the height texture: n - grad h."""
    i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
    p, t = mesh.vertices, mesh.uv
    ax, ay, az = p[i1, 0] - p[i0, 0], p[i1, 1] - p[i0, 1], p[i1, 2] - p[i0, 2]
    bx, by, bz = p[i2, 0] - p[i0, 0], p[i2, 1] - p[i0, 1], p[i2, 2] - p[i0, 2]
    height, width = materials.flags[s, BUMP_HEIGHT], materials.flags[s, BUMP_WIDTH]
    ua, va = (t[i1, 0] - t[i0, 0]) * width, (t[i0, 1] - t[i1, 1]) * height
    ub, vb = (t[i2, 0] - t[i0, 0]) * width, (t[i0, 1] - t[i2, 1]) * height
    # Heights at the texels around, and their slope along columns and rows.
    left, right, top, bottom, x, y = texel_place(u, v, height, width)
    texels, offset = materials.texels, materials.flags[s, BUMP]
    h00, h01 = float(texels[offset + top * width + left]), float(texels[offset + top * width + right])
    h10, h11 = float(texels[offset + bottom * width + left]), float(texels[offset + bottom * width + right])
    scale = materials.numbers[s, BUMP_MM] / 255
    along_u = ((h01 - h00) * (1 - y) + (h11 - h10) * y) * scale
    along_v = ((h10 - h00) * (1 - x) + (h11 - h01) * x) * scale
    # The gradient g lies in the face and rises by what the texture says along both sides: g.a, g.b.
    ga, gb = along_u * ua + along_v * va, along_u * ub + along_v * vb
    aa, ab, bb = ax * ax + ay * ay + az * az, ax * bx + ay * by + az * bz, bx * bx + by * by + bz * bz
    area = aa * bb - ab * ab
    if area <= 1e-9:
        return nx, ny, nz
    ka, kb = (ga * bb - gb * ab) / area, (gb * aa - ga * ab) / area
    nx, ny, nz = nx - (ka * ax + kb * bx), ny - (ka * ay + kb * by), nz - (ka * az + kb * bz)
    scale = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
    return nx * scale, ny * scale, nz * scale


@plain_kernel
def shade_points(stage, points, count):
    """Light the first `count` points, but strands."""
    mesh, materials, lamp, maps = stage.mesh, stage.materials, stage.lamp, stage.maps
    flags, numbers, p, normals, uv, near = (
        materials.flags, materials.numbers, mesh.vertices, mesh.normals, mesh.uv, stage.near
    )  # fmt: skip
    a, focal = lamp.axes, stage.focal / 2
    lx, ly, lz = a[2, 0], a[2, 1], a[2, 2]
    for n in range(count):
        if points.kind[n] == STRAND:
            continue
        f, px, py = points.face[n], points.x[n], points.y[n]
        taps, s = turn(points.column[n], int(py) // (2 * UNIT)), mesh.surface[f]
        i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
        b0, b1, b2 = weights(mesh, f, px, py)
        x = b0 * p[i0, 0] + b1 * p[i1, 0] + b2 * p[i2, 0]
        y = b0 * p[i0, 1] + b1 * p[i1, 1] + b2 * p[i2, 1]
        z = b0 * p[i0, 2] + b1 * p[i1, 2] + b2 * p[i2, 2]
        nx = b0 * normals[i0, 0] + b1 * normals[i1, 0] + b2 * normals[i2, 0]
        ny = b0 * normals[i0, 1] + b1 * normals[i1, 1] + b2 * normals[i2, 1]
        nz = b0 * normals[i0, 2] + b1 * normals[i1, 2] + b2 * normals[i2, 2]
        u = b0 * uv[i0, 0] + b1 * uv[i1, 0] + b2 * uv[i2, 0]
        v = b0 * uv[i0, 1] + b1 * uv[i1, 1] + b2 * uv[i2, 1]
        nearness = 1 / np.sqrt(x * x + y * y + z * z)
        vx, vy, vz = -x * nearness, -y * nearness, -z * nearness
        turned = 1 / max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
        if flags[s, IS_TWO_SIDED] and nx * vx + ny * vy + nz * vz < 0:
            turned = -turned
        gx, gy, gz = turned * nx, turned * ny, turned * nz  # the smooth normal, for shadows
        nx, ny, nz = gx, gy, gz
        if flags[s, BUMP] >= 0:
            nx, ny, nz = _bump(mesh, materials, s, f, u, v, gx, gy, gz)
        toward = max(nx * vx + ny * vy + nz * vz, 1e-3)

        # How much of the lamp and of the sky is seen.
        through = numbers[s, TRANSLUCENCY]
        lit = nx * lx + ny * ly + nz * lz
        smooth = gx * lx + gy * ly + gz * lz
        seen, seen_too = 0.0, 0.0
        if smooth > -0.5 * through:
            lift = NORMAL_OFFSET + 2.5 * through * (1 - smooth)
            view = _lamp_view(lamp, x + lift * gx, y + lift * gy, z + lift * gz, gx, gy, gz)
            seen = _visible(maps[0], view, lamp.softness, lamp.texel, taps)
            seen_too = seen
            if seen > 0 and not _beside(stage.reach, view):
                seen_too = min(seen, _visible(maps[1], view, lamp.softness, lamp.texel, taps))
        point = px / (2 * UNIT), py / (2 * UNIT), x, y, z, gx, gy, gz
        sky = _open(stage.depths[0], focal, point, AO_RADIUS, 1.6, taps)
        sky_too = sky
        if near[0] <= point[0] < near[1] and near[2] <= point[1] < near[3]:
            sky_too *= _open(stage.depths[1], focal, point, CONTACT_RADIUS, 2.4, taps)
        same = seen == seen_too and sky == sky_too

        # GGX highlight of the lamp; Schlick's Fresnel term; the mirrored sky is as blurred as the diffuse
        # one.
        hx, hy, hz = lx + vx, ly + vy, lz + vz
        shrink = 1 / max(np.sqrt(hx * hx + hy * hy + hz * hz), 1e-9)
        highlight = 0.0
        if lit > 0 and seen > 0:
            rough = numbers[s, ROUGHNESS]
            across = max((nx * hx + ny * hy + nz * hz) * shrink, 0.0)
            wide_rough = min(rough + 0.25 * lamp.softness, 1.0)
            square = wide_rough * wide_rough
            spread = across * across * (square - 1) + 1
            k = 0.5 * rough
            highlight = square * 0.25 * lit / (spread * spread * (lit * (1 - k) + k) * (toward * (1 - k) + k))
        graze = (1 - max((vx * hx + vy * hy + vz * hz) * shrink, 0.0)) ** 5
        mx, my, mz = 2 * toward * nx - vx, 2 * toward * ny - vy, 2 * toward * nz - vz
        rim = numbers[s, GLOSS] ** 3 * (1 - toward) ** 5
        textured, metal = flags[s, CHANNELS] > 0, flags[s, IS_METAL] != 0
        place = texel_place(u, v, max(flags[s, HEIGHT], 1), max(flags[s, WIDTH], 1))
        texel = color_at(materials, s, place) if textured else (1.0, 1.0, 1.0)
        folded = points.kind[n] == OPAQUE or not flags[s, IS_GLASS]
        normal, mirroring, light = _powers(nx, ny, nz), _powers(mx, my, mz), points.light[n]
        for c in range(3):
            albedo = (b0 * mesh.color[i0, c] + b1 * mesh.color[i1, c] + b2 * mesh.color[i2, c]) * texel[c]
            albedo *= albedo
            mirror, body = numbers[s, REFLECTANCE], albedo
            if metal:
                mirror, body = albedo, 0.0
            glance = mirror + (1 - mirror) * rim
            glint = (mirror + (1 - mirror) * graze) * lamp.color[c] * highlight
            # Red travels farthest under skin: it wraps around to where the lamp hardly reaches and tints
            # half-shadows.
            depth = through * (0.30 if c == 0 else 0.10 if c == 1 else 0.05)
            wrapped = max((lit + depth) / (1 + depth), 0.0)
            wrapped *= (wrapped + depth) / (1 + depth) if depth > 0 else 1.0
            bleed = through * (0.55 if c == 0 else 0.12 if c == 1 else 0.0)
            ambient = body * _irradiance(stage.sky, c, normal)
            mirrored = glance * _irradiance(stage.sky, c, mirroring)
            key = body * lamp.color[c] * wrapped
            for k in range(2):
                free, opening = (seen_too, sky_too) if k else (seen, sky)
                soft = free + bleed * free * (1 - free)
                # The sky, and light that comes back from what hides it.
                glow = opening + opening * (1 - opening) * 0.6 * body
                scattered, bounced = ambient * glow + key * soft, mirrored * opening * opening + glint * free
                light[3 * k + c] = scattered + bounced if folded else scattered
                light[6 + 3 * k + c] = 0.0 if folded else bounced
        points.same[n] = same


@plain_kernel
def shade_hair(stage, strands, middle, done):
    """Light on the corners of hair surfaces into stage.shine (V, 8): diffuse in the clean and in the occluded
    picture, 3 + 3, and highlight in both, 1 + 1 (J. Kajiya & T. Kay, "Rendering fur with three dimensional
    textures", 1989).

    A card of hair has no normal worth lighting it by: half of it is taken from the shape of the whole style.
    strands (V, 3), middle (surfaces, 4), done (V,): zeros to work on.
    """
    mesh, materials, lamp, maps, shine = stage.mesh, stage.materials, stage.lamp, stage.maps, stage.shine
    p = mesh.vertices
    for f in range(len(mesh.faces)):
        s = mesh.surface[f]
        if not materials.flags[s, IS_HAIR]:
            continue
        i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
        ua, va = mesh.uv[i1, 0] - mesh.uv[i0, 0], mesh.uv[i1, 1] - mesh.uv[i0, 1]
        ub, vb = mesh.uv[i2, 0] - mesh.uv[i0, 0], mesh.uv[i2, 1] - mesh.uv[i0, 1]
        sign = 1.0 if ua * vb - ub * va > 0 else -1.0
        for c in range(3):
            along = sign * (ua * (p[i2, c] - p[i0, c]) - ub * (p[i1, c] - p[i0, c]))
            for i in (i0, i1, i2):
                strands[i, c] += along  # where v of the texture grows
                middle[s, c] += p[i, c]
        middle[s, 3] += 3
    a = lamp.axes
    lx, ly, lz = a[2, 0], a[2, 1], a[2, 2]
    for f in range(len(mesh.faces)):
        s = mesh.surface[f]
        if not materials.flags[s, IS_HAIR]:
            continue
        for corner in range(3):
            i = mesh.faces[f, corner]
            if done[i]:
                continue
            done[i] = True
            x, y, z = np.float64(p[i, 0]), np.float64(p[i, 1]), np.float64(p[i, 2])
            far = np.sqrt(x * x + y * y + z * z)
            vx, vy, vz = -x / far, -y / far, -z / far
            corners = middle[s, 3]
            ox, oy, oz = x - middle[s, 0] / corners, y - middle[s, 1] / corners, z - middle[s, 2] / corners
            length = max(np.sqrt(ox * ox + oy * oy + oz * oz), 1e-6)
            nx, ny, nz = mesh.normals[i, 0], mesh.normals[i, 1], mesh.normals[i, 2]
            flip = 0.5 if nx * ox + ny * oy + nz * oz > 0 else -0.5
            nx, ny, nz = flip * nx + ox / length, flip * ny + oy / length, flip * nz + oz / length
            length = max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-6)
            nx, ny, nz = nx / length, ny / length, nz / length
            taps = turn(i, i // 4)
            view = _lamp_view(lamp, x + 4 * lx, y + 4 * ly, z + 4 * lz, lx, ly, lz)
            seen = 0.25 + 0.75 * _visible(maps[0], view, lamp.softness, lamp.texel, taps)
            seen_too = seen
            if not _beside(stage.reach, view):
                seen_too = min(seen, _visible(maps[1], view, lamp.softness, lamp.texel, taps))
            tx, ty, tz = strands[i, 0], strands[i, 1], strands[i, 2]
            length = max(np.sqrt(tx * tx + ty * ty + tz * tz), 1e-9)
            tx, ty, tz = tx / length, ty / length, tz / length
            hx, hy, hz = lx + vx, ly + vy, lz + vz
            length = max(np.sqrt(hx * hx + hy * hy + hz * hz), 1e-6)
            lit = nx * lx + ny * ly + nz * lz
            wrapped = max((lit + 0.35) / 1.35, 0.0)
            sine = np.sqrt(max(1 - (tx * lx + ty * ly + tz * lz) ** 2, 0.0))
            across = max(1 - ((tx * hx + ty * hy + tz * hz) / length) ** 2, 0.0)
            across *= across  # sine^4
            across *= across
            across *= across
            glint = across * across * max(lit + 0.2, 0.0)  # sine^32
            powers = _powers(nx, ny, nz)
            for c in range(3):
                sky = _irradiance(stage.sky, c, powers) * 0.8
                key = lamp.color[c] * wrapped * (0.4 + 0.6 * sine)
                shine[i, c], shine[i, 3 + c] = sky + key * seen, sky + key * seen_too
            shine[i, 6], shine[i, 7] = glint * seen, glint * seen_too


@plain_kernel
def shade_strands(stage, points, count):
    """Light those of the first `count` points that are strands, from the light on the corners."""
    mesh, materials, shine = stage.mesh, stage.materials, stage.shine
    for n in range(count):
        if points.kind[n] != STRAND:
            continue
        f, light = points.face[n], points.light[n]
        s, same = mesh.surface[f], True
        i0, i1, i2 = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
        b0, b1, b2 = weights(mesh, f, points.x[n], points.y[n])
        u = b0 * mesh.uv[i0, 0] + b1 * mesh.uv[i1, 0] + b2 * mesh.uv[i2, 0]
        v = b0 * mesh.uv[i0, 1] + b1 * mesh.uv[i1, 1] + b2 * mesh.uv[i2, 1]
        place = texel_place(u, v, max(materials.flags[s, HEIGHT], 1), max(materials.flags[s, WIDTH], 1))
        texel = color_at(materials, s, place) if materials.flags[s, CHANNELS] else (1.0, 1.0, 1.0)
        shine0 = b0 * shine[i0, 6] + b1 * shine[i1, 6] + b2 * shine[i2, 6]
        shine1 = b0 * shine[i0, 7] + b1 * shine[i1, 7] + b2 * shine[i2, 7]
        for c in range(3):
            albedo = (b0 * mesh.color[i0, c] + b1 * mesh.color[i1, c] + b2 * mesh.color[i2, c]) * texel[c]
            albedo *= albedo
            glint = (0.5 * albedo + materials.numbers[s, REFLECTANCE]) * stage.lamp.color[c]
            clean = b0 * shine[i0, c] + b1 * shine[i1, c] + b2 * shine[i2, c]
            occluded = b0 * shine[i0, 3 + c] + b1 * shine[i1, 3 + c] + b2 * shine[i2, 3 + c]
            light[c], light[3 + c] = albedo * clean + glint * shine0, albedo * occluded + glint * shine1
            light[6 + c], light[9 + c] = 0.0, 0.0
            same &= light[c] == light[3 + c]
        points.same[n] = same
