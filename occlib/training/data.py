"""Which samples a step sees: a pure function of the seed and the step, whoever trains and however often it
stops.

    position = step * batch + k  ->  epoch = position // N,  index = permutation(seed, epoch)[position % N]
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from occlib.data import SampleFolder
from occlib.data.sample import Sample, SampleSet
from occlib.data.sample_files import decode
from occlib.errors import DataError, MissingAssetError
from occlib.training.settings import Data
from occlib.training.stage import Batch, StageSettings

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def open_samples(data: Data, split: str) -> SampleSet:
    """The training or validation samples that `data` names."""
    folder = data.source if split == "train" else data.validation
    if folder is None:
        from occlib.data import World  # loaded where it is needed: it brings a renderer along

        return World(data.seed, data.size, split)
    if any(folder.glob("[0-9]*.tar")):
        return ShardedSamples(folder)
    if any(folder.glob("[0-9]*/sample.json")):
        return SampleFolder(folder)
    photos = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURES)
    if not photos:
        raise MissingAssetError(f"{folder} holds neither samples of `occlib world` nor photos")
    from occlib.data import OccludedPhotos

    return OccludedPhotos(photos, data.seed, data.size)


class ShardedSamples:
    """The samples of a folder of shards by number. A stream (`read_shards`) could not go on in the middle."""

    def __init__(self, folder: Path):
        self.members: dict[str, list[tuple[Path, str, int, int]]] = {}
        for shard in sorted(folder.glob("[0-9]*.tar")):
            with tarfile.open(shard) as tar:
                for member in tar:
                    key, name = member.name.split(".", 1)
                    self.members.setdefault(key, []).append((shard, name, member.offset_data, member.size))
        self.keys = sorted(self.members)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Sample:
        files = {}
        for shard, name, offset, size in self.members[self.keys[index]]:
            with io.FileIO(shard) as file:
                file.seek(offset)
                files[name] = file.read(size)
        return decode(files, f"sample {self.keys[index]} of {shard}")


class Examples:
    """A map-style dataset over positions in the run."""

    def __init__(self, stage: StageSettings, samples: SampleSet, seed: int):
        self.stage, self.samples, self.seed = stage, samples, seed
        if not len(samples):
            raise DataError("there is no sample to train on")

    def index(self, position: int) -> int:
        """Which sample stands at a position: every epoch goes through all of them, in an order of its own."""
        epoch, place = divmod(position, len(self.samples))
        return int(_permutation(self.seed, epoch, len(self.samples))[place])

    def __getitem__(self, position: int) -> Batch:
        rng = np.random.default_rng([self.seed, 1, position])
        return self.stage.example(self.samples, self.index(position), rng)


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, 0, epoch]).permutation(count)


def batches(
    examples: Examples, steps: range, batch: int, share: tuple[int, int], workers: int
) -> Iterator[Batch]:
    """This process's part of the batch of every step; share: (its number, of how many)."""
    number, processes = share
    part = batch // processes
    starts = (step * batch + number * part for step in steps)
    positions = (list(range(start, start + part)) for start in starts)
    spawned = (
        {"multiprocessing_context": "spawn", "worker_init_fn": _one_thread, "prefetch_factor": 4}
        if workers
        else {}
    )
    generator = torch.Generator()  # the loader draws from it, nobody else does
    return iter(
        DataLoader(examples, batch_sampler=positions, num_workers=workers, generator=generator, **spawned)
    )


def validation_batches(stage: StageSettings, samples: SampleSet, count: int, batch: int) -> list[Batch]:
    """The first `count` samples as they are, made once and kept."""
    examples = [stage.example(samples, index, None) for index in range(min(count, len(samples)))]
    parts = [examples[start : start + batch] for start in range(0, len(examples), batch)]
    return [torch.utils.data.default_collate(part) for part in parts]


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)
