"""Training N_syn against D_2: what the loop in `occlib.training` asks of this stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from occlib.data.holes import Incomplete, incomplete_face
from occlib.data.sample import SampleSet
from occlib.networks import GeneratorSettings, PatchDiscriminator, adversarial_loss, fooling_loss, frozen
from occlib.synthesis.features import read_features
from occlib.synthesis.losses import (
    LAMBDA_3,
    LAMBDA_4,
    LAMBDA_5,
    Region,
    feature_distance,
    pixel_loss,
    region,
    style_loss,
)
from occlib.synthesis.network import SynthesisNetwork, composed

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class SynthesisSettings(GeneratorSettings):
    """contours: False trains it without them, for comparison. compose: whether the losses see the made picture in
    the hole only, with the photo around it, or, as in the paper, all of it. adversarial, pixels, style: lambda_3,
    lambda_4 and lambda_5 of Eq. 8; perceptual: weight of our `feature_distance`. style_region: of Eq. 6. vgg: a
    file of VGG-19 for phi, by default EfficientNet-Lite0. faces: how examples are made. The rest: see
    `GeneratorSettings`."""

    contours: bool = True
    compose: bool = False
    adversarial: float = LAMBDA_3
    pixels: float = LAMBDA_4
    style: float = LAMBDA_5
    perceptual: float = 0.0
    style_region: Region = "visible"
    vgg: Path | None = None
    faces: Incomplete = field(default_factory=Incomplete)

    def build(self) -> SynthesisStage:
        return SynthesisStage(self)

    def example(self, samples: SampleSet, index: int, rng: np.random.Generator | None) -> Batch:
        """See `incomplete_face`."""
        return incomplete_face(samples, index, rng, self.faces, self.guide)


class SynthesisStage:
    """The generator moves first, guided by true contours; its discriminator then judges what it made."""

    name = "synthesis"
    players = ("synthesis", "judge")
    shipped = ("synthesis",)

    def __init__(self, settings: SynthesisSettings):
        self.settings = s = settings
        self.networks = nn.ModuleDict(
            {
                "synthesis": SynthesisNetwork(s.widths, s.blocks, s.fold, s.skips, s.guide, s.contours),
                "judge": PatchDiscriminator(4, s.judge_width),  # sees the picture and C_goal
            }
        )
        self.features = read_features(s.vgg)  # not among the networks: it neither learns nor ships

    def parameters(self, player: str) -> list[dict]:
        factor = self.settings.judge_rate if player == "judge" else 1.0
        return [{"params": list(self.networks[player].parameters()), "factor": factor}]

    def losses(self, player: str, batch: Batch) -> Batch:
        if player == "judge":
            if "made" not in batch:
                with torch.no_grad():
                    self.complete_batch(batch)
            return self.judge_losses(batch)
        made, goal = self.complete_batch(batch)
        return self.generator_losses(batch, made, goal)

    def complete_batch(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """I_1 (N, 3, H, W) and C_goal (N, 1, H, W), also kept in the batch without their gradients: the judge
        moves next."""
        goal = self.goal(self.networks, batch)
        made = self.made(self.networks, batch, goal)
        batch |= {"made": made.detach(), "goal": goal.detach()}
        return made, goal

    def goal(self, networks: nn.ModuleDict, batch: Batch) -> torch.Tensor:
        """C_goal (N, 1, H, W) with true contours, or nothing when the network is to do without."""
        return batch["contours"] if self.settings.contours else torch.zeros_like(batch["contours"])

    def made(self, networks: nn.ModuleDict, batch: Batch, goal: torch.Tensor) -> torch.Tensor:
        """I_1 (N, 3, H, W), which the losses see."""
        made = networks["synthesis"](batch["photo"], batch["mask"], goal, batch.get("guide"))
        return composed(batch["clean"], made, batch["mask"]) if self.settings.compose else made

    def generator_losses(self, batch: Batch, made: torch.Tensor, goal: torch.Tensor) -> Batch:
        """The generator's terms of Eq. 8, and ours, scalars; made: (N, 3, H, W), goal: (N, 1, H, W)."""
        s, judge, true, mask = self.settings, self.networks["judge"], batch["clean"], batch["mask"]
        with frozen(judge):
            judged = judge(torch.cat([made, goal], dim=1))[-1]
        features = self.features.to(made.device)
        whole = features(made)
        with torch.no_grad():
            target = features(true)
        if s.style_region == "whole":
            styles = whole, target
        else:
            styles = (features(region(x, mask, s.style_region)) for x in (made, true))
        return {
            "adversarial": s.adversarial * fooling_loss(judged),
            "pixels": s.pixels * pixel_loss(made, true, mask),
            "style": s.style * style_loss(*styles),
            "perceptual": s.perceptual * feature_distance(whole, target),
        }

    def judge_losses(self, batch: Batch) -> Batch:
        """Minus Eq. 4."""
        judge = self.networks["judge"]
        true, false = (
            judge(torch.cat([x, batch["goal"]], dim=1))[-1] for x in (batch["clean"], batch["made"])
        )
        return {"adversarial": -self.settings.adversarial * adversarial_loss(true, false)}

    def validate(self, networks: nn.ModuleDict, batches: Iterable[Batch]) -> dict[str, float]:
        """PSNR and mean absolute error in the hole, and the PSNR of the guide alone."""
        return hole_metrics((batch, self._complete(networks, batch)) for batch in batches)

    def pictures(self, networks: nn.ModuleDict, batch: Batch) -> dict[str, np.ndarray]:
        """Photos with their holes over guides, complete faces and the truth, (H, W, 3) uint8."""
        batch = {name: tensor[:6] for name, tensor in batch.items()}
        return {"photo, guide, complete face, truth": sheet(batch, self._complete(networks, batch))}

    def _complete(self, networks: nn.ModuleDict, batch: Batch) -> torch.Tensor:
        made = self.made(networks, batch, self.goal(networks, batch))
        return composed(batch["photo"], made.float().clamp(0, 1), batch["mask"])


def hole_metrics(batches: Iterable[tuple[Batch, torch.Tensor]]) -> dict[str, float]:
    """Means over the samples whose hole is not empty, of batches of `incomplete_face` and what completes
    them."""
    rows = []
    for batch, complete in batches:
        guide = batch["guide"][:, :3] if "guide" in batch else complete
        size = 3 * batch["mask"].sum((1, 2, 3)).clamp(min=1)

        def mean(error, mask=batch["mask"], size=size):
            return (error * mask).sum((1, 2, 3)) / size

        squares = [mean((x - batch["clean"]).square()).clamp(min=1e-10) for x in (complete, guide)]
        distance = mean((complete - batch["clean"]).abs())
        values = torch.stack([*(-10 * s.log10() for s in squares), distance], dim=1)
        rows.append(values[batch["mask"].amax((1, 2, 3)) > 0].cpu())
    psnr, guide, distance = torch.cat(rows).mean(0).tolist()
    return {"PSNR": psnr, "PSNR of the guide": guide, "L1": distance}


def sheet(batch: Batch, complete: torch.Tensor) -> np.ndarray:
    """Photos with grey holes, guides, complete faces and truths, one below the other: (H, W, 3) uint8."""
    rows = [composed(batch["photo"], torch.full_like(complete, 0.5), batch["mask"])]
    rows += [batch["guide"][:, :3]] if "guide" in batch else []
    stacked = torch.stack([*rows, complete, batch["clean"]])
    pixels = stacked.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    return (255 * pixels.clamp(0, 1)).byte().cpu().numpy()
