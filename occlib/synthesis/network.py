"""N_syn (section 3.2): from the visible part of a face and all of its contours to the complete face."""

from __future__ import annotations

import torch
from torch import nn

from occlib.guide import CHANNELS
from occlib.networks import ResidualGenerator


class SynthesisNetwork(nn.Module):
    """I_1 = N_syn(I_true (1 - M), C_goal) by a residual generator.

    guide: whether it also sees the mask and the face model, see `occlib.guide`; it then starts from the
    guide's picture and adds to it. contours: whether it sees them; without is for comparison. The rest: see
    `ResidualGenerator`.
    """

    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 128, 256),
        blocks: int = 8,
        fold: int = 1,
        skips: bool = False,
        guide: bool = True,
        contours: bool = True,
    ):
        super().__init__()
        self.guided, self.contoured = guide, contours
        self.generator = ResidualGenerator(4 + (1 + CHANNELS) * guide, 3, widths, blocks, fold, skips)
        if guide:
            nn.init.zeros_(self.generator.leave.weight)  # the first complete face is the guide's
            nn.init.zeros_(self.generator.leave.bias)

    def forward(
        self,
        photo: torch.Tensor,
        mask: torch.Tensor,
        contours: torch.Tensor,
        guide: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """I_1 (N, 3, H, W) in (-1, 2), near [0, 1] when trained; with tanh as EdgeConnect has it.

        photo (N, 3, H, W) RGB in [0, 1]: what it holds in the hole is not seen. mask M (N, 1, H, W), 1 =
        occluded. contours: C_goal (N, 1, H, W) in [0, 1]. guide (N, 5, H, W), where the network was built
        with one.
        """
        parts = [photo * (1 - mask), contours * self.contoured]
        if guide is None:
            return 0.5 + 0.5 * torch.tanh(self.generator(torch.cat(parts, dim=1)))
        return guide[:, :3] + torch.tanh(self.generator(torch.cat([*parts, mask, guide], dim=1)))


def goal_contours(true: torch.Tensor, made: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """C_goal = C_true (1 - M) + C_syn M, each (N, 1, H, W)."""
    return true * (1 - mask) + made * mask


def composed(photo: torch.Tensor, made: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The photo where it is visible, and what was made in the hole: (N, 3, H, W)."""
    return photo * (1 - mask) + made * mask
