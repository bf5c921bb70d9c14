"""Eqs. 4 to 6 and 8 against slow twins, and the cases in which a formula could break."""

import numpy as np
import pytest
import torch

from occlib.synthesis.losses import (
    LAMBDA_3,
    LAMBDA_4,
    LAMBDA_5,
    feature_distance,
    gram,
    pixel_loss,
    region,
    style_loss,
)


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    made, true = (torch.rand(2, 3, 6, 5, generator=generator) for _ in range(2))
    return made, true, (torch.rand(2, 1, 6, 5, generator=generator) > 0.6).float()


def test_the_weights_of_equation_8():
    assert (LAMBDA_3, LAMBDA_4, LAMBDA_5) == (0.1, 1, 250)


def test_pixel_loss_equals_a_loop(pictures):
    made, true, mask = pictures
    expected = 0.0
    for n in range(2):
        distance = sum(abs(float(made[n][i]) - float(true[n][i])) for i in np.ndindex(3, 6, 5))
        expected += distance / float(mask[n].sum()) / 2
    assert float(pixel_loss(made, true, mask)) == pytest.approx(expected, rel=1e-5)


def test_an_empty_mask_divides_by_the_size_of_the_image(pictures):
    made, true, mask = pictures
    made.requires_grad_()
    loss = pixel_loss(made, true, 0 * mask)
    assert float(loss) == pytest.approx(3 * float((made - true).abs().mean()), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, made)
    assert gradient.isfinite().all()
    mask[0] = 0  # one of the batch is empty, the other is not
    each = [pixel_loss(made[n : n + 1], true[n : n + 1], mask[n : n + 1]) for n in range(2)]
    torch.testing.assert_close(pixel_loss(made, true, mask), sum(each) / 2)


def test_style_equals_a_loop():
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 3, 4, 5), (2, 2, 2, 3)]
    made, true = ([torch.randn(shape, generator=generator) for shape in shapes] for _ in range(2))

    def slow_gram(x):  # (Q, H, W)
        return [
            [sum(float(u) * float(v) for u, v in zip(a.flatten(), b.flatten(), strict=True)) for b in x]
            for a in x
        ]

    expected = 0.0
    for n in range(2):
        for m, t in zip(made, true, strict=True):
            q, h, w = m[n].shape
            one, two = slow_gram(m[n]), slow_gram(t[n])
            for i, j in np.ndindex(q, q):
                expected += abs((one[i][j] - two[i][j]) / (q * h * w)) / (q * q) / 2
    assert float(style_loss(made, true)) == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(gram(made[0])[1], slow_gram(made[0][1]), rtol=1e-4)


def test_style_does_not_ask_where(pictures):
    made, true, _ = pictures
    shuffled = made.flip(-1).roll(2, -2)
    assert style_loss([shuffled], [made]) < 1e-6 < style_loss([true], [made])


def test_the_gradient_of_style_is_that_of_differences():
    generator = torch.Generator().manual_seed(0)
    made, true = (torch.randn(1, 2, 3, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    made.requires_grad_()
    (gradient,) = torch.autograd.grad(style_loss([made], [true]), made)
    step = torch.zeros_like(made)
    step[0, 1, 2, 0] = 1e-3
    with torch.no_grad():
        slope = (style_loss([made + step], [true]) - style_loss([made - step], [true])) / 2e-3
    assert float(gradient[0, 1, 2, 0]) == pytest.approx(float(slope), rel=1e-2)


def test_regions(pictures):
    made, _, mask = pictures
    assert torch.equal(region(made, mask, "visible") + region(made, mask, "hole"), made)
    assert torch.equal(region(made, mask, "whole"), made)
    assert not region(made, mask, "visible")[:, :, mask[0, 0] > 0][0].any()


def test_feature_distance_equals_a_loop(pictures):
    made, true, _ = pictures
    expected = (
        sum(abs(float(a) - float(b)) for a, b in zip(made.flatten(), true.flatten(), strict=True))
        / made.numel()
    )
    assert float(feature_distance([made, 2 * made], [true, 2 * true])) == pytest.approx(
        3 * expected, rel=1e-4
    )
