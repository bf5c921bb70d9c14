"""The third phase of section 3.2's networks: N_cont draws the contours by which N_syn completes the face.

Until now N_syn has only seen true contours. Here it meets what N_cont makes of them, and its losses reach
N_cont through C_goal, as in EdgeConnect's last phase. The two stages know nothing of one another: they meet
here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from occlib.contours.losses import line_loss
from occlib.contours.network import ContourNetwork
from occlib.contours.stage import ContoursSettings, drawn
from occlib.data.sample import SampleSet
from occlib.errors import TrainingError
from occlib.networks import tensors_of
from occlib.synthesis.network import goal_contours
from occlib.synthesis.stage import Batch, SynthesisSettings, SynthesisStage
from occlib.training import checkpoints


@dataclass(frozen=True)
class JointSettings:
    """contours, synthesis: the two stages as they were trained. contours_run, synthesis_run: the folders of
    those runs; without them the networks start anew. contours_rate: N_cont's learning rate, as a share.
    lines: weight of the term that holds N_cont to true contours."""

    contours: ContoursSettings = field(default_factory=ContoursSettings)
    synthesis: SynthesisSettings = field(default_factory=SynthesisSettings)
    contours_run: Path | None = None
    synthesis_run: Path | None = None
    contours_rate: float = 0.1
    lines: float = 1.0

    def build(self) -> JointStage:
        return JointStage(self)

    def example(self, samples: SampleSet, index: int, rng: np.random.Generator | None) -> Batch:
        return self.synthesis.example(samples, index, rng)


class JointStage(SynthesisStage):
    """The synthesis stage with contours that N_cont draws; both generators are one player."""

    name = "joint"
    players = ("generators", "judge")
    shipped = ("contours", "synthesis")

    def __init__(self, settings: JointSettings):
        super().__init__(settings.synthesis)
        self.joint, s = settings, settings.contours
        self.networks["contours"] = ContourNetwork(s.widths, s.blocks, s.fold, s.skips, s.guide)
        if settings.contours_run:
            self._start("contours", settings.contours_run, "averages")
        if settings.synthesis_run:
            self._start("synthesis", settings.synthesis_run, "averages")
            self._start("judge", settings.synthesis_run, "networks")

    def _start(self, name: str, folder: Path, kind: str) -> None:
        """Take the weights of a network from the checkpoint of a run."""
        try:
            self.networks[name].load_state_dict(tensors_of(checkpoints.load(folder)[kind], name))
        except RuntimeError as error:
            raise TrainingError(
                f"{folder} holds a network of other sizes: give the settings of that run"
            ) from error

    def parameters(self, player: str) -> list[dict]:
        if player == "judge":
            return super().parameters(player)
        factors = {"contours": self.joint.contours_rate, "synthesis": 1.0}
        return [
            {"params": list(self.networks[name].parameters()), "factor": factor}
            for name, factor in factors.items()
        ]

    def goal(self, networks: nn.ModuleDict, batch: Batch) -> torch.Tensor:
        """C_goal (N, 1, H, W) with the contours that N_cont draws."""
        made = drawn(networks["contours"], batch).sigmoid()
        return goal_contours(batch["contours"], made, batch["mask"])

    def generator_losses(self, batch: Batch, made: torch.Tensor, goal: torch.Tensor) -> Batch:
        terms = super().generator_losses(batch, made, goal)
        logits = torch.logit(goal.float(), eps=1e-4)
        lines = self.joint.lines * line_loss(logits, batch["contours"], batch["mask"])
        return {**terms, "lines": lines}
