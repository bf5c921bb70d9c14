"""What N_cont and D_1 learn from (section 3.2). Eq. 2 is `occlib.networks.adversarial_loss`.

min_{G_1} max_{D_1} L_G1 = min_{G_1} ( lambda_1 max_{D_1} L_1 + lambda_2 L_2 )        (Eq. 7)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

LAMBDA_1 = 1.0
"""Weight of Eq. 2 in Eq. 7."""
LAMBDA_2 = 11.5
"""Weight of Eq. 3 in Eq. 7."""


def feature_matching_loss(true: Sequence[torch.Tensor], made: Sequence[torch.Tensor]) -> torch.Tensor:
    """Eq. 3: L_2 = E[ sum_{i=1}^{K} 1/N_i || D_1^(i)(C_true) - D_1^(i)(C_syn) ||_1 ].

    true, made: the K activations (N, C_i, H_i, W_i) of D_1, its final convolution included;
    N_i = C_i H_i W_i. Returns the mean over the batch. The true ones are what is to be reached: no gradient
    flows to them.
    """
    return sum(F.l1_loss(m.float(), t.detach().float()) for t, m in zip(true, made, strict=True))


def line_loss(logits: torch.Tensor, contours: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Our addition: cross entropy of C_syn with C_true in the hole, contours as heavy as all that is none.

    logits, contours, mask: (N, 1, H, W). Says where each line is before the discriminator knows what lines
    are. A hole without contours, or no hole, has its own part only.
    """
    each = F.binary_cross_entropy_with_logits(logits.float(), contours, reduction="none")
    lines, rest = mask * contours, mask * (1 - contours)
    means = [(each * area).sum((1, 2, 3)) / area.sum((1, 2, 3)).clamp(min=1) for area in (lines, rest)]
    return (0.5 * sum(means)).mean()
