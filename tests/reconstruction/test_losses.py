"""Eqs. 11 and 12 and the prior against slow, obvious twins and hand-computed values."""

import math

import torch

from occlib.reconstruction import feature_loss, pixel_loss, prior_loss


def slow_pixel_loss(complete, rendered, weights):
    total = weight_sum = 0.0
    for row in range(complete.shape[2]):
        for column in range(complete.shape[3]):
            square = sum(
                float(complete[0, channel, row, column] - rendered[0, channel, row, column]) ** 2
                for channel in range(3)
            )
            total += float(weights[0, 0, row, column]) * math.sqrt(square)
            weight_sum += float(weights[0, 0, row, column])
    return total / weight_sum


def test_pixel_loss_is_the_weighted_mean_of_colour_distances():
    generator = torch.Generator().manual_seed(0)
    complete, rendered = (torch.rand(1, 3, 4, 5, generator=generator) for _ in range(2))
    weights = torch.rand(1, 1, 4, 5, generator=generator)
    expected = slow_pixel_loss(complete, rendered, weights)
    assert math.isclose(float(pixel_loss(complete, rendered, weights)), expected, rel_tol=1e-4)


def test_pixel_loss_ignores_what_the_mask_covers():
    complete, rendered = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    rendered[..., 0] = 1  # wrong in the left column, and only there
    right = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
    assert float(pixel_loss(complete, rendered, right)) < 2e-3
    assert math.isclose(float(pixel_loss(complete, rendered, 1 - right)), math.sqrt(3), rel_tol=1e-4)


def test_pixel_loss_of_nothing_is_zero_with_a_finite_gradient():
    rendered = torch.rand(1, 3, 4, 4, requires_grad=True)
    loss = pixel_loss(rendered.detach(), rendered, torch.zeros(1, 1, 4, 4))
    loss.sum().backward()
    assert loss.item() == 0 and torch.isfinite(rendered.grad).all()


def test_pixel_loss_gradient_against_finite_differences():
    generator = torch.Generator().manual_seed(1)
    complete, rendered = (torch.rand(2, 3, 3, 3, generator=generator).double() for _ in range(2))
    weights = torch.rand(2, 1, 3, 3, generator=generator).double()
    rendered.requires_grad_()
    assert torch.autograd.gradcheck(lambda image: pixel_loss(complete, image, weights), rendered)


def test_feature_loss_is_one_minus_cosine():
    a = torch.tensor([[1.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
    b = torch.tensor([[5.0, 0.0], [-3.0, -4.0], [1.0, -1.0]])
    assert torch.allclose(feature_loss(a, b), torch.tensor([0.0, 2.0, 1.0]), atol=1e-6)


def test_prior_is_half_the_sum_of_squares():
    assert torch.allclose(prior_loss(torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0]])), torch.tensor([4.5]))
