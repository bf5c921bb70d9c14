"""A stage of two players that trains in milliseconds, like a generator and its discriminator."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from occlib.training import Data, Run, Training


@dataclass(frozen=True)
class FakeSettings:
    width: int = 4
    poison: int = -1
    """The index of a sample whose loss is no number."""

    def build(self):
        return FakeStage(self)

    def example(self, samples, index, rng):
        noise = 0 if rng is None else rng.normal(0, 0.1, (8, 8, 3))
        image = samples[index].image[:8, :8] / 255 + noise
        image = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))
        return {"image": image, "index": torch.tensor(index)}


class FakeStage:
    name = "fake"
    players = ("judge", "maker")
    shipped = ("maker",)

    def __init__(self, settings):
        self.settings = settings
        maker = nn.Sequential(
            nn.Conv2d(3, settings.width, 3, padding=1), nn.Dropout(0.2), nn.Conv2d(settings.width, 3, 1)
        )
        self.networks = nn.ModuleDict({"maker": maker, "judge": nn.Conv2d(3, 1, 3)})

    def parameters(self, player):
        return [{"params": list(self.networks[player].parameters()), "factor": 1.0}]

    def losses(self, player, batch):
        made = self.networks["maker"](batch["image"])
        judged = self.networks["judge"](made).mean((1, 2, 3))
        if player == "judge":
            true = self.networks["judge"](batch["image"]).mean((1, 2, 3))
            return {
                "adversarial": (1 - true + self.networks["judge"](made.detach()).mean((1, 2, 3)))
                .relu()
                .mean()
            }
        error = (made - batch["image"]).square().mean((1, 2, 3))
        poison = torch.where(batch["index"] == self.settings.poison, float("nan"), 1.0)
        return {"pixels": (poison * error).mean(), "adversarial": -0.1 * judged.mean()}

    def validate(self, networks, batches):
        errors = [(networks["maker"](b["image"]) - b["image"]).abs().mean() for b in batches]
        return {"error": float(np.mean(errors))}

    def pictures(self, networks, batch):
        made = networks["maker"](batch["image"])[0].clamp(0, 1)
        return {"made": (255 * made).byte().permute(1, 2, 0).numpy()}


def fake_run(source, **changes):
    poison = changes.pop("poison", -1)
    small = {"steps": 12, "batch": 4, "warmup": 3, "rate": 0.01, "validation_samples": 4, "validate_every": 6}
    often = {"save_every": 3, "report_every": 2, "device": "cpu"}
    return Run(FakeSettings(poison=poison), Training(**small | often | changes), Data(source, source))
