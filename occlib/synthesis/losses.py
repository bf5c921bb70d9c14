"""What N_syn and D_2 learn from (section 3.2). Eq. 4 is `occlib.networks.adversarial_loss`.

min_{G_2} max_{D_2} L_G2 = lambda_3 max_{D_2} L_3 + lambda_4 L_4 + lambda_5 L_5        (Eq. 8)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F

LAMBDA_3 = 0.1
"""Weight of Eq. 4 in Eq. 8."""
LAMBDA_4 = 1.0
"""Weight of Eq. 5 in Eq. 8."""
LAMBDA_5 = 250.0
"""Weight of Eq. 6 in Eq. 8."""
Region = Literal["visible", "hole", "whole"]


def pixel_loss(made: torch.Tensor, true: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Eq. 5: L_4 = 1/S_m || I_1 - I_true ||_1, S_m the size of the mask: a small hole counts as much as a
    large one.

    made, true: (N, 3, H, W) RGB in [0, 1]; mask (N, 1, H, W), 1 = occluded. The norm sums over pixels and
    colours. Where a mask is empty S_m is the size of the image. Returns the mean over the batch.
    """
    size = mask.sum((1, 2, 3))
    size = torch.where(size > 0, size, mask[0].numel())
    return ((made.float() - true).abs().sum((1, 2, 3)) / size).mean()


def gram(features: torch.Tensor) -> torch.Tensor:
    """G(x) = phi(x)^T phi(x): (N, Q, H, W) -> (N, Q, Q), how much two feature maps are lit together,
    anywhere (Gatys et al. 2016)."""
    flat = features.float().flatten(2)
    return flat @ flat.mT


def style_loss(made: Sequence[torch.Tensor], true: Sequence[torch.Tensor]) -> torch.Tensor:
    """Eq. 6: L_5 = sum_n 1 / (Q_n Q_n) || (G_n(I_1 R) - G_n(I_true R)) / (Q_n H_n W_n) ||_1.

    made, true: the feature maps phi_n (N, Q_n, H_n, W_n) of I_1 R and I_true R, R a `region`; the paper's is
    the visible part, 1 - M. Returns the mean over the batch.
    """
    total = 0.0
    for m, t in zip(made, true, strict=True):
        total = total + F.l1_loss(gram(m), gram(t)) / t[0].numel()  # the mean divides by Q_n Q_n
    return total


def region(images: torch.Tensor, mask: torch.Tensor, which: Region) -> torch.Tensor:
    """The part of images (N, 3, H, W) that Eq. 6 compares, the rest black: what is visible, as the paper
    writes it, the hole, or the whole."""
    if which == "whole":
        return images
    return images * (mask if which == "hole" else 1 - mask)


def feature_distance(made: Sequence[torch.Tensor], true: Sequence[torch.Tensor]) -> torch.Tensor:
    """Our addition, as in EdgeConnect: sum_n mean |phi_n(I_1) - phi_n(I_true)| (perceptual loss, Johnson et
    al. 2016). made, true: as in `style_loss`, of whole images."""
    return sum(F.l1_loss(m.float(), t.float()) for m, t in zip(made, true, strict=True))
