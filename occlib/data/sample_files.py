"""A sample as files: pictures as PNG, numbers as JSON.

Pictures and labels come back to the bit. Depth is kept in 16 bits, in steps of 1/64 mm from a whole number of
mm below the nearest point, and normals in 8 bits a coordinate: both come back within half a step.
"""

from __future__ import annotations

import json

import cv2
import numpy as np

from occlib.data.sample import Sample
from occlib.errors import DataError

NUMBERS = "sample.json"
DEPTH_STEPS = 64
"""Steps per mm of the depth. 0 means nothing, so that the last of 65535 lies 1024 mm behind the first."""
_PICTURES = ("image", "clean", "mask", "parsing", "parts", "contours", "shadow")
_NORMAL_SCALE = 127


def encode(sample: Sample) -> dict[str, bytes]:
    """Name -> content of the sample's files: `image.png`, `mask.png`, ... for the fields that exist, and
    NUMBERS.

    The same sample gives the same bytes.
    """
    files = {
        f"{name}.png": _png(getattr(sample, name)) for name in _PICTURES if getattr(sample, name) is not None
    }
    numbers: dict = {"occluder": sample.occluder, "coverage": sample.coverage, "info": sample.info}
    for name in ("landmarks", "coefficients"):
        if getattr(sample, name) is not None:
            numbers[name] = getattr(sample, name).tolist()
    if sample.depth is not None:
        files["depth.png"], numbers["depth_from"] = _encode_depth(sample.depth)
    if sample.normals is not None:
        files["normals.png"] = _png(np.rint(sample.normals * _NORMAL_SCALE + 128).astype(np.uint8))
    files[NUMBERS] = json.dumps(numbers, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    return files


def decode(files: dict[str, bytes], name: str) -> Sample:
    """The inverse of `encode`. Raises DataError, which calls the sample `name`, when a file is missing or
    damaged."""
    if NUMBERS not in files or "image.png" not in files:
        raise DataError(f"{name} lacks {NUMBERS} or image.png: it was not written by `occlib world`")
    try:
        numbers = json.loads(files[NUMBERS])
        arrays = {
            picture: _pixels(files[f"{picture}.png"], np.uint8)
            for picture in _PICTURES
            if f"{picture}.png" in files
        }
        for field in ("landmarks", "coefficients"):
            if field in numbers:
                arrays[field] = np.array(numbers[field], np.float32)
        if "depth.png" in files:
            arrays["depth"] = _decode_depth(_pixels(files["depth.png"], np.uint16), numbers["depth_from"])
        if "normals.png" in files:
            arrays["normals"] = _decode_normals(_pixels(files["normals.png"], np.uint8))
        return Sample(
            **arrays, occluder=numbers["occluder"], coverage=numbers["coverage"], info=numbers["info"]
        )
    except (ValueError, KeyError, TypeError, cv2.error) as error:
        raise DataError(f"{name} is damaged ({error}): write it again with `occlib world`") from error


def _encode_depth(depth: np.ndarray) -> tuple[bytes, int]:
    seen = np.isfinite(depth)
    nearest = int(np.floor(depth[seen].min())) if seen.any() else 0
    steps = np.rint((depth[seen].astype(np.float64) - nearest) * DEPTH_STEPS) + 1
    if steps.size and steps.max() > 65535:
        raise ValueError(
            f"depths span {steps.max() / DEPTH_STEPS:.0f} mm: more than a head, and than 16 bits hold"
        )
    stored = np.zeros(depth.shape, np.uint16)
    stored[seen] = steps
    return _png(stored), nearest


def _decode_depth(stored: np.ndarray, nearest: int) -> np.ndarray:
    depth = nearest + (stored.astype(np.float64) - 1) / DEPTH_STEPS
    return np.where(stored == 0, np.inf, depth).astype(np.float32)


def _decode_normals(stored: np.ndarray) -> np.ndarray:
    normals = stored.astype(np.float32) - 128
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return normals / np.maximum(length, 1)


def _png(pixels: np.ndarray) -> bytes:
    """Grey or RGB, 8 or 16 bits. Filters and run lengths, OpenCV's choice, are fast and lose little on
    photos."""
    if pixels.ndim == 3:
        pixels = pixels[..., ::-1]
    return cv2.imencode(".png", pixels)[1].tobytes()


def _pixels(content: bytes, dtype) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != dtype:
        raise ValueError(f"no {np.dtype(dtype).itemsize * 8}-bit picture")
    return np.ascontiguousarray(pixels[..., ::-1]) if pixels.ndim == 3 else pixels
