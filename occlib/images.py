"""Photos and masks: from whatever the user has to arrays, and back to files."""

import logging
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from occlib.errors import ImageError, MaskError, OcclibError
from occlib.files import whole_file

Photo = str | os.PathLike | Image.Image | np.ndarray

MAX_PIXELS = 80_000_000  # larger ones are refused before their pixels are decoded
MIN_SIDE = 32  # pixels: no face can be found in less

logger = logging.getLogger(__name__)


def load_photo(photo: Photo) -> np.ndarray:
    """Photo as an (H, W, 3) uint8 array in RGB order, upright, at its full resolution.

    `photo` is a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA of uint8 or
    uint16. EXIF rotation is applied; 16-bit values v become v / 257, rounded; transparent pixels are laid
    over white, as most viewers show them; of several frames the first is taken. Float arrays are refused,
    since [0, 1] and [0, 255] cannot be told apart safely.

    Raises ImageError for what cannot be read, has a side under MIN_SIDE or more than MAX_PIXELS pixels.
    """
    if isinstance(photo, np.ndarray):
        pixels, name = photo, "the photo"
    else:
        pixels, name = _read(photo, "photo", ImageError)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"{name} has shape {pixels.shape} and type {pixels.dtype}, "
            "expected (H, W), (H, W, 3) or (H, W, 4) of uint8 or uint16"
        )
    height, width, channels = pixels.shape
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            f"{name} has {width}x{height} pixels: too small for a face, at least {MIN_SIDE} a side needed"
        )
    if height * width > MAX_PIXELS:
        raise ImageError(_too_large(name, width, height))
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if channels == 4:
        pixels = _over_white(pixels)
    return np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3)))


def load_mask(mask: Photo, shape: tuple[int, int]) -> np.ndarray:
    """Mask as an (H, W) bool array, True = occluded, for a photo of `shape` (H, W, ...).

    `mask` is a path, a PIL image or an (H, W) array; every pixel that is not zero is occluded (in a colour
    picture: not black and not fully transparent). It covers the photo as it is seen, with EXIF rotation.

    Raises MaskError when it cannot be read, has another size than the photo, or covers all of it.
    """
    if isinstance(mask, (str, os.PathLike, Image.Image)):
        pixels, name = _read(mask, "mask", MaskError)
        if Path(name).suffix.lower() in {".jpg", ".jpeg"}:
            logger.warning(
                "%s is a JPEG: compression noise around its edges counts as occluded, PNG is exact", name
            )
    else:
        pixels, name = np.asarray(mask), "the mask"
        if pixels.ndim != 2:
            raise MaskError(f"the mask has shape {pixels.shape}, expected (H, W)")
    if pixels.shape[:2] != tuple(shape[:2]):
        raise MaskError(
            f"{name} has {pixels.shape[1]}x{pixels.shape[0]} pixels but its photo "
            f"{shape[1]}x{shape[0]}: both need the same size"
        )
    occluded = pixels != 0
    if pixels.ndim == 3:
        occluded = occluded[..., :3].any(-1) & (occluded[..., 3] if pixels.shape[2] == 4 else True)
    if occluded.all():
        raise MaskError(
            f"{name} covers the whole photo: non-zero means occluded, leave the visible face at zero"
        )
    return occluded


def save_image(pixels: np.ndarray, path: str | os.PathLike, *, quality: int = 92) -> None:
    """Write (H, W, 3) RGB or (H, W) grey uint8 `pixels` as JPEG or PNG, by the suffix of `path`.

    Raises OutputError when it cannot be written; there is never half a file.
    """
    with whole_file(path) as part:
        Image.fromarray(pixels).save(part, quality=quality)


def _read(
    image: str | os.PathLike | Image.Image, kind: str, error_type: type[OcclibError]
) -> tuple[np.ndarray, str]:
    """Upright pixels, (H, W) uint16 or (H, W, 3 or 4) uint8, and a name for messages."""
    if isinstance(image, Image.Image):
        return _decoded(image, f"the {kind}", error_type), f"the {kind}"
    name = str(image)
    try:
        if not Path(image).is_file():
            reason = "it is a folder" if Path(image).is_dir() else "there is no such file"
            raise error_type(f"cannot read {kind} {name}: {reason}")
        if Path(image).stat().st_size == 0:
            raise error_type(f"cannot read {kind} {name}: the file is empty")
        with warnings.catch_warnings():
            # Pillow only warns between its limit and twice that; either way it is far too large for us.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(image) as opened:
                return _decoded(opened, name, error_type), name
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise error_type(f"{name} has more than {MAX_PIXELS / 1e6:.0f} megapixels: shrink it first") from None
    except Image.UnidentifiedImageError:
        raise error_type(
            f"cannot read {kind} {name}: not a picture in a known format, try JPEG or PNG"
        ) from None
    except OSError as error:
        raise error_type(f"cannot read {kind} {name}: {error.strerror or error}") from error


def _decoded(image: Image.Image, name: str, error_type: type[OcclibError]) -> np.ndarray:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise error_type(_too_large(name, width, height))
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):
            return np.asarray(image).astype(np.uint16)
        if image.mode in {"I", "F"}:
            raise error_type(f"{name} has 32 bits a pixel, whose range is not known: save it with 8 or 16")
        transparent = "A" in image.getbands() or "transparency" in image.info
        return np.asarray(image.convert("RGBA" if transparent else "RGB"))
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError) as error:
        # Pillow's decoders raise all of these on damaged files.
        raise error_type(f"cannot read {name}: the file is damaged ({_one_line(error)})") from error


def _over_white(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 RGBA -> (H, W, 3) uint8 RGB over white: a c + (1 - a) 255."""
    color, alpha = pixels[..., :3].astype(np.uint16), pixels[..., 3:].astype(np.uint16)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _too_large(name: str, width: int, height: int) -> str:
    return (
        f"{name} has {width}x{height} = {width * height / 1e6:.0f} megapixels: "
        f"shrink it below {MAX_PIXELS / 1e6:.0f}"
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def to_bytes(image: np.ndarray) -> np.ndarray:
    """An image of floats in [0, 1] (clipped), of any shape (...), as uint8 of the same shape; one of bytes as it is."""
    return image if image.dtype == np.uint8 else (255 * np.clip(image, 0, 1) + 0.5).astype(np.uint8)
