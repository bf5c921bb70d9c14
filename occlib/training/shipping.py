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
from occlib.data.fits import read_fits
from occlib.data.shards import MANIFEST
from occlib.errors import TrainingError
from occlib.files import whole_file
from occlib.networks import load_weights, save_weights
from occlib.training import checkpoints

LIMITS = {
    "parser": """\
Trained on rendered faces only: no photo of a person is in the training data. Expects one upright face, cut
by `face_transform`. A fringe over the forehead counts as an occluder by definition. Weakest on clear glasses,
thin chains, hands and other things that look like skin. Full beards, deep wrinkles, make-up, glare and hard
shadows may be taken for occluders. Children, headscarves, veils, scars and most hair styles are not in the
training data: how often it errs on them nobody has measured. Confidence says how sure the network is, not
how right: of what it never saw it can be sure and wrong. Not for finding, or for uncovering, people who chose
to cover their faces.""",
    "contours": """\
Trained on rendered faces only: no photo of a person is in the training data. Expects one upright face, cut
by `face_transform`. The contours in the hole are a guess: they may be another expression's or another
person's.""",
}
LIMITS["synthesis"] = LIMITS["joint"] = """\
Trained on rendered faces only: no photo of a person is in the training data. Expects one upright face, cut
by `face_transform`. What it paints is a guess that looks right, not the truth about a person: it proves
nothing about what a covered face looks like. Under the occluder it paints no glasses, beards, scars, jewellery
or make-up, and the expression is made up. Faces unlike those of the synthetic world (children, the very old,
faces that differ by birth, illness or injury) become more like them. Not for identifying people, for evidence,
or for showing people uncovered who did not agree."""


PATHS = (
    "data.source", "data.validation", "training.start", "stage.contours_run", "stage.synthesis_run", "stage.vgg",
    "stage.synthesis.vgg", "stage.faces.fits", "stage.synthesis.faces.fits",
)  # fmt: skip
"""Values of a configuration that name files or folders."""


