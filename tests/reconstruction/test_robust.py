"""Robust weights: what the face cannot explain is left out, what it can is kept."""

import torch

from occlib.reconstruction import robust_weights


def scene(noise: float, occluder: float):
    generator = torch.Generator().manual_seed(0)
    rendered = torch.full((1, 3, 64, 64), 0.5)
    photo = rendered + noise * torch.randn(1, 3, 64, 64, generator=generator)
    photo[..., 40:] = occluder  # the right 24 columns show something else
    face = torch.ones(1, 1, 64, 64)
    face[..., :8, :] = 0
    return photo, rendered, face


def test_an_occluder_gets_no_weight_and_the_face_nearly_all():
    weights = robust_weights(*scene(0.03, 0.95), smoothing=1.0)
    assert float(weights[..., 10:, 44:].max()) < 0.02
    assert float(weights[..., 10:, :36].min()) > 0.8


def test_noise_alone_is_no_occluder():
    weights = robust_weights(*scene(0.03, 0.5), smoothing=1.0)
    assert float(weights[..., 10:, :].mean()) > 0.85


def test_outside_the_face_nothing_counts():
    weights = robust_weights(*scene(0.03, 0.95), smoothing=1.0)
    assert float(weights[..., :8, :].abs().max()) == 0


def test_every_photo_of_a_batch_is_judged_alone():
    photo, rendered, face = scene(0.03, 0.95)
    noisy = rendered + 0.2 * torch.randn(rendered.shape, generator=torch.Generator().manual_seed(1))
    both = robust_weights(torch.cat([photo, noisy]), rendered.expand(2, -1, -1, -1), face.expand(2, -1, -1, -1),
                          smoothing=1.0)
    assert torch.allclose(both[:1], robust_weights(photo, rendered, face, smoothing=1.0))
