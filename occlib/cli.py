"""The command line: occlib reconstruct | world | fits | train | evaluate | bench | doctor.

Results go to standard output, messages to standard error. Each command imports what it needs when it runs, so
that `occlib --help` answers at once.
"""

import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg

from occlib.errors import OcclibError


def reconstruct(
    photos: Annotated[Positional[tuple[Path, ...]], arg(metavar="PHOTO...", help_behavior_hint="")],
    out: Annotated[Path, arg(metavar="DIR")],
    mask: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None,
    networks: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None,
    device: Literal["cpu", "cuda"] = "cpu",
    json_lines: Annotated[FlagCreatePairsOff[bool], arg(name="json")] = False,
) -> int:
    """Turn photos of faces, partly covered or not, into 3D faces.

    One photo fills the folder DIR; each of several gets a folder of its own in DIR, named after it. The exit
    code is 0 only when every photo got a mesh.

    Args:
        photos: Pictures to read.
        out: Folder for mesh.obj, mesh.ply, mesh.glb, stages.jpg and result.json; made when missing.
        mask: Picture of the photo's size, non-zero where something covers the face. Goes with one photo.
        networks: Weights that `occlib train joint` or `train synthesis` wrote, to complete the face with in the
            place of those that ship; such as ones trained without a guide, as in the paper.
        device: Where to compute.
        json_lines: Print one JSON object a photo.
    """
    from occlib.files import check_writable

    if not photos:
        raise OcclibError("no photo given: occlib reconstruct PHOTO... --out DIR")
    if mask is not None and len(photos) > 1:
        raise OcclibError(f"--mask goes with one photo, but there are {len(photos)}")
    check_writable(out)
    _check_device(device)
    options = {"device": device}
    if networks is not None:
        from occlib.pipeline import completed_by

        options["complete"] = completed_by(networks)
    folders = [out] if len(photos) == 1 else [out / name for name in _distinct_names(photos)]
    all_ok = True
    for photo, folder in zip(photos, folders, strict=True):
        report = _reconstruct_one(photo, mask, folder, options)
        all_ok &= report["ok"]
        if json_lines:
            print(json.dumps(report), flush=True)
        elif report["ok"]:
            seen = f"{report['vertices']} vertices, {report['seconds']:.1f} s"
            print(f"{photo} -> {folder / 'mesh.obj'} ({seen})", flush=True)
    return 0 if all_ok else 1


def world(
    count: int,
    out: Annotated[Path, arg(metavar="DIR")],
    seed: int = 0,
    size: int = 256,
    split: Literal["train", "validation", "test"] = "train",
    shards: FlagCreatePairsOff[bool] = False,
    slice_: Annotated[str, arg(name="slice", metavar="I/N", help_behavior_hint="")] = "1/1",
    workers: Annotated[int | None, arg(help_behavior_hint="(default: one a core)")] = None,
) -> int:
    """Render occluded faces with their truth, a folder each or in WebDataset shards.

    Started again after whatever stopped it, it makes what is missing: the result is the same.

    Args:
        count: How many samples.
        out: Folder to write to; made when missing.
        seed: The same seed makes the same samples on every machine.
        size: Pixels a side.
        split: Splits share no face; some occluders and hair styles are in test only.
        shards: Write tar files of 256 samples.
        slice_: Make only the I-th of N parts of the set, which N machines do at once; they may share DIR.
        workers: Processes to render with.
    """
    from tqdm import tqdm

    from occlib import __version__
    from occlib.data import World, write_samples

    if count < 1 or size < 1 or (workers is not None and workers < 0):
        raise OcclibError("--count and --size must be 1 or more, and --workers 0 or more")
    recipe = {"occlib": __version__, "seed": seed, "size": size, "split": split}
    part, workers = _part(slice_), os.cpu_count() if workers is None else workers
    made = write_samples(
        World(seed, size=size, split=split), out, count, recipe, shards=shards, part=part, workers=workers,
        progress=partial(tqdm, desc=out.name, unit=" samples", disable=None),
    )  # fmt: skip
    print(f"{out}: {made} samples made")
    return 0


