"""Read face models from files: ours, and the Basel Face Models that a user has registered for.

Every reader ends in the same conventions: millimetres, y up, z to the viewer, origin midway between the
eyeballs, bases in standard deviations and cut to 80 / 64 / 80, albedo in [0, 1], faces counter-clockwise
from outside.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from scipy import sparse

from occlib import assets
from occlib.errors import FaceModelError, MissingAssetError

REGION_NAMES = ("skin", "brows", "eyes", "nose", "lips", "ears", "scalp", "neck", "mouth")
N_IDENTITY, N_EXPRESSION, N_TEXTURE = 80, 64, 80

WHERE_TO_GET = {
    ".safetensors": "occlib's own model is loaded by the name 'open'",
    ".mat": "register for the Basel Face Model 2009 at https://faces.dmi.unibas.ch/bfm, then make "
            "BFM_model_front.mat as described at https://github.com/sicxu/Deep3DFaceRecon_pytorch",
    ".h5": "register for the Basel Face Model 2017 or 2019 at https://faces.dmi.unibas.ch/bfm and download "
           "model2017-1_bfm_nomouth.h5, model2019_bfm.h5 or another of its .h5 files",
}

# Landmarks by which the files of 2017 and 2019 name points, and their iBUG numbers.
BASEL_LANDMARKS = {
    "center.chin.tip": 8, "center.nose.tip": 30, "right.nose.wing.tip": 31, "left.nose.wing.tip": 35,
    "center.nose.attachement_to_philtrum": 33, "right.eye.corner_outer": 36, "right.eye.corner_inner": 39,
    "left.eye.corner_inner": 42, "left.eye.corner_outer": 45, "right.lips.corner": 48, "left.lips.corner": 54,
    "right.lips.philtrum_ridge": 50, "left.lips.philtrum_ridge": 52, "center.lips.upper.outer": 51,
    "center.lips.lower.outer": 57, "center.lips.upper.inner": 62, "center.lips.lower.inner": 66,
}


@dataclass
class FaceModelArrays:
    """What a `MorphableModel` is made of, as NumPy arrays. Vc = V when there is no subdivision."""

    name: str
    shape_mean: np.ndarray  # (Vc, 3) mm
    identity_basis: np.ndarray  # (K, 3 Vc) mm per standard deviation
    expression_basis: np.ndarray  # (K, 3 Vc)
    albedo_mean: np.ndarray  # (V, 3)
    albedo_basis: np.ndarray  # (K, 3 Vc)
    faces: np.ndarray  # (F, 3)
    landmarks: np.ndarray  # (68,)
    regions: np.ndarray  # (V,)
    symmetry: np.ndarray  # (V,)
    uv: np.ndarray  # (T, 2)
    uv_faces: np.ndarray  # (F, 3)
    region_names: tuple[str, ...] = REGION_NAMES
    units_to_expression: np.ndarray | None = None  # (U, K), None without semantic units
    unit_names: tuple[str, ...] = ()
    subdivision: sparse.csr_matrix | None = None  # (V, Vc)


def read_face_model(file: Path) -> FaceModelArrays:
    """Read `file` by its suffix: `.safetensors`, `.mat` or `.h5`.

    Raises MissingAssetError when it is not there and FaceModelError when its layout is another; both say
    where to get the right file.
    """
    readers = {".safetensors": read_open, ".mat": read_bfm2009, ".h5": read_bfm2017}
    if file.suffix not in readers:
        raise FaceModelError(f"{file}: a face model ends in {', '.join(readers)}, not in '{file.suffix}'")
    if not file.is_file():
        raise MissingAssetError(f"{file} is not there: {WHERE_TO_GET[file.suffix]}")
    try:
        return readers[file.suffix](file)
    except (KeyError, ValueError, TypeError, NotImplementedError, OSError, SafetensorError) as error:
        raise FaceModelError(
            f"{file} has not the layout that is read here ({error}): {WHERE_TO_GET[file.suffix]}") from error


def read_open(file: Path) -> FaceModelArrays:
    """Our own layout, written by `assets/recipes/bake_face_model.py`."""
    with safe_open(file, "np") as stored:
        header = json.loads(stored.metadata()["face_model"])
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}
    rows = tensors.pop("subdivision_rows")
    subdivision = sparse.csr_matrix(
        (tensors.pop("subdivision_values"), tensors.pop("subdivision_columns"), rows),
        shape=(len(rows) - 1, len(tensors["shape_mean"])))
    return FaceModelArrays(
        name=header["name"], region_names=tuple(header["region_names"]),
        unit_names=tuple(header["unit_names"]), subdivision=subdivision, **tensors)


def read_bfm2009(file: Path) -> FaceModelArrays:
    """Basel Face Model 2009 with expressions as Deep3DFaceRecon writes it, `BFM_model_front.mat`.

    meanshape, meantex (1, 3V); idBase (3V, 80), exBase (3V, 64), texBase (3V, 80), already times their
    standard deviations; tri (F, 3) and keypoints (1, 68) count from 1. Decimetres; texture in [0, 255].
    P. Paysan et al., "A 3D Face Model for Pose and Illumination Invariant Face Recognition", AVSS 2009;
    expressions by Y. Guo et al., "CNN-based Real-time Dense Face Reconstruction", TPAMI 2018.
    """
    from scipy.io import loadmat, matlab  # here, as h5py and cKDTree below: the open model needs none of them

    try:
        mat = loadmat(file)
    except matlab.MatReadError as error:
        raise ValueError(error) from error
    to_mm, to_unit = 100.0, 1 / 255.0
    return _basel(
        "bfm2009",
        mean=to_mm * mat["meanshape"].reshape(-1, 3),
        identity=to_mm * mat["idBase"][:, :N_IDENTITY].T,
        expression=to_mm * mat["exBase"][:, :N_EXPRESSION].T,
        albedo_mean=to_unit * mat["meantex"].reshape(-1, 3),
        albedo=to_unit * mat["texBase"][:, :N_TEXTURE].T,
        faces=mat["tri"].astype(np.int64) - 1,
        landmarks=mat["keypoints"].astype(np.int64).ravel() - 1,
    )


def read_bfm2017(file: Path) -> FaceModelArrays:
    """Basel Face Model 2017 or 2019, `.h5` (T. Gerig et al., "Morphable Face Models - An Open Framework", FG
    2018).

    {shape, expression, color}/model/{mean (3V,), pcaBasis (3V, K), pcaVariance (K,)},
    shape/representer/cells (3, F), metadata/landmarks/json. Millimetres; colour in [0, 1]. The file names 17
    of the 68 landmarks; the others are carried over from our model's mean face.
    """
    import h5py

    with h5py.File(file) as stored:

        def component(group, count):
            model = stored[group]["model"]
            variance = np.asarray(model["pcaVariance"])[:count]
            basis = model["pcaBasis"][:, :count] * np.sqrt(variance)
            return np.asarray(model["mean"]).reshape(-1, 3), basis.T

        mean, identity = component("shape", N_IDENTITY)
        expression_mean, expression = component("expression", N_EXPRESSION)
        albedo_mean, albedo = component("color", N_TEXTURE)
        cells = np.asarray(stored["shape/representer/cells"]).astype(np.int64)
        named = json.loads(np.asarray(stored["metadata/landmarks/json"][()]).tobytes())
    mean = mean + expression_mean
    points = {point["id"]: point["coordinates"] for point in named}
    return _basel("bfm2017", mean, identity, expression, albedo_mean, albedo,
                  faces=cells.T if len(cells) == 3 else cells, landmarks=_basel_landmarks(mean, points))


def _basel_landmarks(mean, points):
    """(68,) vertices: the named ones, and ours moved along by the affine map between the named ones."""
    from scipy.spatial import cKDTree

    ours = read_open(assets.path("face_model/open.safetensors"))
    template = (ours.subdivision @ ours.shape_mean)[ours.landmarks]
    known = [number for name, number in BASEL_LANDMARKS.items() if name in points]
    target = np.array([points[name] for name in BASEL_LANDMARKS if name in points])
    if len(known) < 8:
        raise ValueError("metadata/landmarks/json names too few landmarks")
    homogeneous = np.column_stack([template, np.ones(68)])
    moved = homogeneous @ np.linalg.lstsq(homogeneous[known], target, rcond=None)[0]
    moved[known] = target
    return cKDTree(mean).query(moved)[1]


def _basel(name, mean, identity, expression, albedo_mean, albedo, faces, landmarks):
    """Bring a Basel Face Model to our conventions; it has neither regions nor a texture atlas."""
    from scipy.spatial import cKDTree

    vertices = len(mean)
    for array in (identity, expression, albedo):
        if array.shape[1] != 3 * vertices:
            raise ValueError(f"a basis of {array.shape[1]} rows does not fit {vertices} vertices")
    if landmarks.shape != (68,) or faces.min() < 0 or max(faces.max(), landmarks.max()) >= vertices:
        raise ValueError("faces or landmarks point beyond the vertices")
    eye_corners = mean[landmarks[[36, 39, 42, 45]]].mean(axis=0)
    mean = mean - (eye_corners - [0, 0, 10])  # the eyeballs' centres lie about 10 mm behind the corners
    corners = mean[faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2].sum()
    if facing < 0:  # an open face mask shows the viewer more front than back
        faces = faces[:, ::-1]
    # Unrolled from a cylinder about a vertical axis 40 mm behind the eyes.
    uv = np.column_stack([np.arctan2(mean[:, 0], mean[:, 2] + 40), mean[:, 1]])
    uv = (uv - uv.min(axis=0)) / np.ptp(uv, axis=0)
    return FaceModelArrays(
        name=name, shape_mean=mean, identity_basis=identity, expression_basis=expression,
        albedo_mean=albedo_mean, albedo_basis=albedo, faces=faces, landmarks=landmarks,
        regions=np.zeros(vertices, dtype=np.int64), symmetry=cKDTree(mean).query(mean * [-1, 1, 1])[1],
        uv=uv, uv_faces=faces)
