"""The blocks that stages share: sizes, what spectral normalisation promises, and the adversarial losses."""

import math

import pytest
import torch

from occlib.networks import (
    PatchDiscriminator,
    ResidualGenerator,
    adversarial_loss,
    fooling_loss,
    frozen,
    tensors_of,
)


@pytest.mark.parametrize("how", [{}, {"fold": 2, "skips": True}, {"fold": 4}])
def test_a_generator_keeps_the_size_and_every_pixel_reaches_far(how):
    network = ResidualGenerator(5, 3, (8, 8, 8), blocks=2, **how)
    x = torch.rand(2, 5, 64, 96, requires_grad=True)
    y = network(x)
    assert y.shape == (2, 3, 64, 96)
    (gradient,) = torch.autograd.grad(y[0, 0, 32, 48], x)
    assert (gradient[0].abs().sum(0) > 0).sum() > 32 * 32 and not gradient[1].any()


def test_the_base_generator_has_the_size_of_edgeconnects():
    count = sum(p.numel() for p in ResidualGenerator(3, 1).parameters())
    assert count == pytest.approx(10.8e6, rel=0.02)


def largest_singular_value(weight):
    """Of a convolution's kernel as a matrix, (channels out, all the rest)."""
    return float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2))


def test_spectral_normalisation_bounds_every_layer():
    torch.manual_seed(0)
    judge = PatchDiscriminator(4, width=8)
    with torch.no_grad():
        for layer in judge.layers:  # far larger than at the start
            layer.parametrizations.weight.original.mul_(50)
        for _ in range(30):  # each pass is a step of the power iteration
            judge(torch.rand(1, 4, 64, 64))
    judge.eval()
    for layer in judge.layers:
        assert largest_singular_value(layer.weight) == pytest.approx(1, abs=0.05)
        assert largest_singular_value(layer.parametrizations.weight.original) > 10


def test_a_discriminator_sees_70_pixels():
    judge = PatchDiscriminator(1, width=4).eval()
    x = torch.rand(1, 1, 128, 128, requires_grad=True)
    logits = judge(x)[-1]
    (gradient,) = torch.autograd.grad(logits[0, 0, 7, 7], x)
    rows = gradient[0, 0].abs().sum(1).nonzero()
    assert rows.max() - rows.min() + 1 == 70
    assert [a.shape[1] for a in judge(x)] == [4, 8, 16, 32, 1]


def test_adversarial_losses_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    true, made = (torch.randn(2, 1, 3, 4, generator=generator) for _ in range(2))

    def mean_log(values, sign):
        logs = [math.log(1 / (1 + math.exp(-sign * float(z)))) for z in values.flatten()]
        return sum(logs) / len(logs)

    expected = mean_log(true, 1) + mean_log(made, -1)
    assert float(adversarial_loss(true, made)) == pytest.approx(expected, rel=1e-5)
    assert float(fooling_loss(made)) == pytest.approx(-mean_log(made, 1), rel=1e-5)
    assert float(adversarial_loss(0 * true, 0 * made)) == pytest.approx(-2 * math.log(2))


def test_a_generator_that_is_seen_through_still_learns():
    made = torch.full((1, 1, 2, 2), -30.0, requires_grad=True)
    (fooling,) = torch.autograd.grad(fooling_loss(made), made)
    (vanishing,) = torch.autograd.grad(adversarial_loss(torch.zeros(1, 1, 2, 2), made), made)
    assert fooling.abs().min() > 0.2 and vanishing.abs().max() < 1e-10


def test_a_frozen_network_passes_gradients_on_but_keeps_none():
    judge = PatchDiscriminator(1, width=4)
    x = torch.rand(1, 1, 64, 64, requires_grad=True)
    with frozen(judge):
        loss = judge(x)[-1].mean()
    loss.backward()
    assert x.grad.abs().sum() > 0 and all(p.grad is None and p.requires_grad for p in judge.parameters())


def test_tensors_of_one_network_among_several():
    one = {"generator.weight": torch.ones(1)}
    several = {"a.generator.weight": torch.ones(1), "b.generator.weight": torch.zeros(1)}
    assert tensors_of(one, "a") == one and tensors_of(several, "b")["generator.weight"] == 0