def fits(
    samples: Annotated[Positional[Path], arg(metavar="DIR", help_behavior_hint="")],
    count: int = 2000,
    out: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="(default: DIR/fits.npz)")] = None,
    seed: int = 0,
    workers: Annotated[int | None, arg(help_behavior_hint="(default: one a core)")] = None,
) -> int:
    """Fit the face model to what is visible of samples with a hole, so that training meets a fit's real errors.

    The file goes to `occlib train synthesis --stage.faces.fits FILE` and the like, with the same samples. A fit
    takes about a second; started again after whatever stopped it, this goes on.

    Args:
        samples: Folder that `occlib world` wrote.
        count: How many samples, the first of them.
        out: File to write.
        seed: The same seed draws the same holes.
        workers: Processes to fit with.
    """
    from tqdm import tqdm

    from occlib.data.fits import write_fits
    from occlib.data.holes import FittedHoles, Incomplete
    from occlib.files import check_writable
    from occlib.training.data import open_samples
    from occlib.training.settings import Data

    out = samples / "fits.npz" if out is None else out
    check_writable(out.parent)
    fitted = FittedHoles(open_samples(Data(source=samples), "train"), count, Incomplete(), seed)
    workers = os.cpu_count() if workers is None else workers
    made = write_fits(fitted, out, workers, partial(tqdm, desc=out.name, unit=" fits", disable=None))
    print(f"{out}: {made} fits made")
    return 0


def train() -> int:
    """Train the networks of a stage; killed and started again, it goes on."""
    raise AssertionError("`_train_command` takes its place: its options depend on the stage and the preset")


def _train_command(arguments: list[str]):
    """`train` with every value of a run as an option; what decides the defaults is read first."""
    from occlib.training import PRESETS, Data, Run, Training, ship
    from occlib.training import train as run_training
    from occlib.training.recording import Log, TensorBoard

    presets = PRESETS[next((word for word in arguments if word in PRESETS), "parser")]
    chosen = re.search(r"--preset[ =](\w+)", " ".join(arguments))
    default = presets.get(chosen[1] if chosen else "small", presets["small"])

    def train(
        name: Annotated[Positional[Literal[tuple(PRESETS)]], arg(metavar="STAGE", help_behavior_hint="")],
        out: Annotated[Path, arg(metavar="DIR")],
        preset: Literal["small", "base"] = "small",
        config: Path | None = None,
        stage: type(default.stage) = default.stage,
        training: Training = default.training,
        data: Data = default.data,
    ) -> int:
        """Train the networks of a stage; killed and started again, it goes on.

        DIR gets the checkpoint, what TensorBoard shows, and at the end the weights with their model card. For
        several GPUs or machines: accelerate launch -m occlib train ...

        Args:
            name: What to train.
            out: Folder of the run; made when missing.
            preset: Defaults of all that follows. small: two CPU cores, at most two hours; base: the paper's
                sizes, a GPU.
            config: Weights that training wrote: all that follows is as it was when they were made.
        """
        logging.getLogger("occlib.training").setLevel(logging.INFO)
        first = int(os.environ.get("RANK", 0)) == 0  # of the processes that train together
        run_training(Run(stage, training, data), out, [Log(), TensorBoard(out)] if first else [])
        if first:
            weights = out / f"{name}.safetensors"
            ship(out, weights)
            print(weights)
        return 0

    return train


def _with_configuration(arguments: list[str]) -> list[str]:
    """The arguments of `train`, and before them those stored in the weights that --config names: the last
    word on an option counts."""
    from occlib.training.shipping import stored_options

    named = re.search(r"--config[ =](\S+)", " ".join(arguments))
    return [*arguments[:1], *(stored_options(named[1]) if named else []), *arguments[1:]]


def evaluate(
    protocol: Positional[Literal["fitting", "photos", "world", "parsing", "synthesis", "verification"]],
    count: int | None = None,
    seed: int = 0,
    others: Annotated[tuple[Path, ...], arg(metavar="FILE...", help_behavior_hint="")] = (),
    workers: Annotated[int | None, arg(help_behavior_hint="(default: one a core)")] = None,
) -> int:
    """Repeat an evaluation and print its table.

    Args:
        protocol: fitting: heads drawn from the model, their shape recovered from the image alone (100 heads take
            about an hour on two cores). photos: landmarks of the fitted face against detected ones on real photos.
            world: whether networks made for photos find the synthetic world's faces and know them apart.
            parsing: face masks and parse maps, on the world's test split and on real photos.
            synthesis: completed faces, on the same (half an hour for 200 samples).
            verification: whether completed faces of ORL are known again (half an hour).
        count: How many heads (100), photos (12), people (200; of ORL 20) or samples (1000; of synthesis 200).
        seed: The same seed draws the same heads.
        others: Weights of other runs of the synthesis or joint stage, for more rows of synthesis.
        workers: Processes for fitting, synthesis and verification; each needs about 1.5 GB.
    """
    workers = workers or os.cpu_count()
    if protocol == "fitting":
        from occlib.evaluation.fitting import evaluate_fitting

        print(evaluate_fitting(count or 100, seed=seed, workers=workers))
    elif protocol == "world":
        from occlib.evaluation.world import evaluate_world

        print(evaluate_world(count or 200, seed=seed))
    elif protocol == "parsing":
        from occlib.evaluation.parsing import evaluate_parsing

        print(evaluate_parsing(count or 1000, seed=seed))
    elif protocol == "synthesis":
        from occlib.evaluation.synthesis import evaluate_synthesis

        print(evaluate_synthesis(count or 200, seed=seed, others=others, workers=workers))
    elif protocol == "verification":
        from occlib.evaluation.verification import evaluate_verification

        print(evaluate_verification(count or 20, workers=workers))
    else:
        from occlib.evaluation.photos import evaluate_photos

        errors = evaluate_photos(count or 12)
        for name, error in {**errors, "mean": sum(errors.values()) / len(errors)}.items():
            print(f"{name:12}{error:7.2%} of the distance between the outer eye corners")
    return 0


