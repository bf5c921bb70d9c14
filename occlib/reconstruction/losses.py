"""The losses of §3.3: Eqs. 11 and 12 as in the paper, and the two terms it leaves out, named as ours.

    L_3D = lambda_6 L_6 + lambda_7 L_7,   lambda_6 = 1.4,  lambda_7 = 0.25      (paper)
         + lambda_prior (landmarks + statistical prior)                         (our addition)

Without a prior a morphable-model fit explodes, and without landmarks it starts too far away; the paper
names neither.
"""

import torch

LAMBDA_PIXEL = 1.4  # lambda_6
LAMBDA_FEATURES = 0.25  # lambda_7


def pixel_loss(complete: torch.Tensor, rendered: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Eq. 11: L_6 = || I_1 - I_y ||_2 per pixel, averaged with weights.

        L_6 = sum_j w_j || I_1^(j) - I_y^(j) ||_2 / sum_j w_j

    complete, rendered: (N, 3, H, W) RGB in [0, 1]. weights: (N, 1, H, W) in [0, 1], what each pixel
    counts: 0 outside the rendered face and, where an occluded photo is compared, (1 - M) or a robust weight.
    Returns (N,). A photo whose weights are all zero gives 0, not a division by zero.
    """
    # The root's slope is unbounded at 0; 1e-6 (a thousandth of a grey level, squared) keeps it finite.
    distance = ((complete - rendered).square().sum(1, keepdim=True) + 1e-6).sqrt()  # (N, 1, H, W)
    return (weights * distance).sum((1, 2, 3)) / weights.sum((1, 2, 3)).clamp(min=1e-6)


def feature_loss(complete: torch.Tensor, rendered: torch.Tensor) -> torch.Tensor:
    """Eq. 12: L_7 = 1 - <G(I_1), G(I_y)> / (||G(I_1)|| ||G(I_y)||), in [0, 2].

    complete, rendered: (N, D), the identity features G of both images. Returns (N,).
    """
    return 1 - torch.nn.functional.cosine_similarity(complete, rendered, dim=1)


def prior_loss(*coefficients: torch.Tensor) -> torch.Tensor:
    """Statistical prior (our addition): 1/2 sum of squares of coefficients that are standard normal.

    Each (N, K), in standard deviations. Returns (N,), the negative log-likelihood without its constant.
    """
    return sum(0.5 * part.square().sum(1) for part in coefficients)
