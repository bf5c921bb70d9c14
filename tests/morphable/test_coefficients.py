"""V_x: 239 numbers in one order."""

import pytest
import torch

from occlib.morphable import Coefficients


def test_vector_has_the_papers_order_and_comes_back():
    vector = torch.arange(2 * 239.0).reshape(2, 239)
    coefficients = Coefficients.from_vector(vector)
    assert coefficients.identity[0, 0] == 0 and coefficients.expression[0, 0] == 80
    assert coefficients.texture[0, 0] == 144 and coefficients.lighting[0, 0] == 224
    assert coefficients.pose[0].tolist() == [233, 234, 235, 236, 237, 238]
    assert torch.equal(coefficients.vector(), vector)


def test_rgb_light_makes_257():
    coefficients = Coefficients.from_vector(torch.zeros(1, 257))
    assert coefficients.lighting.shape == (1, 27)
    assert coefficients.vector().shape == (1, 257)


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match="239"):
        Coefficients.from_vector(torch.zeros(1, 240))


def test_neutral_is_lit_evenly_and_looks_ahead():
    neutral = Coefficients.neutral(3, dtype=torch.float64)
    assert neutral.vector().shape == (3, 239) and neutral.vector().dtype == torch.float64
    assert neutral.identity.abs().sum() == 0 and neutral.pose[:, :3].abs().sum() == 0
    # Uniform light of radiance 1 shades every normal with gamma_0 Y_00 = 1.
    assert neutral.lighting[0, 0].item() * (4 * torch.pi) ** -0.5 == pytest.approx(1)


def test_gradients_flow_through_the_vector():
    vector = torch.zeros(1, 239, requires_grad=True)
    Coefficients.from_vector(vector).pose.sum().backward()
    assert vector.grad[0].nonzero().ravel().tolist() == list(range(233, 239))


def test_to_changes_every_part():
    moved = Coefficients.neutral(1).to(torch.float64)
    assert moved.vector().dtype == torch.float64
