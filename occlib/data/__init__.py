"""What networks learn from and are tested on: a synthetic world, published data sets, and how both are
stored.

The names below are loaded when first used.
"""

from importlib import import_module

_HOME = {
    "PARTS": "sample",
    "Sample": "sample",
    "as_tensors": "sample",
    "collate": "sample",
    "contours_of": "sample",
    "World": "world",
    "OccludedPhotos": "occluded_photos",
    "SampleFolder": "shards",
    "read_shards": "shards",
    "write_samples": "shards",
    "AFLW2000": "readers",
    "CelebA": "readers",
    "CelebAMaskHQ": "readers",
    "LFW": "readers",
    "NoW": "readers",
    "PhotoFolder": "readers",
    "W300LP": "readers",
    "aligned": "aligning",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'occlib.data' has no attribute {name!r}")
    return getattr(import_module(f"occlib.data.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
