"""Training N_cont against D_1: what the loop in `occlib.training` asks of this stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from occlib.contours.losses import LAMBDA_1, LAMBDA_2, feature_matching_loss, line_loss
from occlib.contours.network import ContourNetwork, grey
from occlib.data.holes import Incomplete, incomplete_face
from occlib.data.sample import SampleSet
from occlib.networks import GeneratorSettings, PatchDiscriminator, adversarial_loss, fooling_loss, frozen

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class ContoursSettings(GeneratorSettings):
    """adversarial, features: lambda_1 and lambda_2 of Eq. 7; lines: weight of our `line_loss`. faces: how examples
    are made. The rest: see `GeneratorSettings`."""

    adversarial: float = LAMBDA_1
    features: float = LAMBDA_2
    lines: float = 0.0
    faces: Incomplete = field(default_factory=Incomplete)

    def build(self) -> ContoursStage:
        return ContoursStage(self)

    def example(self, samples: SampleSet, index: int, rng: np.random.Generator | None) -> Batch:
        """See `incomplete_face`."""
        return incomplete_face(samples, index, rng, self.faces, self.guide)


class ContoursStage:
    """The generator moves first; its discriminator then judges what it made of the same batch."""

    name = "contours"
    players = ("contours", "judge")
    shipped = ("contours",)

    def __init__(self, settings: ContoursSettings):
        self.settings = s = settings
        self.networks = nn.ModuleDict(
            {
                "contours": ContourNetwork(s.widths, s.blocks, s.fold, s.skips, s.guide),
                "judge": PatchDiscriminator(2, s.judge_width),  # sees contours and I_gray
            }
        )

    def parameters(self, player: str) -> list[dict]:
        factor = self.settings.judge_rate if player == "judge" else 1.0
        return [{"params": list(self.networks[player].parameters()), "factor": factor}]

    def losses(self, player: str, batch: Batch) -> Batch:
        """Eq. 7, the generator's part or the discriminator's."""
        s, judge = self.settings, self.networks["judge"]
        shade = grey(batch["clean"])
        true = torch.cat([batch["contours"], shade], dim=1)
        if player == "judge":
            made = batch["made"] if "made" in batch else drawn(self.networks["contours"], batch).detach()
            made = torch.cat([made.sigmoid(), shade], dim=1)
            return {"adversarial": -s.adversarial * adversarial_loss(judge(true)[-1], judge(made)[-1])}
        logits = drawn(self.networks["contours"], batch)
        batch["made"] = logits.detach()  # the judge moves next, on the same batch
        with frozen(judge):
            made = judge(torch.cat([logits.sigmoid(), shade], dim=1))
            with torch.no_grad():
                true = judge(true)
        return {
            "adversarial": s.adversarial * fooling_loss(made[-1]),
            "features": s.features * feature_matching_loss(true, made),
            "lines": s.lines * line_loss(logits, batch["contours"], batch["mask"]),
        }

    def validate(self, networks: nn.ModuleDict, batches: Iterable[Batch]) -> dict[str, float]:
        """Precision, recall and F1 of contours in the hole, a pixel more or less."""
        counts = torch.zeros(4)
        for batch in batches:
            made = drawn(networks["contours"], batch) > 0
            counts += matches(made.float(), batch["contours"], batch["mask"]).cpu()
        right, made, found, true = counts.tolist()
        precision, recall = right / max(made, 1), found / max(true, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-6)
        return {"precision": precision, "recall": recall, "F1": f1}

    def pictures(self, networks: nn.ModuleDict, batch: Batch) -> dict[str, np.ndarray]:
        """Photos with their holes over contours drawn over true contours, (H, W, 3) uint8."""
        batch = {name: tensor[:6] for name, tensor in batch.items()}
        made = drawn(networks["contours"], batch).float().sigmoid()
        goal = batch["contours"] * (1 - batch["mask"]) + made * batch["mask"]
        rows = torch.stack([x.expand(-1, 3, -1, -1) for x in (shown(batch), goal, batch["contours"])])
        sheet = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
        return {"photo, contours drawn, true contours": (255 * sheet.clamp(0, 1)).byte().cpu().numpy()}


def drawn(network: ContourNetwork, batch: Batch) -> torch.Tensor:
    """Logits (N, 1, H, W) of C_syn for a batch of `incomplete_face`."""
    return network(batch["photo"], batch["mask"], batch["contours"], batch.get("guide"))


def shown(batch: Batch) -> torch.Tensor:
    """The photos (N, 3, H, W) with grey in their holes."""
    return batch["photo"] * (1 - batch["mask"]) + 0.5 * batch["mask"]


def matches(made: torch.Tensor, true: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(4,): pixels of made contours that lie within one pixel of true ones, made, the same of true near made,
    and true, in the hole; all arguments (N, 1, H, W) in {0, 1}."""

    def near(lines: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(lines, 3, 1, 1)

    made_inside, true_inside = made * mask, true * mask
    pairs = (made_inside * near(true), made_inside, true_inside * near(made), true_inside)
    return torch.stack([x.sum() for x in pairs])
