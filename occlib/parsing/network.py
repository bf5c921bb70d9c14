"""Ω_m (section 3.1): a U-Net from a photo to its parse map, and to where the face would be without the
occluder."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from occlib.data.sample import PARTS
from occlib.networks import LiteEncoder, PlainEncoder, convolution

VISIBLE = slice(1, 6)
"""The five facial parts among PARTS."""


class Up(nn.Module):
    """Twice the size: what is below, enlarged, plus the encoder's map of that size, then a 3x3
    convolution: (N, C, H, W) and (N, C', 2 H, 2 W) -> (N, channels, 2 H, 2 W)."""

    def __init__(self, channels_below: int, channels_beside: int, channels: int):
        super().__init__()
        self.below = nn.Conv2d(channels_below, channels, 1)
        self.beside = nn.Conv2d(channels_beside, channels, 1)
        self.mix = nn.Sequential(*convolution(channels, channels))

    def forward(self, below: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        enlarged = F.interpolate(
            self.below(below), size=beside.shape[-2:], mode="bilinear", align_corners=False
        )
        return self.mix(F.relu(enlarged + self.beside(beside)))


class ParserNetwork(nn.Module):
    """Photos (N, 3, H, W), RGB in [0, 1], of aligned faces -> logits (N, 8, H, W); H and W multiples of 32.

    The first seven are those of PARTS in the photo as it is. The last one is that of the *completed face
    region*: what would be one of the five parts if nothing covered it. See `probabilities`.

    encoder: "lite", EfficientNet-Lite0 trained on ImageNet, or "plain", a U-Net's from scratch with
    `channels`. widths: channels of the decoder at 1/16, 1/8, 1/4 and 1/2 of the size. The full size is made
    from 1/2 by a pixel shuffle (Shi et al. 2016): convolutions at full size would take half of the time.
    """

    def __init__(
        self,
        encoder: Literal["lite", "plain"] = "lite",
        channels: tuple[int, ...] = (64, 128, 256, 512, 512),
        widths: tuple[int, ...] = (96, 64, 48, 32),
    ):
        super().__init__()
        self.encoder = LiteEncoder() if encoder == "lite" else PlainEncoder(tuple(channels))
        beside = self.encoder.channels
        below = (beside[-1], *widths)
        self.ups = nn.ModuleList(map(Up, below[:-1], beside[-2::-1], widths))
        self.head = nn.Conv2d(widths[-1], 4 * (len(PARTS) + 1), 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        *beside, x = self.encoder(images)
        for up in self.ups:
            x = up(x, beside.pop())
        return F.pixel_shuffle(self.head(x), 2)


def probabilities(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """From logits (N, 8, H, W): parts (N, 7, H, W), region (N, 1, H, W) and face mask (N, 1, H, W), each in
    [0, 1].

    The mask is what is expected to be face and shows none of the five parts (section 3.1):

        mask = P(region) (1 - sum of P(part) over the five parts)
    """
    parts, region = logits[:, :-1].softmax(1), logits[:, -1:].sigmoid()
    return parts, region, region * (1 - parts[:, VISIBLE].sum(1, keepdim=True)).clamp(min=0)
