"""Photos of faces without parse labels: any folder (FFHQ), CelebA, LFW."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from occlib.data.readers.layout import PhotoSet, check_split, read_lines, read_table, split_of
from occlib.data.sample import Sample
from occlib.errors import DataError
from occlib.images import load_photo

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}


class PhotoFolder(PhotoSet):
    """All pictures in a folder and in those below it, in the order of their paths. FFHQ (Karras et al. 2019)
    as it unpacks (images1024x1024/00000/00000.png or thumbnails128x128/00000.png), or one's own.

    Hidden files and folders are left out. info: path, relative to the folder.
    """

    name = "photo folder"
    source = "anywhere; FFHQ from https://github.com/NVlabs/ffhq-dataset"

    def __init__(self, root: str | os.PathLike):
        self.root = self.find(root, ".")
        files = (
            file.relative_to(root) for file in sorted(self.root.rglob("*")) if file.suffix.lower() in SUFFIXES
        )
        super().__init__(file for file in files if not any(part.startswith(".") for part in file.parts))

    def read(self, photo: Path) -> Sample:
        return Sample(image=load_photo(self.root / photo), info={"path": photo.as_posix()})


class CelebA(PhotoSet):
    """CelebA, aligned and cropped to 178 x 218 pixels (Liu et al. 2015).

        Img/img_align_celeba/000001.jpg   Eval/list_eval_partition.txt
        Anno/list_landmarks_align_celeba.txt, list_attr_celeba.txt, identity_CelebA.txt

    or all of it in one folder, as torchvision has it. The lists in Anno are used where they are. split:
    "train", "validation", "test", or None for all.

    info: path, split, points (left eye, right eye, nose, left and right mouth corner as the viewer sees them,
    x, y in pixels), attributes (name -> bool), identity (a number for each person).
    """

    name = "CelebA"
    source = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"

    def __init__(self, root: str | os.PathLike, split: str | None = None):
        check_split(split)
        self.folder = self.find(root, "Img/img_align_celeba", "img_align_celeba")
        lists = self.find(root, "Eval/list_eval_partition.txt", "list_eval_partition.txt")
        self.splits = {name: split_of(number) for name, number in read_table(lists, header=False)[1].items()}
        anno = Path(root) / "Anno" if (Path(root) / "Anno").is_dir() else Path(root)

        def table(name: str, header: bool) -> tuple[list[str], dict[str, str]]:
            return read_table(anno / name, header=header) if (anno / name).exists() else ([], {})

        self.points = table("list_landmarks_align_celeba.txt", True)[1]
        self.attribute_names, self.attributes = table("list_attr_celeba.txt", True)
        self.identities = table("identity_CelebA.txt", False)[1]
        super().__init__(name for name, one in self.splits.items() if split in (None, one))

    def read(self, photo: str) -> Sample:
        info: dict = {"path": photo, "split": self.splits[photo]}
        try:
            if photo in self.points:
                info["points"] = _points(self.points[photo])
            if photo in self.attributes:
                values = self.attributes[photo].split()
                info["attributes"] = {n: v == "1" for n, v in zip(self.attribute_names, values, strict=True)}
            if photo in self.identities:
                info["identity"] = int(self.identities[photo])
        except ValueError as error:
            raise DataError(f"CelebA: what the lists say about {photo} cannot be read ({error})") from error
        return Sample(image=load_photo(self.folder / photo), info=info)


@dataclass(frozen=True)
class Pair:
    """Two photos of LFW by their index: of the same person or not. fold: 0 to 9."""

    first: int
    second: int
    same: bool
    fold: int


class LFW(PhotoSet):
    """Labeled Faces in the Wild (Huang et al. 2007), 250 x 250 pixels, original, funneled or deep-funneled.

        lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg   (or lfw_funneled/, lfw-deepfunneled/)
        pairs.txt

    pairs: the 6000 pairs of View 2 in ten folds; empty without pairs.txt. info: path, person, number.
    """

    name = "LFW"
    source = "https://vis-www.cs.umass.edu/lfw/"

    def __init__(self, root: str | os.PathLike):
        self.folder = self.find(root, "lfw", "lfw_funneled", "lfw-deepfunneled")
        super().__init__(sorted(self.folder.glob("*/*_[0-9][0-9][0-9][0-9].jpg")))
        listed = Path(root) / "pairs.txt"
        self.pairs = self._read_pairs(listed) if listed.exists() else []

    def read(self, photo: Path) -> Sample:
        info = {
            "path": photo.relative_to(self.folder).as_posix(),
            "person": photo.parent.name,
            "number": int(photo.stem[-4:]),
        }
        return Sample(image=load_photo(photo), info=info)

    def _read_pairs(self, file: Path) -> list[Pair]:
        """First line: folds, pairs of each kind a fold. Then for each fold the pairs of one person (name,
        number, number), and of two (name, number, name, number)."""
        index = {photo.stem: i for i, photo in enumerate(self.photos)}
        pairs = []
        try:
            (folds, per_kind), *lines = (line.split() for line in read_lines(file))
            for row, words in enumerate(lines):
                if len(words) == 3:
                    words = [*words[:2], words[0], words[2]]
                one, i, other, j = words
                first, second = (
                    index[f"{name}_{int(number):04d}"] for name, number in ((one, i), (other, j))
                )
                pairs.append(Pair(first, second, one == other, row // (2 * int(per_kind))))
            if len(pairs) != 2 * int(folds) * int(per_kind):
                raise ValueError(f"{len(pairs)} pairs instead of {2 * int(folds) * int(per_kind)}")
        except (ValueError, KeyError) as error:
            raise DataError(f"{file} does not fit the photos of {self.folder} ({error})") from error
        return pairs


def _points(words: str) -> list[list[float]]:
    """Five points in whole pixels, moved to the middle of their pixel."""
    points = np.array(words.split(), np.float64).reshape(5, 2) + 0.5
    return points.tolist()
