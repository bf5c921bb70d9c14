"""A run as one file, whole or absent: networks, averages, optimisers, and how far it is. The rest follows
from the step."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from occlib.errors import TrainingError
from occlib.files import check_writable, remove_parts, whole_file
from occlib.networks import load_weights
from occlib.training.settings import FREE, Run
from occlib.training.stage import Stage

NAME = "checkpoint.pt"


@dataclass
class State:
    """What changes while a run runs. seconds: trained so far; metrics: of the last validation."""

    networks: nn.ModuleDict
    averages: nn.ModuleDict
    optimizers: dict
    scaler: torch.amp.GradScaler | None = None
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)


def save(state: State, run: Run, folder: Path, step: int) -> None:
    """Write the checkpoint after `step` steps in the place of the last one."""
    content = {
        "run": json.dumps(run.as_json()),
        "step": step,
        "networks": state.networks.state_dict(),
        "averages": state.averages.state_dict(),
        "optimizers": {player: optimizer.state_dict() for player, optimizer in state.optimizers.items()},
        "scaler": state.scaler.state_dict() if state.scaler else None,
        "seconds": state.seconds,
        "metrics": state.metrics,
    }
    with whole_file(folder / NAME) as part:
        torch.save(content, part)


def restore(state: State, run: Run, folder: Path) -> int:
    """Bring `state` to where the checkpoint in `folder` stands, and return its step; 0 when there is none.

    Raises TrainingError when it belongs to a run with other settings.
    """
    check_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder, {NAME})
    if not (folder / NAME).exists():
        return 0
    content = load(folder)
    old, new = flat(json.loads(content["run"])), flat(run.as_json())
    differing = sorted(
        key for key in {*old, *new} if old.get(key) != new.get(key) and key.split(".")[-1] not in FREE
    )
    if differing:
        changes = ", ".join(f"{key} {old.get(key)} instead of {new.get(key)}" for key in differing)
        raise TrainingError(f"{folder} holds another run ({changes}): choose a new folder")
    state.networks.load_state_dict(content["networks"])
    state.averages.load_state_dict(content["averages"])
    for player, optimizer in state.optimizers.items():
        optimizer.load_state_dict(content["optimizers"][player])
    if state.scaler:
        state.scaler.load_state_dict(content["scaler"])
    state.seconds, state.metrics = content["seconds"], content["metrics"]
    return content["step"]


def start_from(stage: Stage, weights: Path) -> None:
    """Give the networks that ship the weights that an earlier run shipped. Raises TrainingError when they have
    other layers."""
    values, _ = load_weights(weights)
    for name in stage.shipped:
        prefix = f"{name}." if len(stage.shipped) > 1 else ""  # see `shipping.ship`
        own = {key.removeprefix(prefix): one for key, one in values.items() if key.startswith(prefix)}
        try:
            stage.networks[name].load_state_dict(own)
        except RuntimeError as error:
            raise TrainingError(f"{weights} fits another network: {str(error).splitlines()[1].strip()}") from error


def load(folder: Path) -> dict:
    """The content of the checkpoint in `folder`. Nothing but tensors and plain values is unpickled."""
    try:
        return torch.load(folder / NAME, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{folder / NAME} is no checkpoint of a run ({error})") from error


def flat(value: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}"""
    values = {}
    for key, one in value.items():
        values |= flat(one, f"{prefix}{key}.") if isinstance(one, dict) else {f"{prefix}{key}": one}
    return values
