"""Basel Face Models: small files in exactly the published layouts end in our conventions."""

import json

import h5py
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from scipy.io import savemat

from occlib.errors import FaceModelError, MissingAssetError
from occlib.morphable import MorphableModel
from occlib.morphable.readers import BASEL_LANDMARKS


@pytest.fixture(scope="module")
def face():
    """Our mean face's front in place of a scan: vertices (V, 3) mm off the origin, faces, 68 landmarks."""
    model = MorphableModel.load("open")
    mean = model.shape(torch.zeros(1, 80), torch.zeros(1, 64))[0]
    front = mean[:, 2] > -20
    faces = model.faces[front[model.faces].all(1)]
    used, faces = faces.unique(return_inverse=True)
    landmarks = torch.cdist(mean[model.landmark_indices], mean[used]).argmin(1)
    return mean[used].double().numpy() + [3.0, 40.0, 80.0], faces.numpy(), landmarks.numpy()


@pytest.fixture
def bases(face):
    rng = np.random.default_rng(0)
    rows = 3 * len(face[0])
    return {name: rng.standard_normal((rows, count)) for name, count in
            (("identity", 199), ("expression", 100), ("texture", 199))}


@pytest.fixture
def bfm2009(tmp_path, face, bases):
    vertices, faces, landmarks = face
    rng = np.random.default_rng(1)
    layout = {
        "meanshape": vertices.reshape(1, -1) / 100,  # decimetres
        "meantex": np.full((1, vertices.size), 127.5),
        "idBase": bases["identity"][:, :80] / 100,
        "exBase": bases["expression"][:, :64] / 100,
        "texBase": 255 * bases["texture"][:, :80],
        "tri": (faces + 1).astype(np.float64),
        "point_buf": rng.integers(1, len(faces) + 2, (len(vertices), 8)).astype(np.float64),
        "tri_mask2": np.ones((10, 3)),
        "keypoints": (landmarks + 1).astype(np.float64)[None],
        "frontmask2_idx": np.ones((10, 1)),
        "skinmask": np.ones((1, len(vertices))),
    }
    savemat(tmp_path / "BFM_model_front.mat", layout)
    return tmp_path / "BFM_model_front.mat"


@pytest.fixture
def bfm2017(tmp_path, face, bases):
    vertices, faces, landmarks = face
    file = tmp_path / "model2017-1_bfm_nomouth.h5"
    with h5py.File(file, "w") as h5:
        means = {"shape": vertices.ravel(), "expression": np.zeros(vertices.size),
                 "color": np.full(vertices.size, 0.5)}
        for group, basis in zip(("shape", "expression", "color"), bases.values()):
            h5[f"{group}/model/mean"] = means[group].astype(np.float32)
            h5[f"{group}/model/pcaBasis"] = basis.astype(np.float32)
            h5[f"{group}/model/pcaVariance"] = np.linspace(9, 1, basis.shape[1]).astype(np.float32)
            h5[f"{group}/model/noiseVariance"] = np.zeros(1, np.float32)
            h5[f"{group}/representer/cells"] = faces.T.astype(np.int32)
            h5[f"{group}/representer/points"] = vertices.T.astype(np.float32)
        named = [{"id": name, "coordinates": vertices[landmarks[number]].tolist()}
                 for name, number in BASEL_LANDMARKS.items()]
        h5["metadata/landmarks/json"] = json.dumps(named)
    return file


def test_bfm2009(bfm2009, face, bases):
    vertices, faces, landmarks = face
    model = MorphableModel.load(bfm2009, dtype=torch.float64)
    assert (model.n_identity, model.n_expression, model.n_texture) == (80, 64, 80)
    assert np.array_equal(model.faces, faces) and np.array_equal(model.landmark_indices, landmarks)
    coefficients = torch.zeros(1, 80, dtype=torch.float64), torch.zeros(1, 64, dtype=torch.float64)
    mean = model.shape(*coefficients)[0].numpy()
    shift = mean - vertices
    assert np.allclose(shift, shift[0], atol=1e-3)  # millimetres, moved as a whole
    assert np.allclose(mean[landmarks[[36, 39, 42, 45]]].mean(0), [0, 0, 10], atol=1e-3)
    coefficients[0][0, 79] = 2
    change = model.shape(*coefficients)[0].numpy() - mean
    assert np.allclose(change.ravel(), 2 * bases["identity"][:, 79], atol=1e-3)
    albedo = model.albedo(torch.eye(80, dtype=torch.float64)[:1])[0]
    assert np.allclose(albedo.ravel(), 0.5 + bases["texture"][:, 0], atol=1e-5)


