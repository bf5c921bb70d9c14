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
LINE_WEIGHT = 4.0
"""How much more a pixel of a contour counts in `line_loss`."""


def feature_matching_loss(true: Sequence[torch.Tensor], made: Sequence[torch.Tensor]) -> torch.Tensor:
    """Eq. 3: L_2 = E[ sum_{i=1}^{K} 1/N_i || D_1^(i)(C_true) - D_1^(i)(C_syn) ||_1 ].

    true, made: the K activations (N, C_i, H_i, W_i) of D_1, its final convolution included;
    N_i = C_i H_i W_i. Returns the mean over the batch. The true ones are what is to be reached: no gradient
    flows to them.
    """
    return sum(F.l1_loss(m.float(), t.detach().float()) for t, m in zip(true, made, strict=True))


def line_loss(logits: torch.Tensor, contours: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Our addition: cross entropy of C_syn with C_true in the hole, a contour's pixels LINE_WEIGHT times as heavy.

        1/S_m sum_hole -( w C_true log C_syn + (1 - C_true) log(1 - C_syn) ),   S_m the size of the hole

    logits, contours, mask: (N, 1, H, W). Says where each line is before the discriminator knows what lines are.
    Were lines as heavy as all that is none, the best guess would be a fog of lines wherever some could be. An
    empty hole counts nothing. Returns the mean over the batch.
    """
    weight = logits.new_tensor(LINE_WEIGHT)
    each = F.binary_cross_entropy_with_logits(logits.float(), contours, pos_weight=weight, reduction="none")
    return ((mask * each).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)).mean()
