"""Eqs. 1, 3 and 7 against slow twins, and what our own term says about simple cases."""

import math

import numpy as np
import pytest
import torch

from occlib.contours.losses import LAMBDA_1, LAMBDA_2, LINE_WEIGHT, feature_matching_loss, line_loss
from occlib.contours.network import ContourNetwork, grey


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_the_weights_of_equation_7():
    assert (LAMBDA_1, LAMBDA_2) == (1, 11.5)


def test_feature_matching_equals_a_loop(generator):
    shapes = [(2, 3, 4, 5), (2, 6, 2, 2), (2, 1, 1, 2)]
    true, made = ([torch.randn(shape, generator=generator) for shape in shapes] for _ in range(2))
    expected = 0.0
    for n in range(2):  # E over the batch
        for t, m in zip(true, made, strict=True):  # sum over the layers
            elements = t[n].numel()
            norm = sum(abs(float(a) - float(b)) for a, b in zip(t[n].flatten(), m[n].flatten(), strict=True))
            expected += norm / elements / 2
    assert float(feature_matching_loss(true, made)) == pytest.approx(expected, rel=1e-5)


def test_feature_matching_moves_what_is_made_only(generator):
    true, made = (torch.randn(1, 2, 3, 3, generator=generator, requires_grad=True) for _ in range(2))
    feature_matching_loss([true], [made]).backward()
    assert true.grad is None
    # each element is pulled towards the true one by the same force 1 / N_i
    torch.testing.assert_close(made.grad, (made - true).detach().sign() / 18)


def test_equation_1_hides_what_is_in_the_hole(generator):
    network = ContourNetwork((8, 8, 8), blocks=1, fold=2, guide=False).eval()
    photo = torch.rand(1, 3, 32, 32, generator=generator)
    contours = (torch.rand(1, 1, 32, 32, generator=generator) > 0.5).float()
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    seen = network(photo, mask, contours)
    other_photo, other_contours = photo.clone(), contours.clone()
    other_photo[..., 8:24, 8:24], other_contours[..., 8:24, 8:24] = 0.3, 1
    assert torch.equal(network(other_photo, mask, other_contours), seen)
    other_photo[..., :4, :4] = 0
    assert not torch.equal(network(other_photo, mask, contours), seen)
    assert not torch.equal(network(photo, 0 * mask, contours), seen)


def test_a_guided_network_starts_with_the_guides_contours(generator):
    network = ContourNetwork((8, 8, 8), blocks=1, fold=2)
    guide = (torch.rand(1, 5, 32, 32, generator=generator) > 0.7).float()
    blank = torch.zeros(1, 1, 32, 32)
    logits = network(torch.rand(1, 3, 32, 32), blank, blank, guide)
    assert torch.equal(logits > 0, guide[:, -1:] > 0)


def test_line_loss_equals_a_loop(generator):
    logits = torch.randn(2, 1, 5, 6, generator=generator)
    contours = (torch.rand(2, 1, 5, 6, generator=generator) > 0.7).float()
    mask = (torch.rand(2, 1, 5, 6, generator=generator) > 0.4).float()
    expected = 0.0
    for n in range(2):
        costs = []
        for row, column in np.ndindex(5, 6):
            if mask[n, 0, row, column]:
                truth = int(contours[n, 0, row, column])
                p = 1 / (1 + math.exp(-float(logits[n, 0, row, column])))
                costs.append(-LINE_WEIGHT * math.log(p) if truth else -math.log(1 - p))
        expected += sum(costs) / len(costs) / 2
    assert float(line_loss(logits, contours, mask)) == pytest.approx(expected, rel=1e-4)
    assert line_loss(logits, contours, 0 * mask) == 0


def test_grey_is_what_opencv_makes(generator):
    import cv2

    photo = torch.rand(1, 3, 8, 8, generator=generator)
    expected = cv2.cvtColor(photo[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
    np.testing.assert_allclose(grey(photo)[0, 0], expected, atol=1e-5)
