"""What the loop asks of a stage: the parser, the contours, the synthesis, ... are each such a thing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
from torch import nn

from occlib.data.sample import SampleSet

Batch = dict[str, torch.Tensor]


class Stage(Protocol):
    """A set of networks that learn together.

    name: of the stage. networks: by name. players: those that have an optimiser each, in the order in which
    they move at every step; a generator and its discriminator are two. shipped: those that are averaged over
    time, validated and shipped; a discriminator is not.
    """

    name: str
    networks: nn.ModuleDict
    players: tuple[str, ...]
    shipped: tuple[str, ...]

    def parameters(self, player: str) -> list[dict]:
        """The player's parameter groups, each with `params` and `factor`, its share of the learning rate."""

    def losses(self, player: str, batch: Batch) -> dict[str, torch.Tensor]:
        """The weighted terms, scalars, whose sum the player makes smaller, each a mean over the images of the
        batch."""

    def validate(self, networks: nn.ModuleDict, batches: Iterable[Batch]) -> dict[str, float]:
        """Metrics of the shipped networks' averages on the validation set, called without gradients."""

    def pictures(self, networks: nn.ModuleDict, batch: Batch) -> dict[str, np.ndarray]:
        """Title -> (H, W, 3) uint8: what the networks make of some validation samples."""


class StageSettings(Protocol):
    """A frozen dataclass of plain values, from which the stage and its examples follow."""

    def build(self) -> Stage:
        """A new stage; initial weights come from torch's generator, which the loop has seeded."""

    def example(self, samples: SampleSet, index: int, rng: np.random.Generator | None) -> Batch:
        """What the networks learn from one sample, as tensors; runs in the loader's workers.

        All randomness comes from `rng`; None asks for the sample as it is, for validation.
        """
