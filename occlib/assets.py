"""Where assets are: in `assets/` of a clone, or inside an installed wheel (`occlib/_assets/`)."""

from pathlib import Path

from occlib.errors import MissingAssetError

_PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    """The folder that holds `face_model/`, `pretrained/`, `photos/`, ..."""
    installed = _PACKAGE / "_assets"
    return installed if installed.is_dir() else _PACKAGE.parent / "assets"


def path(name: str, *, recipe: str | None = None) -> Path:
    """Full path of asset `name`, e.g. ``path("face_model/open.safetensors")``.

    Raises MissingAssetError when it is not there; `recipe` is the command that makes it.
    """
    file = root() / name
    if not file.exists():
        advice = f"make it with `{recipe}`" if recipe else "reinstall occlib, or clone the repository again"
        raise MissingAssetError(f"{name} is missing from {root()}: {advice}")
    return file
