"""3D face reconstruction from occluded photos: a course and the library behind it.

    face = occlib.reconstruct("photo.jpg")
    face.save("out/photo")

The folders follow the paper's Figure 1; `occlib.pipeline` is the way through them. The names below are loaded
when first used, so that `import occlib` itself costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from occlib.morphable import Coefficients, MorphableModel
    from occlib.pipeline import Reconstruction, reconstruct

__version__ = "0.1.0"
__all__ = ["Coefficients", "MorphableModel", "Reconstruction", "reconstruct"]

_HOME = {
    "Coefficients": "occlib.morphable",
    "MorphableModel": "occlib.morphable",
    "Reconstruction": "occlib.pipeline",
    "reconstruct": "occlib.pipeline",
}


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'occlib' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
