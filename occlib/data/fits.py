"""Faces fitted to what is visible of samples with a hole, made once and stored: training with a fit's own errors.

A fit takes a second, too long for every example. And its errors are hard to imitate: it agrees with the visible
face, and behind the hole it is wrong in ways that go together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset, Subset

from occlib.data.shards import stream
from occlib.errors import DataError, MissingAssetError
from occlib.files import whole_file

SAVE_EVERY = 100


@dataclass(frozen=True, eq=False)
class Fits:
    """Of the first N samples of a set, S pixels a side: packed (N, S, S/8) uint8, the holes, eight pixels a byte;
    own (N,) bool, whether the hole is the sample's own occluder, so that its `image` is around it and not its
    `clean`; vectors (N, 239) float32, V_x as fitted."""

    packed: np.ndarray
    own: np.ndarray
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    def hole(self, index: int) -> np.ndarray:
        """(S, S) bool."""
        packed = self.packed[index]
        return np.unpackbits(packed, axis=1, count=len(packed)).astype(bool)

    def save(self, file: Path) -> None:
        """Write the file whole. Raises OutputError."""
        with whole_file(file) as part, open(part, "wb") as target:
            np.savez(target, **vars(self))

    @classmethod
    def load(cls, file: Path) -> Fits:
        """What `save` wrote. Raises MissingAssetError, DataError."""
        if not Path(file).exists():
            raise MissingAssetError(f"no fits in {file}: make them with `occlib fits DIR`")
        try:
            with np.load(file) as found:
                return cls(found["packed"], found["own"], found["vectors"])
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{file} cannot be read as fits: {error}") from error


read_fits = cache(Fits.load)


def write_fits(
    fitted: Dataset,
    file: Path,
    workers: int = 0,
    progress: Callable[..., Iterable] = lambda stream, total: stream,
) -> int:
    """Write what a map-style dataset makes, a row (hole, own, vector) a sample; the number of new rows.

    The file is written anew every SAVE_EVERY rows; started again, this goes on where the file ends. workers,
    progress: see `write_samples`. Raises DataError, OutputError.
    """
    rows = list(zip(*vars(Fits.load(file)).values(), strict=True)) if Path(file).exists() else []
    todo = Subset(fitted, range(len(rows), len(fitted)))
    for made, (hole, own, vector) in enumerate(progress(stream(todo, workers), total=len(todo)), 1):
        rows.append((np.packbits(hole, axis=1), np.asarray(own), np.asarray(vector)))
        if made % SAVE_EVERY == 0 or made == len(todo):
            Fits(*(np.stack(column) for column in zip(*rows, strict=True))).save(file)
    return len(todo)
