"""Training Ω_m: what the loop in `occlib.training` asks of this stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import nn

from occlib.data.sample import OCCLUDER, PART_COLORS, PARTS, Sample, SampleSet
from occlib.errors import DataError
from occlib.networks import LiteEncoder
from occlib.parsing.augmentation import Augmentation, Layers, augmented, layers
from occlib.parsing.losses import parser_losses
from occlib.parsing.network import VISIBLE, ParserNetwork, probabilities


@dataclass(frozen=True)
class ParserSettings:
    """encoder: pretrained ("lite") or from scratch ("plain"). channels: of the plain encoder. widths: of the
    decoder. frozen: blocks of the pretrained encoder that stay as they are; encoder_rate: the others'
    learning rate, as a share. crop: pixels a side in training. border: how much heavier pixels at borders
    are. parse, dice, region, mask: weights of the loss terms."""

    encoder: Literal["lite", "plain"] = "lite"
    channels: tuple[int, ...] = (64, 128, 256, 512, 512)
    widths: tuple[int, ...] = (96, 64, 48, 32)
    frozen: int = 3
    encoder_rate: float = 0.3
    crop: int = 192
    border: float = 2.0
    parse: float = 1.0
    dice: float = 0.5
    region: float = 1.0
    mask: float = 1.0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def build(self) -> ParserStage:
        return ParserStage(self)

    def example(
        self, samples: SampleSet, index: int, rng: np.random.Generator | None
    ) -> dict[str, torch.Tensor]:
        """image (3, S, S), labels (S, S) and region (1, S, S) of one sample; as it is when there is no
        `rng`."""
        sample, how = _known(samples[index]), self.augmentation
        if rng is None:
            return _tensors(layers(sample))
        other = samples[int(rng.integers(len(samples)))] if rng.random() < max(how.swap, how.paste) else None
        return _tensors(augmented(sample, other and _known(other), rng, how, self.crop))


class ParserStage:
    """One network, one player."""

    name = "parser"
    players = ("parser",)
    shipped = ("parser",)

    def __init__(self, settings: ParserSettings):
        self.settings = settings
        network = ParserNetwork(settings.encoder, settings.channels, settings.widths)
        if settings.encoder == "lite":
            network.encoder = LiteEncoder.pretrained()
            network.encoder.freeze(settings.frozen)
        # Fast convolutions on CPUs and on tensor cores want the channels last.
        self.networks = nn.ModuleDict({"parser": network.to(memory_format=torch.channels_last)})

    def parameters(self, player: str) -> list[dict]:
        """Groups for the optimiser; `factor` scales the learning rate."""
        network = self.networks[player]
        encoder = {id(p) for p in network.encoder.parameters()}
        trained = [p for p in network.parameters() if p.requires_grad]
        slow = self.settings.encoder_rate if self.settings.encoder == "lite" else 1.0
        return [
            {"params": [p for p in trained if id(p) in encoder], "factor": slow},
            {"params": [p for p in trained if id(p) not in encoder], "factor": 1.0},
        ]

    def losses(self, player: str, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        s = self.settings
        weights = {"parse": s.parse, "dice": s.dice, "region": s.region, "mask": s.mask}
        logits = self.networks[player](batch["image"].contiguous(memory_format=torch.channels_last))
        return parser_losses(logits, batch["labels"], batch["region"], s.border, weights)

    def validate(self, networks: nn.ModuleDict, batches) -> dict[str, float]:
        """IoU of the face mask and of the region, F1 of every part: over all pixels of the validation set."""
        counts = torch.zeros(2 + len(PARTS), 3)
        for batch in batches:
            counts += confusion(networks["parser"](batch["image"]), batch["labels"], batch["region"]).cpu()
        both, found, true = counts.T
        iou, f1 = both / (found + true - both).clamp(min=1), 2 * both / (found + true).clamp(min=1)
        parts = {f"F1 {name}": f1[2 + number].item() for number, name in enumerate(PARTS) if number}
        mean = f1[2:][VISIBLE].mean().item()
        return {"mask IoU": iou[0].item(), "region IoU": iou[1].item(), "F1 five parts": mean, **parts}

    def pictures(self, networks: nn.ModuleDict, batch: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        """Photos over their parse maps over their masks, (H, W, 3) uint8."""
        images = batch["image"][:6]
        parts, _, mask = probabilities(networks["parser"](images).float())
        colors = torch.tensor(PART_COLORS, device=images.device, dtype=torch.float32) / 255
        maps = colors[parts.argmax(1)].permute(0, 3, 1, 2)
        rows = torch.stack([images, maps, mask.expand_as(images)])  # (3, N, 3, S, S)
        sheet = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
        return {"photo, parse map, face mask": (255 * sheet.clamp(0, 1)).byte().cpu().numpy()}


def confusion(logits: torch.Tensor, labels: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
    """(9, 3) pixels that are (both found and true, found, true): of the face mask, the region, and each of
    PARTS.

    Background and occluder are counted everywhere, the face mask in the region only, which it lies in by
    definition.
    """
    parts, found_region, mask = probabilities(logits.float())
    names, region = parts.argmax(1), region[:, 0] > 0.5
    pairs = [(mask[:, 0] > 0.5, region & (labels == OCCLUDER)), (found_region[:, 0] > 0.5, region)]
    pairs += [(names == number, labels == number) for number in range(len(PARTS))]
    return torch.stack([torch.stack([(a & b).sum(), a.sum(), b.sum()]) for a, b in pairs]).float()


def _known(sample: Sample) -> Sample:
    if sample.parsing is None or sample.parts is None or sample.mask is None:
        raise DataError(
            "the parser learns from samples with parsing, parts and mask: those of `occlib world`"
        )
    return sample


def _tensors(things: Layers) -> dict[str, torch.Tensor]:
    return {
        "image": torch.from_numpy(np.ascontiguousarray(things.image.transpose(2, 0, 1), np.float32)),
        "labels": torch.from_numpy(things.labels.astype(np.int64)),
        "region": torch.from_numpy(things.region[None].astype(np.float32)),
    }