def test_bfm2017(bfm2017, face, bases):
    vertices, faces, landmarks = face
    model = MorphableModel.load(bfm2017, dtype=torch.float64)
    assert (model.n_identity, model.n_expression, model.n_texture) == (80, 64, 80)
    assert np.array_equal(model.faces, faces)
    named = list(BASEL_LANDMARKS.values())
    assert np.array_equal(model.landmark_indices[named], landmarks[named])
    found = model.landmarks(model.shape(torch.zeros(1, 80).double(), torch.zeros(1, 64).double()))[0].numpy()
    shift = found[30] - vertices[landmarks[30]]
    assert np.abs(found - shift - vertices[landmarks]).max() < 3  # the others are carried over from our face
    # One standard deviation is sqrt(pcaVariance) along the basis: 3 for the first.
    expression = torch.eye(64, dtype=torch.float64)[:1]
    change = model.shape(torch.zeros(1, 80).double(), expression) - model.shape(
        torch.zeros(1, 80).double(), 0 * expression)
    assert np.allclose(change.ravel(), 3 * bases["expression"][:, 0], atol=1e-3)


def test_faces_are_turned_to_the_viewer(bfm2009, face, tmp_path):
    from scipy.io import loadmat

    layout = {key: value for key, value in loadmat(bfm2009).items() if not key.startswith("_")}
    layout["tri"] = layout["tri"][:, ::-1]
    savemat(tmp_path / "turned.mat", layout)
    model = MorphableModel.load(tmp_path / "turned.mat")
    corners = model.shape_mean[model.faces]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert normals[:, 2].sum() > 0


def test_without_regions_everything_is_skin(bfm2009):
    model = MorphableModel.load(bfm2009)
    assert {model.region_names[i] for i in model.regions.unique()} == {"skin"}
    assert torch.equal(model.uv_faces, model.faces) and model.uv.min() >= 0 and model.uv.max() <= 1
    assert model.unit_names == ()


@pytest.mark.parametrize("name", ["BFM_model_front.mat", "model2019_bfm.h5"])
def test_missing_file_says_where_to_get_it(tmp_path, name):
    with pytest.raises(MissingAssetError, match="faces.dmi.unibas.ch"):
        MorphableModel.load(tmp_path / name)


def test_another_layout_is_refused(tmp_path, bfm2009):
    savemat(tmp_path / "01_MorphableModel.mat", {"shapeMU": np.zeros((9, 1)), "shapePC": np.zeros((9, 2))})
    with pytest.raises(FaceModelError, match="meanshape"):
        MorphableModel.load(tmp_path / "01_MorphableModel.mat")
    (tmp_path / "text.h5").write_text("not a model")
    with pytest.raises(FaceModelError, match="layout"):
        MorphableModel.load(tmp_path / "text.h5")
    (tmp_path / "text.mat").write_text("not a model")
    with pytest.raises(FaceModelError, match="layout"):
        MorphableModel.load(tmp_path / "text.mat")
    save_file({"shape_mean": np.zeros((4, 3), np.float32)}, tmp_path / "weights.safetensors")
    with pytest.raises(FaceModelError, match="layout"):
        MorphableModel.load(tmp_path / "weights.safetensors")
    with pytest.raises(FaceModelError, match=".safetensors, .mat, .h5"):
        MorphableModel.load(tmp_path / "model.obj")


def test_a_basis_of_another_size_is_refused(bfm2009, tmp_path):
    from scipy.io import loadmat

    layout = {key: value for key, value in loadmat(bfm2009).items() if not key.startswith("_")}
    layout["exBase"] = layout["exBase"][:-3]
    savemat(tmp_path / "cut.mat", layout)
    with pytest.raises(FaceModelError, match="does not fit"):
        MorphableModel.load(tmp_path / "cut.mat")
