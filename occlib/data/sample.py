"""One face, with and without what covers it, and everything that is true about it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Protocol

import cv2
import numpy as np
import torch

PARTS = ("background", "skin", "brows", "eyes", "nose", "lips", "occluder")
"""The parse labels of section 3.1, by their number. Skin is that of the face: neither neck nor ears nor
scalp. Inside of an open mouth counts as lips, lashes as what is behind them, hair in front of the face as
occluder, all other hair as background."""
OCCLUDER = PARTS.index("occluder")
CONTOUR_SIGMA = 2.0
"""Blur before edges are looked for, in pixels of a 256-pixel image (EdgeConnect's)."""
CONTOUR_THRESHOLDS = (0.1, 0.2)
"""Edges start where Sobel's gradient of a grey image in [0, 1] exceeds the second and go on while above the
first."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A photo of one face and its truth, as numpy arrays. What a published data set does not know is None.

    image (S, S, 3) uint8: the photo, occluded or not; of published data sets (H, W, 3), see
    `occlib.data.aligned`. clean (S, S, 3) uint8: the same photo without the occluder. mask (S, S) uint8: how
    much of a pixel the occluder covers, 0..255, beside the face too. shadow (S, S) uint8: how much the
    occluder darkens, > 0 wherever image and clean differ outside the mask. parsing, parts (S, S) uint8: the
    labels PARTS of `image` and of `clean`. contours (S, S) uint8, 0 or 255: edges of `clean`. landmarks (68,
    2) float32 pixels, origin in the top-left corner, pixel centres at half-integers. coefficients (239,)
    float32: V_x for the S-pixel image. depth (S, S) float32: mm in front of the camera, of the bare head, inf
    beside it. normals (S, S, 3) float32: its unit normals in camera axes, 0 beside it. occluder: name of its
    family, "" when there is none. coverage: the share of the face that is covered, in [0, 1]. info: what else
    is known, as JSON has it.
    """

    image: np.ndarray
    clean: np.ndarray | None = None
    mask: np.ndarray | None = None
    parsing: np.ndarray | None = None
    parts: np.ndarray | None = None
    contours: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    coefficients: np.ndarray | None = None
    depth: np.ndarray | None = None
    normals: np.ndarray | None = None
    shadow: np.ndarray | None = None
    occluder: str | None = None
    coverage: float | None = None
    info: dict = field(default_factory=dict)

    @property
    def face(self) -> np.ndarray | None:
        """(S, S) bool, the face region of `clean`: any of the five parts."""
        return None if self.parts is None else self.parts > 0

    def replace(self, **changes) -> Sample:
        """A copy with other values for some fields."""
        return replace(self, **changes)


class SampleSet(Protocol):
    """What samples come from: `World`, the readers, `OccludedPhotos`. PyTorch's DataLoader takes each as it
    is."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def contours_of(
    photo: np.ndarray, sigma: float = CONTOUR_SIGMA, side: float | None = None
) -> np.ndarray:
    """Edges of a photo (H, W, 3) uint8: (H, W) uint8, 0 or 255 (Canny 1986).

    sigma: blur before edges are looked for, in pixels of a 256-pixel photo. side: how many pixels the whole
    photo would have a side if this one is a piece of it.

    The same thresholds as `skimage.feature.canny(grey, sigma=2)`, which EdgeConnect and the paper take, but
    in whole numbers, so that every machine finds the same edges. A photo twice as large is blurred twice as
    far, and its gradients count double: it gets the same edges.
    """
    scale = 16  # 8 bits become 12: finer gradients, whose sums still fit 16 bits
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.uint16) * scale
    enlarged = (side or np.sqrt(grey.size)) / 256
    blurred = cv2.GaussianBlur(grey, (0, 0), sigma * enlarged).astype(np.int16)
    across, down = (cv2.Sobel(blurred, cv2.CV_16S, *order) for order in ((1, 0), (0, 1)))
    low, high = (255 * scale * threshold / enlarged for threshold in CONTOUR_THRESHOLDS)
    return cv2.Canny(across, down, low, high, L2gradient=True)


def as_tensors(sample: Sample) -> dict[str, torch.Tensor]:
    """The fields that exist, as networks want them.

    image, clean, normals (3, H, W), mask, shadow, contours, depth (1, H, W), landmarks (68, 2), coefficients
    (239,) and coverage () float32; pictures and masks in [0, 1]. parsing, parts (H, W) int64.
    """
    tensors = {}
    for name in (f.name for f in fields(Sample)):
        value = getattr(sample, name)
        if value is None or name in ("occluder", "info"):
            continue
        tensor = torch.from_numpy(np.array(value))  # a copy: shared memory of workers needs to own it
        if name in ("parsing", "parts"):
            tensors[name] = tensor.long()
        elif name in ("landmarks", "coefficients", "coverage"):
            tensors[name] = tensor.float()
        else:
            scale = 255 if tensor.dtype == torch.uint8 else 1
            tensor = tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1)
            tensors[name] = (tensor.float() / scale).contiguous()
    return tensors


def collate(samples: list[Sample]) -> dict[str, torch.Tensor | list[str]]:
    """A batch: the tensors that all the samples have, stacked, and `occluder`, the list of the families'
    names.

        DataLoader(World(seed=1), batch_size=8, num_workers=4, collate_fn=collate)
    """
    tensors = [as_tensors(sample) for sample in samples]
    shared = [name for name in tensors[0] if all(name in one for one in tensors)]
    batch = {name: torch.stack([one[name] for one in tensors]) for name in shared}
    return {**batch, "occluder": [sample.occluder or "" for sample in samples]}