def ship(folder: str | os.PathLike, weights: str | os.PathLike, *, int8: bool = False) -> dict:
    """Write the averaged networks of the run in `folder` to `weights` (safetensors), with a model card beside
    it, and return the header: configuration, data, steps, images, time, hardware, metrics, commit.

    Of folders and files the configuration keeps the names only: where they lay is nobody's business. data: what
    `occlib world` filled them with, or what it rendered on the fly. before: the headers of the weights that the run
    went on from, those of one network or, in the joint phase, of two.
    """
    content = checkpoints.load(Path(folder))
    run = json.loads(content["run"])
    source = run["data"]["source"]
    data = {"seed": run["data"]["seed"], "size": run["data"]["size"], "split": "train"}
    if source and (Path(source) / MANIFEST).exists():
        data |= json.loads((Path(source) / MANIFEST).read_text())
    before = _before(run)
    fits = _fits(run)
    for path in PATHS:
        *parts, last = path.split(".")
        values = run
        for part in parts:
            values = values.get(part) or {}
        if values.get(last):
            values[last] = Path(values[last]).name
    header = {
        "configuration": run,
        "data": data,
        "before": before,
        "fits": len(read_fits(Path(fits))) if fits else None,
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


def _before(run: dict) -> list[dict]:
    """The headers of the weights that a run started from; a run's folder holds them when it has ended."""
    files = [run["training"].get("start")]
    folders = {name: run["stage"].get(f"{name}_run") for name in ("contours", "synthesis")}
    if folders["contours"] and folders["contours"] == folders["synthesis"]:
        files.append(Path(folders["contours"]) / "joint.safetensors")
    else:
        files += [folder and Path(folder) / f"{name}.safetensors" for name, folder in folders.items()]
    return [load_weights(file)[1] for file in files if file]


def _fits(run: dict) -> str | None:
    """The file of fits that a run's examples came from."""
    stage = run["stage"]
    return stage.get("synthesis", stage).get("faces", {}).get("fits")


def card(name: str, header: dict, size: int, evaluation: str = "") -> str:
    """The model card, Markdown. evaluation: what `occlib evaluate` printed, if it has been run."""
    run, data = header["configuration"], header["data"]
    runs = history(name, header)
    images, seconds = (sum(stage[key] for _, stage in runs) for key in ("images", "seconds"))
    took, speed = timedelta(seconds=seconds), images / max(seconds, 1)
    alone = all(which == name for which, _ in runs)
    steps = ", then ".join(_steps(stage) if alone else f"{which} {_steps(stage)}" for which, stage in runs)
    source = run["data"]["source"]
    world = f"the synthetic world, seed {data['seed']}, {data['size']} pixels"
    made = f"{data.get('count', '?')} samples of the split {data['split']}, rendered before"
    made = made if source else "rendered on the fly"
    metrics = "\n".join(f"| {metric} | {value:.3f} |" for metric, value in header["metrics"].items())
    again = "\n".join(f"    {command}" for command in _commands(name, runs))
    if evaluation:
        lines = "\n".join(f"    {line}".rstrip() for line in evaluation.splitlines())
        evaluation = f"\n## On the test split and on real photos (`occlib evaluate`)\n\n{lines}\n"
    return f"""# {name}

| | |
|---|---|
| file | `{name}.safetensors`, {size / 2**20:.1f} MiB |
| data | {world}; {made} |
| training | {steps} images a step: {images:,} images in {took}, {speed:.1f} images/s |
| hardware | {header["hardware"]} |
| made by | occlib {header["occlib"]}, commit {header["commit"]} |

## On the validation set, as training ended ({run["training"]["validation_samples"]} samples, averaged weights)

| metric | value |
|---|---|
{metrics}
{evaluation}
## Limits

{LIMITS.get(name, "Not written yet.")}

## Train it again

{again}

The configuration with all its values is in the header of the weights file.
"""


def _commands(name: str, runs: list[tuple[str, dict]]) -> list[str]:
    """What makes these weights again, data first."""
    commands, sets = [], {}
    for number, (which, stage) in enumerate(runs, 1):
        run, data = stage["configuration"], stage["data"]
        source = run["data"]["source"]
        if source and sets.get(source) != data:
            options = [f"--{key} {data[key]}" for key in ("count", "seed", "size", "split") if key in data]
            commands += [f"rm -r {source}"] if source in sets else []
            commands += [" ".join(["occlib world", *options, "--shards", f"--out {source}"])]
            sets[source] = data
        if _fits(run) and _fits(run) not in sets:
            commands += [f"occlib fits {source} --count {stage['fits']} --out {_fits(run)}"]
            sets[_fits(run)] = data
        if number == len(runs):
            break
        following = runs[number][1]["configuration"]
        start, folder = following["training"].get("start"), which
        if which == name:
            folder = number if start else following["stage"]["contours_run"]
        commands += [f"occlib train {which} {' '.join(_options(run))} --out {folder}"]
        if which == name and start:
            commands += [f"cp {folder}/{name}.safetensors {start}"]
    return [*commands, f"occlib train {name} --config {name}.safetensors --out DIR"]


def history(name: str, header: dict) -> list[tuple[str, dict]]:
    """The runs that led to these weights, each its stage and header, the first one first."""
    earlier = header.get("before", [])
    names = [name] if len(earlier) == 1 else ("contours", "synthesis")
    runs = [run for which, one in zip(names, earlier, strict=False) for run in history(which, one)]
    return [*runs, (name, header)]


def _steps(header: dict) -> str:
    """How many steps of how many images, and how many there should have been."""
    training = header["configuration"]["training"]
    planned = training.get("steps", header["steps"])
    stopped = f" (stopped, {planned:,} were planned)" if planned != header["steps"] else ""
    return f"{header['steps']:,} of {training['batch']}{stopped}"


def stored_options(weights: str | os.PathLike) -> list[str]:
    """The options of `occlib train` that repeat the run which made these weights, every value named."""
    _, header = load_weights(weights)
    if "configuration" not in header:
        raise TrainingError(f"{weights} doesn't say how it was trained")
    return _options(header["configuration"])


def _options(run: dict) -> list[str]:
    options = []
    for key, value in checkpoints.flat(run).items():
        parts = key.replace("_", "-").split(".")
        if value is False:  # a switch is named, --a.no-b, and takes no value
            parts[-1] = f"no-{parts[-1]}"
        if value is not None:
            values = [] if isinstance(value, bool) else value if isinstance(value, list) else [value]
            options += [f"--{'.'.join(parts)}", *map(str, values)]
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
