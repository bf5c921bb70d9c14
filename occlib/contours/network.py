"""N_cont and D_1 (section 3.2): from a face with a hole to the contours in it."""

from __future__ import annotations

import torch
from torch import nn

from occlib.guide import CHANNELS
from occlib.networks import ResidualGenerator

LIKELY = 2.0
"""Logit of a contour where the guide has one, and minus that of a contour where it has none."""
GREY = (0.299, 0.587, 0.114)


class ContourNetwork(nn.Module):
    """N_cont of Eq. 1: a residual generator whose numbers are the logits of contours.

    guide: whether it also sees the face model, see `occlib.guide`, whose contours it then corrects. The rest:
    see `ResidualGenerator`.
    """

    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 128, 256),
        blocks: int = 8,
        fold: int = 1,
        skips: bool = False,
        guide: bool = True,
    ):
        super().__init__()
        self.guided = guide
        self.generator = ResidualGenerator(3 + CHANNELS * guide, 1, widths, blocks, fold, skips)
        if guide:
            nn.init.zeros_(self.generator.leave.weight)  # the first contours are the guide's
            nn.init.zeros_(self.generator.leave.bias)

    def forward(
        self,
        photo: torch.Tensor,
        mask: torch.Tensor,
        contours: torch.Tensor,
        guide: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (N, 1, H, W) of C_syn; C_syn itself is their sigmoid, in [0, 1] (Eq. 1):

            C_syn = N_cont(I_gray (1 - M), M, C_true (1 - M))

        photo (N, 3, H, W) RGB in [0, 1], mask M (N, 1, H, W), 1 = occluded, contours (N, 1, H, W) in [0, 1]:
        what they hold in the hole is not seen. guide (N, 5, H, W), where the network was built with one.
        """
        seen = 1 - mask
        parts = [grey(photo) * seen, mask, contours * seen]
        if guide is None:
            return self.generator(torch.cat(parts, dim=1))
        likely = LIKELY * (2 * guide[:, -1:] - 1)
        return likely + self.generator(torch.cat([*parts, guide], dim=1))


def grey(photo: torch.Tensor) -> torch.Tensor:
    """I_gray (N, 1, H, W) of a photo (N, 3, H, W): BT.601's luma."""
    return (photo * photo.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
