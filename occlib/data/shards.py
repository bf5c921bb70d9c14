"""Samples on disk: written whole or not at all, many machines at once, and read back as a stream.

    DIR/world.json                  how the samples were made
    DIR/000123/image.png ...        a folder for each sample, or
    DIR/000003.tar                  a shard: SHARD_SIZE samples as `000123.image.png` ..., WebDataset's layout

A sample or shard is written under a hidden name and renamed when it is complete. So a run that was killed at
any moment leaves nothing half done under its name, and the next one does what is missing.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from occlib.data.sample import Sample, SampleSet
from occlib.data.sample_files import decode, encode
from occlib.errors import DataError, MissingAssetError, OutputError
from occlib.files import check_writable, remove_parts, whole_file, whole_folder
from occlib.memory import keep_freed

MANIFEST = "world.json"
SHARD_SIZE = 256
"""Samples in a shard: about 100 MB of 256-pixel samples, which disks and networks read in one go."""
SHUFFLE_BUFFER = 1000


def write_samples(
    samples: SampleSet,
    folder: str | os.PathLike,
    count: int,
    recipe: dict,
    *,
    shards: bool = False,
    shard_size: int = SHARD_SIZE,
    part: tuple[int, int] = (1, 1),
    workers: int = 0,
    progress: Callable[..., Iterable] = lambda stream, total: stream,
) -> int:
    """Write the first `count` samples into `folder`, and return how many of them had to be made.

    recipe: what tells this set from others (seed, size, ...), as JSON has it; kept in MANIFEST. part: (i, n)
    writes only the i-th of n parts, 1 <= i <= n; together they write what one run would, byte for byte, in
    whatever order. Two runs must not write the same part of the same folder at the same time. workers:
    processes that make samples; 0 makes them in this one. progress: `tqdm`, or what is called like it with
    the stream of new samples.

    What is there already is left as it is. Raises OutputError when the folder cannot be written, or holds a
    set of another recipe.
    """
    index, parts = part
    if not 1 <= index <= parts:
        raise OutputError(f"there is no part {index}/{parts}: parts count from 1/{parts} to {parts}/{parts}")
    folder = Path(folder)
    check_writable(folder)
    _claim(folder, {**recipe, "count": count, "shard_size": shard_size if shards else None})
    per_unit = shard_size if shards else 1
    units = range(index - 1, -(-count // per_unit), parts)
    names = {_unit_name(unit, shards): unit for unit in units}
    remove_parts(folder, names)
    present = {entry.name for entry in folder.iterdir()}
    missing = {name: unit for name, unit in names.items() if name not in present}
    spans = [range(unit * per_unit, min((unit + 1) * per_unit, count)) for unit in missing.values()]
    indices = [index for span in spans for index in span]
    write = _write_shard if shards else _write_folder
    with contextlib.closing(_encoded(samples, indices, workers, progress)) as files:
        for name, span in zip(missing, spans, strict=True):
            write(folder / name, span, files)
    return len(indices)


class SampleFolder:
    """The samples that `write_samples` wrote as folders: a map-style dataset, Sample by index.

    Raises MissingAssetError when `folder` holds none.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folders = sorted(file.parent for file in Path(folder).glob("[0-9]*/sample.json"))
        if not self.folders:
            raise MissingAssetError(
                f"no samples in {folder}: write some with `occlib world --count N --out {folder}`"
            )

    def __len__(self) -> int:
        return len(self.folders)

    def __getitem__(self, index: int) -> Sample:
        folder = self.folders[index]
        return decode({file.name: file.read_bytes() for file in folder.iterdir()}, str(folder))


def read_shards(
    shards: str | os.PathLike | Iterable[str | os.PathLike], *, shuffle: bool = False, seed: int = 0
) -> IterableDataset:
    """Stream the samples of shards: a folder of them, or their paths. WebDataset does the reading.

        stream = read_shards("world", shuffle=True, seed=epoch)
        DataLoader(stream, batch_size=8, num_workers=4, collate_fn=collate)

    Each worker of a DataLoader, and each process of a distributed run, reads its own shards: have at least as
    many shards as those. shuffle: shards in random order, and samples within SHUFFLE_BUFFER; the same seed
    gives the same order, so take another one for every epoch.

    Raises MissingAssetError when there are none, DataError when one is damaged.
    """
    import webdataset

    if isinstance(shards, (str, os.PathLike)):
        paths = sorted(Path(shards).glob("[!.]*.tar"))  # not those being written
    else:
        paths = [Path(shard) for shard in shards]
    lost = [path for path in paths if not path.is_file()]
    if lost or not paths:
        what = f"{lost[0]} is missing" if lost else f"no shards in {shards}"
        raise MissingAssetError(f"{what}: write some with `occlib world --count N --out DIR --shards`")
    dataset = webdataset.WebDataset(
        [str(path.absolute()) for path in paths],
        shardshuffle=len(paths) if shuffle else False,
        detshuffle=True,
        seed=seed,
        nodesplitter=webdataset.split_by_node,
        empty_check=False,  # a worker without a shard is no error
        handler=_report_damage,
    ).map(_decode_member)
    if shuffle:
        dataset = dataset.compose(webdataset.detshuffle(SHUFFLE_BUFFER, SHUFFLE_BUFFER, seed=seed))
    return dataset


