"""The ports against recorded outputs of the original implementations (`record_golden.py`)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from occlib.errors import MissingAssetError
from occlib.faces import DlibFeatures, FaceNetFeatures
from occlib.faces.blaze import anchors, blazeface, facemesh
from tests.faces.record_golden import filled, views

GOLDEN = Path(__file__).parent / "golden"


def images(size: int) -> torch.Tensor:
    return torch.from_numpy(views(size)).permute(0, 3, 1, 2).float() / 255


def golden(name: str) -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / name) as file:
        return {key: torch.from_numpy(file[key]) for key in file if key != "names"}


@torch.inference_mode()
def test_blazeface_says_what_litert_says():
    expected = golden("blazeface.npz")
    boxes, logits = blazeface()(2 * images(128) - 1)
    best = expected["best"][..., None].expand(-1, -1, 16)
    assert boxes.shape == (3, 896, 16)
    torch.testing.assert_close(logits, expected["logits"], atol=1e-3, rtol=0)
    torch.testing.assert_close(boxes.gather(1, best), expected["boxes"], atol=1e-2, rtol=0)


@torch.inference_mode()
def test_facemesh_says_what_litert_says():
    expected = golden("facemesh.npz")
    points, presence = facemesh()(images(192))
    torch.testing.assert_close(points, expected["points"], atol=1e-2, rtol=0)
    torch.testing.assert_close(presence, expected["presence"], atol=1e-3, rtol=0)


@torch.inference_mode()
def test_recognition_says_what_dlib_says():
    embeddings = DlibFeatures.load().network(images(150))
    expected = golden("recognition.npz")["embeddings"]
    assert torch.cosine_similarity(embeddings, expected).min() > 0.9999
    assert (embeddings - expected).norm(dim=1).max() < 0.02  # dlib calls 0.6 another person


def test_facenet_says_what_facenet_pytorch_says(tmp_path):
    names = np.load(GOLDEN / "facenet.npz")["names"]
    state = filled(FaceNetFeatures().network.state_dict())
    assert sorted(state) == names.tolist()
    state["logits.weight"] = torch.zeros(3, 512)  # the published files hold a classifier too
    save_file(state, tmp_path / "facenet.safetensors")
    torch.save(state, tmp_path / "facenet.pt")
    features = FaceNetFeatures.load(tmp_path / "facenet.safetensors")
    with torch.inference_mode():
        embeddings = features(images(160))
    torch.testing.assert_close(embeddings, golden("facenet.npz")["embeddings"], atol=1e-5, rtol=0)
    for name, value in FaceNetFeatures.load(tmp_path / "facenet.pt").state_dict().items():
        assert torch.equal(value, features.state_dict()[name]), name


def test_facenet_refuses_files_that_hold_something_else(tmp_path):
    other, broken, missing = tmp_path / "other.pt", tmp_path / "broken.pt", tmp_path / "missing.pt"
    torch.save({"weight": torch.zeros(3)}, other)
    broken.write_bytes(b"not weights")
    for file in (other, broken, missing):
        with pytest.raises(MissingAssetError, match=file.name) as error:
            FaceNetFeatures.load(file)
        assert "\n" not in str(error.value)


def test_anchors_are_ordered_by_stride_row_column():
    centres = anchors(32, 48)  # 4 x 6 cells of 8 px with 2 anchors, then 2 x 3 cells of 16 px with 6
    assert centres.shape == (4 * 6 * 2 + 2 * 3 * 6, 2)
    assert centres[:4].tolist() == [[4, 4], [4, 4], [12, 4], [12, 4]]
    assert centres[[48, 48 + 6, -1]].tolist() == [[8, 8], [24, 8], [40, 24]]


def test_facemesh_gives_the_image_gradients_and_keeps_its_weights_frozen():
    crops = images(192)[:1].requires_grad_()
    points, _ = facemesh()(crops)
    points[0, 1, 0].backward()
    assert crops.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in facemesh().parameters())
