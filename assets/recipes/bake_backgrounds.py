"""Bake assets/props/backgrounds.safetensors: small photographs that stand behind people among the drawn places.

    python assets/recipes/bake_backgrounds.py [--folder FOLDER]

From the wheel of the PyPI package scikit-image, whose `data/_fetchers.py` says of each that its photographer gave it to
everybody (CC0, or the public domain). Nobody is in them: the man of `camera` is cut off.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import safetensors.numpy
import sources
from skimage import io
from skin_maps import png

from occlib import assets
from occlib.files import whole_file

SCIKIT_IMAGE = {
    "registry": "pypi", "name": "scikit-image", "version": "0.26.0",
    "sha256": "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
}  # fmt: skip
WHEEL = ("--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")
SIDE = 160
"""Pictures are stored with this many pixels on the shorter side."""
PICTURES = {  # file: what of it is taken, rows and columns
    "brick.png": np.s_[:, :],
    "camera.png": np.s_[96:224, 384:512],
    "coffee.png": np.s_[:, :],
    "grass.png": np.s_[:, :],
    "gravel.png": np.s_[:, :],
    "rocket.jpg": np.s_[:, :],
}


def bake() -> dict[str, np.ndarray]:
    """PNG files, each a uint8 picture (h, w) or (h, w, 3), by their names."""
    folder = sources.fetch(*SCIKIT_IMAGE.values(), *WHEEL) / "skimage" / "data"
    tensors = {}
    for file, part in PICTURES.items():
        picture = io.imread(folder / file)[part]
        scale = SIDE / min(picture.shape[:2])
        size = [round(scale * side) for side in picture.shape[1::-1]]
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        tensors[file.split(".")[0]] = np.frombuffer(png(small), np.uint8)
    return tensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=assets.root() / "props")
    file = parser.parse_args().folder / "backgrounds.safetensors"
    with whole_file(file) as partial:
        partial.write_bytes(safetensors.numpy.save(bake(), {"licence": "CC0-1.0 and public domain, see NOTICE.md"}))
    print(f"{file}: {file.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
