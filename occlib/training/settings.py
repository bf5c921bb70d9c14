"""Everything a run depends on. Stored with the weights: the same values train the same weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Data:
    """Where samples come from.

    source: None renders the world on the fly; else a folder that `occlib world` filled, with shards or
    without, or a folder of photos, on which the world's occluders are laid. validation: the same for the
    validation set, by default the world's validation split. seed, size: of the world, or of the occluders on
    photos.
    """

    source: Path | None = None
    validation: Path | None = None
    seed: int = 0
    size: int = 256


@dataclass(frozen=True)
class Training:
    """How the loop runs.

    start: weights of an earlier run from which the networks that ship go on, with a new optimiser. steps, batch: how many steps of how many images, over all processes. rate: AdamW's learning rate, reached
    after `warmup` steps and brought to nothing along a cosine. betas, weight_decay: AdamW's. clip: largest
    norm of a player's gradient. ema: how much of the weights' running average stays at each step. seed: of
    initial weights, data order and augmentation. precision: "bf16" and "fp16" compute the forward pass in 16
    bits. validate_every, validation_samples: when and on how many samples. Without influence on the result:
    device; workers, processes that prepare samples; save_every, steps between checkpoints; report_every.
    """

    start: Path | None = None
    steps: int = 10_000
    batch: int = 16
    rate: float = 2e-3
    warmup: int = 200
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.998
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    validation_samples: int = 200
    validate_every: int = 500
    device: Literal["cpu", "auto"] = "auto"
    workers: int = 0
    save_every: int = 200
    report_every: int = 20


FREE = ("device", "workers", "save_every", "report_every")
"""What may change when a run goes on."""


@dataclass(frozen=True)
class Run:
    """A stage, how it is trained and on what."""

    stage: Any
    training: Training = field(default_factory=Training)
    data: Data = field(default_factory=Data)

    def as_json(self) -> dict:
        """Plain values, as JSON has them."""
        return _plain(asdict(self))


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
