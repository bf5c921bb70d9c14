"""Robust weights: which visible pixels of the photo the face model can explain.

An outlier model in the spirit of Egger et al. 2018 ("Occlusion-aware 3D morphable models"), reduced to
what fits into a fit: a pixel either shows the face, and then differs from the rendering by Gaussian noise,
or shows something else, and then any colour is equally likely.
"""

import torch
from torch.nn import functional

OUTLIER_DENSITY = 0.6
"""Density of an occluder's colour residual, per unit of the residual's RMS over channels in [0, 1]."""


def gaussian_blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur (N, C, H, W) with a separable Gaussian of `sigma` pixels; borders are reflected."""
    radius = int(3 * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, -1)
    padded = functional.pad(image, (radius,) * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel[:, :, None, :], groups=image.shape[1])
    return functional.conv2d(rows, kernel[:, :, :, None], groups=image.shape[1])


def robust_weights(
    photo: torch.Tensor, rendered: torch.Tensor, face: torch.Tensor, *, smoothing: float, floor: float = 0.04
) -> torch.Tensor:
    """Posterior probability (N, 1, H, W) that a pixel shows the face and not an occluder.

        e_j = blurred mean over channels of (I_j - Iy_j)^2
        w_j = N(sqrt(e_j); 0, s^2) / (N(sqrt(e_j); 0, s^2) + outlier density)

    photo, rendered: (N, 3, H, W) in [0, 1]. face: (N, 1, H, W), 1 where the face is rendered and may be
    compared; the weights are 0 elsewhere. s is 1.5 times the median of sqrt(e) over the face (what is
    typical is taken to be the face), at least `floor`. smoothing: blur in pixels; occluders are connected,
    noise is not.
    """
    square = (photo - rendered).square().mean(1, keepdim=True) * face
    area = gaussian_blur(face, smoothing).clamp(min=1e-3)
    error = (gaussian_blur(square, smoothing) / area).clamp(min=0).sqrt()  # (N, 1, H, W)
    weights = torch.zeros_like(error)
    for one in range(len(photo)):
        inside = error[one][face[one] > 0.5]
        if inside.numel() == 0:
            continue
        scale = (1.5 * inside.median()).clamp(min=floor)
        inlier = torch.exp(-0.5 * (error[one] / scale) ** 2) / (scale * (2 * torch.pi) ** 0.5)
        weights[one] = inlier / (inlier + OUTLIER_DENSITY) * face[one]
    return weights
