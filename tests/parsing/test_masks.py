"""The contract of `face_mask`, with a parser that has learnt nothing: shapes, ranges, places."""

import numpy as np
import pytest
import torch

from occlib import assets
from occlib.errors import MissingAssetError
from occlib.faces import find_face
from occlib.images import load_photo
from occlib.networks import LiteEncoder, load_weights, save_weights
from occlib.parsing import ParserNetwork, face_mask, masks, parse, parse_aligned, whole_occluder


@pytest.fixture(scope="module")
def astronaut():
    return load_photo(assets.path("photos/astronaut.jpg"))


@pytest.fixture(autouse=True)
def untrained(monkeypatch):
    torch.manual_seed(0)
    network = ParserNetwork(widths=(16, 16, 8, 8)).eval().requires_grad_(False)
    monkeypatch.setattr(masks, "load_parser", lambda device="cpu": network)
    return network


@pytest.mark.parametrize("shape", [(512, 512), (300, 413), (641, 480)])
def test_any_photo_gets_a_mask_of_its_size(astronaut, shape):
    import cv2

    photo = cv2.resize(astronaut, shape[::-1])
    mask = face_mask(photo)
    assert mask.shape == shape and mask.dtype == np.float32
    assert mask.min() >= 0 and mask.max() <= 1
    assert mask[0].max() == mask[:, -1].max() == 0  # beside the square around the face


def test_parse_tells_labels_and_confidence(astronaut):
    found = parse(astronaut, find_face(astronaut).points)
    assert found.labels.dtype == np.uint8 and found.labels.max() <= 6
    assert found.confidence.min() >= 0 and found.confidence.max() <= 1
    assert np.all(found.mask <= found.region + 1e-6)
    assert found.labels[-1, 0] == 0 and found.confidence[-1, 0] == 1
    assert found.occluder.dtype == bool and not found.occluder[-1, 0]


def test_maps_return_to_where_they_were_seen(astronaut, monkeypatch):
    """A parser that calls red pixels occluded finds them again in the photo."""

    class Red(torch.nn.Module):
        def forward(self, images):
            red = ((images[:, 0] > 0.9) & (images[:, 1] < 0.1)).float()
            logits = torch.zeros(len(images), 8, *images.shape[-2:])
            logits[:, 1], logits[:, 6], logits[:, 7] = 20 * (1 - red), 20 * red, 20
            return logits

    points = find_face(astronaut).points
    monkeypatch.setattr(masks, "load_parser", lambda device="cpu": Red())
    photo = astronaut.copy()
    x, y = points[:, :2].mean(0).astype(int)
    photo[y - 20 : y + 20, x - 5 : x + 30] = (255, 0, 0)
    found, expected = parse(photo, points).mask > 0.5, (photo == (255, 0, 0)).all(-1)
    whole = parse(photo, points).occluder
    assert (found & whole).sum() / (found | whole).sum() > 0.95
    assert (found & expected).sum() / (found | expected).sum() > 0.9
    wider = parse(photo, points, dilate=4).mask > 0.5
    assert wider[expected].all() and wider.sum() > 1.2 * found.sum()
    assert parse(photo, points, dilate=4).occluder.sum() > 1.2 * whole.sum()


def test_a_mirrored_photo_gets_the_mirrored_parse(astronaut):
    photo = astronaut[:256, 100:356]
    one, two = parse_aligned(photo), parse_aligned(np.ascontiguousarray(photo[:, ::-1]))
    np.testing.assert_allclose(one.mask, two.mask[:, ::-1], atol=1e-5)


def test_an_occluder_counts_if_the_network_is_sure_of_a_pixel_of_it():
    """Three squares on skin: sure in one corner, nowhere sure, and sure but for itself alone."""
    occluder = np.full((40, 60), 0.02, np.float32)
    occluder[5:15, 5:15], occluder[5:15, 25:35], occluder[5:15, 45:55] = 0.6, 0.9, 0.99
    occluder[5, 5] = 0.985
    parts = np.zeros((7, 40, 60), np.float32)
    parts[1], parts[6] = 1 - occluder, occluder
    labels, mask = masks.sure_occluders(parts, occluder)
    found = np.zeros((40, 60), bool)
    found[5:15, 5:15] = found[5:15, 45:55] = True
    assert np.array_equal(labels == 6, found) and np.array_equal(labels == 1, ~found)
    np.testing.assert_array_equal(mask[found], occluder[found])
    assert not mask[5:15, 25:35].any() and np.all(mask[20:] == np.float32(0.02))


def test_without_any_occluder_nothing_changes():
    parts = np.zeros((7, 8, 8), np.float32)
    parts[0], parts[1], parts[6] = 0.2, 0.5, 0.3
    labels, mask = masks.sure_occluders(parts, np.full((8, 8), 0.4, np.float32))
    assert (labels == 1).all() and (mask == np.float32(0.4)).all()


@pytest.mark.parametrize("int8", [False, True])
def test_weights_come_back(tmp_path, untrained, int8):
    file = tmp_path / "parser.safetensors"
    stage = {"encoder": "lite", "channels": [8], "widths": [16, 16, 8, 8]}
    save_weights(file, untrained.state_dict(), {"configuration": {"stage": stage}}, int8=int8)
    network = masks.read_parser(file)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected, found = untrained(image), network(image)
    assert (found - expected).norm() < (0.05 if int8 else 0.005) * expected.norm()
    assert not network.training and load_weights(file)[1]["configuration"]["stage"] == stage
    with pytest.raises(MissingAssetError, match="holds no weights"):
        (tmp_path / "torn.safetensors").write_bytes(file.read_bytes()[:1000])
        masks.read_parser(tmp_path / "torn.safetensors")


def test_the_encoder_knows_imagenet():
    """Its features tell a cat from coffee: two photos of each thing would be closer, so the means of channels
    differ."""
    import skimage.data

    encoder = LiteEncoder.pretrained().eval()
    photos = [skimage.data.chelsea()[:288, :288], skimage.data.coffee()[:288, :288]]
    images = torch.stack([torch.tensor(photo).permute(2, 0, 1) for photo in photos]).float() / 255
    with torch.no_grad():
        taps = encoder(images)
    assert [tap.shape[1] for tap in taps] == list(LiteEncoder.channels)
    assert [tap.shape[-1] for tap in taps] == [144, 72, 36, 18, 9]
    means = taps[-1].mean((2, 3))
    assert torch.cosine_similarity(means[0], means[1], dim=0) < 0.5


def test_the_whole_occluder_is_what_reaches_into_the_face():
    in_face, occluder = np.zeros((2, 20, 20), bool)
    in_face[8:12, 5:9] = True
    occluder[9:11, 7:18] = True  # a hand that goes on beside the face
    occluder[15:18, 2:5] = True  # something else
    found = whole_occluder(in_face, occluder)
    assert found[in_face].all() and found[9:11, 7:18].all() and not found[15:18].any()
    assert not whole_occluder(np.zeros_like(in_face), occluder).any()
