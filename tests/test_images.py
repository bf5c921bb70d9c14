"""Photos and masks: every kind of picture a user may bring, and what is written back."""

import numpy as np
import pytest
from PIL import Image

from occlib.errors import ImageError, MaskError, OutputError
from occlib.images import MAX_PIXELS, load_mask, load_photo, save_image, to_bytes


@pytest.fixture
def picture():
    """(40, 60, 3) uint8 with a different value in every pixel's red and green."""
    rows, columns = np.mgrid[:40, :60]
    return np.stack([rows * 6, columns * 4, np.full((40, 60), 77)], axis=-1).astype(np.uint8)


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_same_photo_from_path_pil_and_array(picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "a.png")
    for photo in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(picture), picture):
        loaded = load_photo(photo)
        assert loaded.dtype == np.uint8 and loaded.flags.c_contiguous
        assert np.array_equal(loaded, picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(picture, tmp_path, orientation):
    # How a camera stores an upright picture for each EXIF value: the inverse of what a viewer has to do.
    stored = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }[orientation](picture)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(load_photo(tmp_path / "a.png"), picture)


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    grey = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    for photo in (tmp_path / "a.png", grey):
        loaded = load_photo(photo)
        assert loaded.shape == (40, 60, 3)
        assert loaded[0, 0, 0] == 0 and loaded[-1, -1, 0] == 255
        assert np.abs(loaded[..., 1] - grey / 257).max() <= 0.5


def test_16_bit_colour_array():
    assert np.array_equal(load_photo(np.full((32, 32, 3), (0, 32768, 65535), np.uint16))[0, 0], [0, 128, 255])


def test_transparency_is_laid_over_white(tmp_path):
    rgba = np.full((32, 32, 4), (200, 100, 0, 255), np.uint8)
    rgba[0, 0] = (10, 20, 30, 0)
    rgba[0, 1] = (0, 100, 255, 51)  # one fifth: 255 * 4 / 5 + value / 5
    Image.fromarray(rgba).save(tmp_path / "a.png")
    for photo in (tmp_path / "a.png", rgba):
        loaded = load_photo(photo)
        assert np.array_equal(loaded[0, 0], [255, 255, 255])
        assert np.array_equal(loaded[0, 1], [204, 224, 255])
        assert np.array_equal(loaded[1, 1], [200, 100, 0])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK"])
def test_other_modes_become_rgb(picture, tmp_path, mode):
    image = Image.fromarray(picture).convert(mode)
    image.save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
    loaded = load_photo(next(tmp_path.iterdir()))
    expected = np.asarray(image.convert("RGB"))
    assert np.abs(loaded.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("channels", [(), (1,)])
def test_grey_arrays(channels):
    assert np.array_equal(load_photo(np.full((32, 33, *channels), 9, np.uint8)), np.full((32, 33, 3), 9))


def test_a_20_megapixel_photo_keeps_its_resolution(tmp_path):
    Image.new("RGB", (5472, 3648), (1, 2, 3)).save(tmp_path / "a.jpg")
    assert load_photo(tmp_path / "a.jpg").shape == (3648, 5472, 3)


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((31, 500, 3), np.uint8),
        np.zeros((40, 40, 2), np.uint8),
        np.zeros((2, 40, 40, 3), np.uint8),
        np.zeros((40, 40, 3), np.float32),
        Image.new("RGB", (1, 1)),
        Image.new("F", (40, 40)),
    ],
    ids=["empty", "1x1", "thin", "2 channels", "batch", "float", "1x1 PIL", "float PIL"],
)
def test_what_is_no_photo_is_refused(photo):
    with pytest.raises(ImageError) as error:
        load_photo(photo)
    one_line(error)


def test_unreadable_files(picture, tmp_path):
    Image.fromarray(picture).resize((600, 400)).save(tmp_path / "whole.jpg")
    Image.fromarray(picture).save(tmp_path / "whole.png")
    (tmp_path / "truncated.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:3000])
    (tmp_path / "truncated.png").write_bytes((tmp_path / "whole.png").read_bytes()[:80])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "words.jpg").write_text("not a picture")
    (tmp_path / "folder.jpg").mkdir()
    for name, reason in {
        "truncated.jpg": "truncated",
        "truncated.png": "truncated",
        "empty.jpg": "empty",
        "words.jpg": "format",
        "folder.jpg": "folder",
        "nowhere.jpg": "no such file",
        "x" * 300: "cannot read",
        "a\0b": "cannot read",
    }.items():
        with pytest.raises(ImageError) as error:
            load_photo(tmp_path / name)
        assert reason in one_line(error)


@pytest.mark.parametrize("side", [9000, 20000], ids=["above our limit", "decompression bomb"])
def test_giant_photos_are_refused_before_decoding(tmp_path, side, recwarn):
    Image.new("1", (side, side)).save(tmp_path / "a.png")
    assert side * side > MAX_PIXELS
    with pytest.raises(ImageError) as error:
        load_photo(tmp_path / "a.png")
    assert "megapixels" in one_line(error)
    assert not recwarn


def test_mask_from_path_and_array(tmp_path):
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 5:9] = 1  # not 255: every value but zero counts
    Image.fromarray(mask).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([mask * 0, mask * 0, mask], -1)).save(tmp_path / "blue.png")
    rgba = np.full((40, 60, 4), 255, np.uint8)
    rgba[..., 3] = mask
    Image.fromarray(rgba).save(tmp_path / "transparent.png")
    given = [
        tmp_path / "grey.png",
        tmp_path / "blue.png",
        tmp_path / "transparent.png",
        mask,
        mask.astype(float),
        mask > 0,
    ]
    for one in given:
        loaded = load_mask(one, (40, 60))
        assert loaded.dtype == bool and np.array_equal(loaded, mask > 0)
    assert not load_mask(np.zeros((40, 60)), (40, 60)).any()


def test_bad_masks(tmp_path):
    with pytest.raises(MaskError, match="50x40 pixels.*60x40"):
        load_mask(np.zeros((40, 50)), (40, 60, 3))
    with pytest.raises(MaskError, match="whole photo"):
        load_mask(np.ones((40, 60)), (40, 60))
    with pytest.raises(MaskError, match="expected"):
        load_mask(np.zeros((40, 60, 3)), (40, 60))
    with pytest.raises(MaskError, match="no such file"):
        load_mask(tmp_path / "none.png", (40, 60))


def test_saved_images_read_back(picture, tmp_path):
    save_image(picture, tmp_path / "a.png")
    save_image(picture, tmp_path / "a.jpg", quality=95)
    assert np.array_equal(load_photo(tmp_path / "a.png"), picture)
    assert np.abs(load_photo(tmp_path / "a.jpg").astype(int) - picture).mean() < 4
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jpg", "a.png"]


def test_a_failing_save_leaves_the_old_file(picture, tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(TypeError):
        save_image(picture.astype(float), tmp_path / "a.png")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]
    with pytest.raises(OutputError, match="cannot write"):
        save_image(picture, tmp_path / "a.png" / "b.png")


def test_floats_become_bytes_and_bytes_stay(picture):
    assert to_bytes(np.array([-1, 0, 0.5, 1, 2.0])).tolist() == [0, 0, 128, 255, 255]
    assert to_bytes(picture) is picture and np.array_equal(to_bytes(picture / 255), picture)
