"""What the parser learns from: every term is a mean over images, so that a batch can be split between
processes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from occlib.data.sample import OCCLUDER, PARTS
from occlib.parsing.network import VISIBLE, probabilities

CLASS_WEIGHTS = (1.0, 1.0, 3.0, 3.0, 1.0, 2.0, 1.5)
"""Brows, eyes and lips are small: by pixels alone they would hardly count."""
SMOOTH = 16.0
"""Pixels added to both sides of a Dice ratio: an empty mask predicted empty has no loss, and one pixel costs
little."""


def border_weights(labels: torch.Tensor, border: float, radius: int = 2) -> torch.Tensor:
    """(N, H, W): 1, and 1 + border within `radius` pixels of where the labels (N, H, W) change."""
    values = labels[:, None].float()
    side = 2 * radius + 1
    high = F.max_pool2d(values, side, 1, radius)
    low = -F.max_pool2d(-values, side, 1, radius)
    return 1 + border * (high != low)[:, 0].float()


def parse_loss(logits: torch.Tensor, labels: torch.Tensor, border: float) -> torch.Tensor:
    """Cross entropy of the parse logits (N, 7, H, W) with labels (N, H, W), heavier for small parts and at
    borders."""
    each = F.cross_entropy(logits, labels, logits.new_tensor(CLASS_WEIGHTS), reduction="none")
    return (each * border_weights(labels, border)).mean()


def dice_loss(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """1 - 2 |P T| / (|P| + |T|) of maps in [0, 1] (N, C, H, W), mean over images and channels (Milletari et
    al. 2016).

    An error counts relative to the size of the thing: a thin chain as much as a surgical mask.
    """
    overlap = (predicted * truth).sum((2, 3))
    total = predicted.sum((2, 3)) + truth.sum((2, 3))
    return (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean()


def parser_losses(
    logits: torch.Tensor, labels: torch.Tensor, region: torch.Tensor, border: float, weights: dict[str, float]
) -> dict[str, torch.Tensor]:
    """The weighted terms for logits (N, 8, H, W), labels (N, H, W) and the completed face region (N, 1, H, W)
    in {0, 1}.

    parse: cross entropy of the parse map; dice: of its small parts and the occluder; region: cross entropy of
    the region, heavier at its border as well; mask: Dice of the face mask, the thing that we are after.
    """
    logits = logits.float()
    parts, _, mask = probabilities(logits)
    truth = F.one_hot(labels, len(PARTS)).movedim(-1, 1).float()
    seen = truth[:, VISIBLE].sum(1, keepdim=True)
    small = [PARTS.index("brows"), PARTS.index("eyes"), PARTS.index("lips"), OCCLUDER]
    terms = {
        "parse": parse_loss(logits[:, :-1], labels, border),
        "dice": dice_loss(parts[:, small], truth[:, small]),
        "region": F.binary_cross_entropy_with_logits(
            logits[:, -1:], region, border_weights(region[:, 0], border)[:, None]
        ),
        "mask": dice_loss(mask, region * (1 - seen)),
    }
    return {name: weights[name] * term for name, term in terms.items()}