def bench(name: Positional[Literal["raster", "fit", "world", "explorer", "all"]] = "all") -> int:
    """Measure how fast this machine is, ours against PyTorch3D in one run.

    Args:
        name: raster: forward and backward of the rasteriser; fit: a step of the fit; world: samples a second;
            explorer: pictures a second of notebook 05's explorer.
    """
    _check_pytorch3d()
    from occlib import bench as benches

    for one in ("raster", "fit", "world", "explorer") if name == "all" else (name,):
        print(getattr(benches, f"bench_{one}")())
    return 0


def doctor() -> int:
    """Print versions, devices, the rasteriser and the assets, and advice for what is missing."""
    from occlib.doctor import examine

    report = examine()
    print(report)
    return 0 if report.healthy else 1


def main(arguments: list[str] | None = None) -> None:
    """Run the command in `arguments`, or in the process's own, and exit with its code."""
    logging.basicConfig(level=logging.WARNING, format="occlib: %(message)s", stream=sys.stderr)
    # A polite kill unwinds the stack, so that files that are half written are removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    arguments = sys.argv[1:] if arguments is None else arguments
    training = _train_command(arguments) if arguments[:1] == ["train"] else train
    commands = (reconstruct, world, fits, training, evaluate, bench, doctor)
    commands = {command.__name__: command for command in commands}
    try:
        if arguments[:1] == ["train"]:
            arguments = _with_configuration(arguments)
        code = tyro.extras.subcommand_cli_from_dict(commands, prog="occlib", args=arguments)
        sys.stdout.flush()
    except OcclibError as error:
        _say_error(_one_line(error))
        code = 1
    except BrokenPipeError:  # whoever reads has seen enough, as in `occlib doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # closing it must not fail again
        code = 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    sys.exit(code)


def _reconstruct_one(photo: Path, mask: Path | None, folder: Path, options: dict) -> dict:
    """Reconstruct one photo into `folder`, with `options` of `reconstruct`; what --json prints about it. Its error
    goes to standard error."""
    from tqdm import tqdm

    from occlib.pipeline import reconstruct

    started = time.perf_counter()
    try:
        # disable=None: no bar where standard error is not a terminal.
        with tqdm(desc=photo.name, unit=" steps", leave=False, disable=None) as bar:
            face = reconstruct(photo, mask, progress=lambda step: bar.update(), **options)
        face.save(folder)
    except OcclibError as error:
        message = _one_line(error)
        _say_error(message if str(photo) in message else f"{photo}: {message}")
        return {"photo": str(photo), "ok": False, "error": type(error).__name__, "message": message}
    return {
        "photo": str(photo),
        "ok": True,
        "folder": str(folder),
        "vertices": len(face.vertices),
        "triangles": len(face.faces),
        "faces_in_photo": face.faces_in_photo,
        "seconds": round(time.perf_counter() - started, 2),
    }


def _part(text: str) -> tuple[int, int]:
    """(i, n) from "i/n"."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise OcclibError(f"--slice {text} is none of 1/N, 2/N, ... N/N")
    return int(found[1]), int(found[2])


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise OcclibError("PyTorch finds no CUDA device: use --device cpu, and see `occlib doctor`")
    _check_pytorch3d()


def _check_pytorch3d() -> None:
    if find_spec("pytorch3d") is None:
        raise OcclibError("this needs PyTorch3D, which is not installed: see `occlib doctor`")


def _distinct_names(photos: tuple[Path, ...]) -> Iterator[str]:
    """Folder names: the photos' own without suffix, numbered where they repeat."""
    taken = set()
    for photo in photos:
        name, number = photo.stem, 1
        while name in taken:
            number += 1
            name = f"{photo.stem}-{number}"
        taken.add(name)
        yield name


def _say_error(message: str) -> None:
    print(f"occlib: {message}", file=sys.stderr, flush=True)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
