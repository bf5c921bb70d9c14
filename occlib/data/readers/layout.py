"""What the readers of published data sets share: finding files and saying what is missing, and reading
lists."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from occlib.data.sample import Sample
from occlib.errors import DataError, MissingAssetError

SPLITS = ("train", "validation", "test")


class PhotoSet:
    """A data set of photos: `len`, and Sample by index. Readers say how one photo is read.

    name: what its authors call it. source: where to get it.
    """

    name: str
    source: str

    def __init__(self, photos: Iterable):
        self.photos = list(photos)
        if not self.photos:
            raise self._missing("photos")

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Sample:
        return self.read(self.photos[index])

    def read(self, photo) -> Sample:
        """One of `photos` as a Sample. Raises DataError or ImageError if it cannot be read."""
        raise NotImplementedError

    @classmethod
    def find(cls, root: str | os.PathLike, *places: str) -> Path:
        """The first of `places` that exists under `root`; raises MissingAssetError if none does."""
        for place in places:
            if (Path(root) / place).exists():
                return Path(root) / place
        raise cls._missing(Path(root) / places[0])

    @classmethod
    def _missing(cls, what: str | Path) -> MissingAssetError:
        return MissingAssetError(f"{cls.name}: {what} missing. Get the data set from {cls.source}")


def read_lines(file: Path) -> list[str]:
    """The lines of a text file that are not empty."""
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {file}: {error}") from error


def read_table(file: Path, *, header: bool) -> tuple[list[str], dict[str, str]]:
    """CelebA's lists: the columns' names, and the rest of each line by its first word.

    header: whether the lines start with their number and the names of the columns.
    """
    lines = read_lines(file)
    if header and (len(lines) < 2 or not lines[0].strip().isdigit()):
        raise DataError(f"{file} does not start with the number of its lines and the names of its columns")
    columns, rows = (lines[1].split(), lines[2:]) if header else ([], lines)
    return columns, dict((line.split(maxsplit=1) + [""])[:2] for line in rows)


def split_of(number: str) -> str:
    """CelebA's 0, 1, 2 in words."""
    return dict(zip("012", SPLITS, strict=True)).get(number.strip(), number)


def check_split(split: str | None) -> None:
    """Raises DataError for what is neither one of SPLITS nor None, which stands for all."""
    if split is not None and split not in SPLITS:
        raise DataError(f"there is no split {split!r}: choose one of {', '.join(SPLITS)}, or None for all")