def _claim(folder: Path, recipe: dict) -> None:
    """Make `folder` the home of this set, unless it is one already; raise OutputError if it is another's.

    Many machines may do so at once, and be killed: all write the same bytes, and a torn manifest is a
    beginning of the whole one.
    """
    manifest = folder / MANIFEST
    text = (json.dumps(recipe, indent=1, sort_keys=True) + "\n").encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = manifest.read_bytes() if manifest.exists() else b""
        if found == text:
            return
        if not found and any(entry.name != MANIFEST for entry in folder.iterdir()):
            raise OutputError(f"{folder} holds other files: choose a new folder")
        if not text.startswith(found):
            raise OutputError(f"{folder} holds another set{_difference(found, recipe)}: choose a new folder")
        with open(os.open(manifest, os.O_WRONLY | os.O_CREAT, 0o666), "wb") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(f"cannot write {manifest}: {error.strerror or error}") from error


def _difference(found: bytes, recipe: dict) -> str:
    try:
        other = dict(json.loads(found))
    except (ValueError, TypeError):
        return ""
    differing = sorted(key for key in {*recipe, *other} if recipe.get(key) != other.get(key))
    old, new = (", ".join(f"{key} {one.get(key)}" for key in differing) for one in (other, recipe))
    return f" ({old} instead of {new})"


def _unit_name(unit: int, shards: bool) -> str:
    return f"{unit:06d}.tar" if shards else f"{unit:06d}"


def _write_folder(path: Path, span: range, stream: Iterator[dict[str, bytes]]) -> None:
    files = next(stream)
    with whole_folder(path) as part:
        for name, content in files.items():
            (part / name).write_bytes(content)


def _write_shard(path: Path, span: range, stream: Iterator[dict[str, bytes]]) -> None:
    with whole_file(path) as part, tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
        for index in span:
            for name, content in next(stream).items():
                member = tarfile.TarInfo(f"{index:06d}.{name}")  # dated 1970, of user 0
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


class _Encoded:
    """A map-style dataset of files instead of samples: encoding, too, is the workers' work."""

    def __init__(self, samples: SampleSet, indices: list[int]):
        self.samples, self.indices = samples, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> dict[str, bytes]:
        return encode(self.samples[self.indices[position]])


def _encoded(
    samples: SampleSet, indices: list[int], workers: int, progress: Callable[..., Iterable]
) -> Iterator[dict[str, bytes]]:
    """The files of the samples, in the order of `indices`, whoever makes them."""
    dataset = _Encoded(samples, indices)
    yield from progress(stream(dataset, workers), total=len(dataset))


def stream(dataset: Dataset, workers: int) -> Iterator:
    """The items of a map-style dataset in order, made by `workers` processes of one thread each, 0: in this one."""
    workers = min(workers, len(dataset))
    # Spawned, not forked: compiled loops do not survive a fork.
    spawned = {"multiprocessing_context": "spawn", "worker_init_fn": _prepare_worker} if workers else {}
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, **spawned)
    with _one_thread_each() if workers else contextlib.nullcontext():
        return iter(loader)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started here use one thread each: libraries read these variables when they are loaded."""
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "OCCLIB_THREADS",
    )
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _prepare_worker(worker: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    keep_freed(1 << 30, block=32 << 20)  # all of it: this process makes nothing but samples


def _decode_member(member: dict) -> Sample:
    name = f"sample {member['__key__']} of {member['__url__']}"
    return decode({key: value for key, value in member.items() if not key.startswith("__")}, name)


def _report_damage(error: Exception) -> bool:
    reason = error.args[0] if error.args else type(error).__name__
    raise DataError(f"a shard cannot be read ({reason}): write it again with `occlib world`") from error
