"""From a checkpoint to what ships: small weights that know how they came about, and a model card for people.

The card's limits are written by hand once, in `LIMITS`; everything else comes from the run.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import timedelta
from pathlib import Path

import torch

from occlib import __version__
from occlib.files import whole_file
from occlib.networks import save_weights
from occlib.training import checkpoints

LIMITS = {
    "parser": """\
Trained on rendered faces only: no photo of a person is in the training data. Expects one upright face, cut
by `face_transform`. Weakest on hands and on things that look like skin; full beards and hard shadows may be
taken for occluders.""",
    "contours": """\
Trained on rendered faces only: no photo of a person is in the training data. Expects one upright face, cut
by `face_transform`. The contours in the hole are a guess: they may be another expression's or another
person's.""",
}
LIMITS["synthesis"] = LIMITS["joint"] = """\
Trained on rendered faces only: no photo of a person is in the training data. Expects one upright face, cut
by `face_transform`. What it paints is a guess that looks right, not the truth about a person: it proves
nothing about what a covered face looks like."""


def ship(folder: str | os.PathLike, weights: str | os.PathLike, *, int8: bool = False) -> dict:
    """Write the averaged networks of the run in `folder` to `weights` (safetensors), with a model card beside
    it, and return the header: configuration, data seed, steps, images, time, hardware, metrics, commit."""
    content = checkpoints.load(Path(folder))
    run = json.loads(content["run"])
    header = {
        "configuration": run,
        "data_seed": run["data"]["seed"],
        "steps": content["step"],
        "images": content["step"] * run["training"]["batch"],
        "seconds": round(content["seconds"]),
        "hardware": hardware(),
        "metrics": {name: round(value, 4) for name, value in content["metrics"].items()},
        "occlib": __version__,
        "commit": commit(),
    }
    state = content["averages"]
    networks = sorted({name.split(".", 1)[0] for name in state})
    if len(networks) == 1:  # no need to say which
        state = {name.split(".", 1)[1]: tensor for name, tensor in state.items()}
    weights = Path(weights)
    weights.parent.mkdir(parents=True, exist_ok=True)
    save_weights(weights, state, header, int8=int8)
    with whole_file(weights.with_suffix(".md")) as part:
        part.write_text(card(weights.stem, header, weights.stat().st_size))
    return header


def card(name: str, header: dict, size: int) -> str:
    """The model card, Markdown."""
    run = header["configuration"]
    source = run["data"]["source"]
    data = "rendered on the fly" if source is None else "rendered before by `occlib world`"
    took = timedelta(seconds=header["seconds"])
    metrics = "\n".join(f"| {metric} | {value:.3f} |" for metric, value in header["metrics"].items())
    command = f"occlib train {name} " + " ".join(_options(run))
    return f"""# {name}

| | |
|---|---|
| file | `{name}.safetensors`, {size / 2**20:.1f} MiB |
| data | the synthetic world, seed {header["data_seed"]}, {data}: {header["images"]:,} images seen |
| training | {header["steps"]:,} steps of {run["training"]["batch"]} images, {took} |
| hardware | {header["hardware"]} |
| made by | occlib {header["occlib"]}, commit {header["commit"]} |

## Metrics on the validation set ({run["training"]["validation_samples"]} samples, averaged weights)

| metric | value |
|---|---|
{metrics}

`occlib evaluate` prints those on the test split and on real photos.

## Limits

{LIMITS.get(name, "Not written yet.")}

## Train it again

    {command}
"""


def _options(run: dict) -> list[str]:
    """The command-line options of a run, every value named."""
    options = []
    for key, value in checkpoints._flat(run).items():
        if value is not None and key != "data.source" and key != "data.validation":
            words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
            options.append(f"--{key.replace('_', '-')} {words}")
    return options


def hardware() -> str:
    """The processor or GPU, in words."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"CPU ({platform.machine()}), {torch.get_num_threads()} threads"


def commit() -> str:
    """The commit of the clone that this library runs from, or "unknown"."""
    try:
        found = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
            capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
