"""CelebAMask-HQ (Lee et al. 2020): celebrities with 19 hand-drawn classes, merged to the parse labels of
section 3.1."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from occlib.data.readers.layout import PhotoSet, check_split, read_table, split_of
from occlib.data.sample import OCCLUDER, Sample
from occlib.errors import DataError
from occlib.images import load_photo

SIZE = 512
BACKGROUND, SKIN, BROWS, EYES, NOSE, LIPS = range(6)
BODY = 7  # neither face nor occluder, wherever it is: ears, neck
LOOSE = 8  # an occluder over the face, else background: hair, jewellery, clothes, what has no name
CLASSES = {
    "skin": SKIN, "nose": NOSE, "eye_g": OCCLUDER, "l_eye": EYES, "r_eye": EYES, "l_brow": BROWS,
    "r_brow": BROWS, "l_ear": BODY, "r_ear": BODY, "mouth": LIPS, "u_lip": LIPS, "l_lip": LIPS,
    "hair": LOOSE, "hat": OCCLUDER,
    "ear_r": LOOSE, "neck_l": LOOSE, "neck": BODY, "cloth": LOOSE,
}  # fmt: skip
"""What each drawn class is to us, in the authors' order: later ones lie over earlier ones. So the eye behind
clear glasses is an eye, as in our world, and the rest of the lens is glasses."""
DEEP = 0.06
"""How far, as a share of the face's size, something must reach into the outline of the face to lie over it.
The hairline dents that outline less."""


class CelebAMaskHQ(PhotoSet):
    """The 30,000 photos and their drawn masks, both at 512 pixels.

        CelebA-HQ-img/0.jpg ...   CelebAMask-HQ-mask-anno/0/00000_skin.png ... 14/29999_hair.png
        CelebA-HQ-to-CelebA-mapping.txt

    split: "train", "validation", "test" as CelebA splits the same photos, for which its
    list_eval_partition.txt has to lie beside the mapping; None for all.

    parsing: glasses and hats are occluders; so are hair, jewellery, clothes and unnamed things (hands,
    microphones) where they reach DEEP into the convex outline of the face; else they are background, like
    ears and neck. mask: where parsing says occluder. info: path, split.
    """

    name = "CelebAMask-HQ"
    source = "https://github.com/switchablenorms/CelebAMask-HQ"

    def __init__(self, root: str | os.PathLike, split: str | None = None):
        check_split(split)
        self.images = self.find(root, "CelebA-HQ-img")
        self.annotations = self.find(root, "CelebAMask-HQ-mask-anno")
        numbers = sorted(int(file.stem) for file in self.images.glob("*.jpg") if file.stem.isdigit())
        self.splits = self._splits(root) if split else {}
        super().__init__(number for number in numbers if split is None or self.splits.get(number) == split)

    def read(self, photo: int) -> Sample:
        """The photo of this number, 512 x 512 pixels, with its parse map and the mask of its occluders."""
        image = load_photo(self.images / f"{photo}.jpg")
        parsing = merge(self._drawn(photo))
        info = {"path": f"CelebA-HQ-img/{photo}.jpg"}
        if photo in self.splits:
            info["split"] = self.splits[photo]
        return Sample(
            image=cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA),
            mask=np.where(parsing == OCCLUDER, np.uint8(255), np.uint8(0)),
            parsing=parsing,
            info=info,
        )

    def _drawn(self, number: int) -> dict[str, np.ndarray]:
        """Class -> (512, 512) bool, of those that were drawn."""
        folder, drawn = self.annotations / str(number // 2000), {}
        for name in CLASSES:
            file = folder / f"{number:05d}_{name}.png"
            if file.exists():
                drawn[name] = load_photo(file)[..., 0] > 127
                if drawn[name].shape != (SIZE, SIZE):
                    raise DataError(f"{file} has {drawn[name].shape} pixels instead of {SIZE} x {SIZE}")
        if "skin" not in drawn:
            raise DataError(
                f"CelebAMask-HQ: {folder / f'{number:05d}_skin.png'} is missing: unpack the archive again"
            )
        return drawn

    def _splits(self, root: str | os.PathLike) -> dict[int, str]:
        mapping = read_table(self.find(root, "CelebA-HQ-to-CelebA-mapping.txt"), header=False)[1]
        partition = read_table(self.find(root, "list_eval_partition.txt"), header=False)[1]
        return {
            int(number): split_of(partition.get(Path(original.split()[-1]).name, ""))
            for number, original in mapping.items()
            if number.isdigit()  # not the names of the columns
        }


def merge(drawn: dict[str, np.ndarray]) -> np.ndarray:
    """(H, W) uint8 parse labels PARTS from the drawn masks, name -> (H, W) bool; see CLASSES and DEEP."""
    labels = np.full(drawn["skin"].shape, LOOSE, np.uint8)
    for name, label in CLASSES.items():
        if name in drawn:
            labels[drawn[name]] = label
    face, loose = (labels >= SKIN) & (labels <= LIPS), labels == LOOSE
    labels[loose | (labels == BODY)] = BACKGROUND
    labels[_over(face, loose)] = OCCLUDER
    return labels


def _over(face: np.ndarray, loose: np.ndarray) -> np.ndarray:
    """What of `loose` lies over the face: its connected pieces inside the face's convex hull that reach
    deep."""
    if not face.any():
        return np.zeros_like(face)
    outline = cv2.convexHull(cv2.findNonZero(face.astype(np.uint8)))
    hull = cv2.fillConvexPoly(np.zeros(face.shape, np.uint8), outline, 1)
    depth = cv2.distanceTransform(np.pad(hull, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    _, pieces = cv2.connectedComponents((loose & (hull > 0)).astype(np.uint8))
    deep = np.unique(pieces[depth > DEEP * np.sqrt(hull.sum())])
    return np.isin(pieces, deep[deep > 0])
