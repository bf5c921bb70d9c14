"""Whatever picture, mask or folder a user brings: a mesh, or one line that says what is wrong.

Runs the real pipeline through the command line's `main`, with a fit of a few steps.
"""

import functools
import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from occlib import assets, cli, pipeline
from occlib.reconstruction import FitSettings

QUICK = FitSettings(levels=((64, 2),))
FILES = {"mesh.obj", "mesh.mtl", "texture.png", "mesh.ply", "mesh.glb", "stages.jpg", "result.json"}


@pytest.fixture(autouse=True)
def quick_fit(monkeypatch):
    monkeypatch.setattr(pipeline, "reconstruct", functools.partial(pipeline.reconstruct, settings=QUICK))
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.fixture(scope="module")
def portrait():
    with Image.open(assets.path("photos/astronaut.jpg")) as image:
        return image.convert("RGB")


@pytest.fixture
def run(tmp_path, capsys, caplog):
    """Run `occlib reconstruct` on a picture saved as `name`: exit code, messages, result.json or None."""

    def run(image, name="photo.png", *options, out=tmp_path / "out", **save):
        if image is not None:
            image.save(tmp_path / name, **save)
        before = set(tmp_path.iterdir())
        with pytest.raises(SystemExit) as exit:
            cli.main(["reconstruct", str(tmp_path / name), "--out", str(out), *map(str, options)])
        error = capsys.readouterr().err
        if exit.value.code == 0:
            assert {file.name for file in out.iterdir()} == FILES
            return 0, error + caplog.text, json.loads((out / "result.json").read_text())
        assert len(error.splitlines()) == 1 and "Traceback" not in error
        assert set(tmp_path.iterdir()) == before, "a failing photo leaves nothing behind"
        return exit.value.code, error, None

    return run


def refused(outcome, reason):
    code, error, _ = outcome
    assert code == 1
    assert reason in error


def test_unreadable(run, tmp_path):
    (tmp_path / "words.jpg").write_text("not a picture")
    refused(run(None, "words.jpg"), "not a picture in a known format")
    refused(run(None, "nowhere.jpg"), "no such file")


def test_truncated(run, portrait, tmp_path):
    portrait.save(tmp_path / "whole.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:9000])
    refused(run(None, "half.jpg"), "truncated")


def test_empty(run, tmp_path):
    (tmp_path / "empty.jpg").touch()
    refused(run(None, "empty.jpg"), "empty")


def test_one_pixel(run):
    refused(run(Image.new("RGB", (1, 1))), "too small")


def test_faceless(run):
    refused(run(Image.fromarray(skimage.data.coffee())), "no face")


def test_20_megapixels(run, portrait):
    code, _, result = run(portrait.resize((4480, 4480)), "large.jpg")
    assert code == 0
    nose = np.array(result["landmarks_2d"][33]) / 4480 * portrait.width
    _, _, small = run(portrait, "small.png")
    assert np.abs(nose - small["landmarks_2d"][33]).max() < 0.02 * portrait.width


@pytest.mark.parametrize("mode", ["L", "16 bit", "RGBA", "CMYK"])
def test_other_kinds_of_pixels(run, portrait, mode):
    if mode == "16 bit":
        image = Image.fromarray(np.asarray(portrait.convert("L")).astype(np.uint16) * 257)
    else:
        image = portrait.convert(mode)
    code, _, result = run(image, "photo.tif" if mode == "CMYK" else "photo.png")
    assert code == 0 and len(result["landmarks_3d"]) == 68


def test_exif_rotated_is_the_same_photo(run, portrait):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side, to be turned clockwise
    _, _, turned = run(portrait.transpose(Image.Transpose.ROTATE_90), "turned.png", exif=exif)
    _, _, upright = run(portrait, "upright.png")
    assert turned == upright


def test_crowded_takes_the_largest_face_and_says_so(run, portrait):
    crowd = Image.new("RGB", (1000, 600), "grey")
    crowd.paste(portrait.resize((480, 480)), (500, 60))
    for row in range(3):
        crowd.paste(portrait.resize((180, 180)), (40 + 200 * (row % 2), 10 + 195 * row))
    code, said, result = run(crowd)
    assert code == 0 and result["faces_in_photo"] >= 3
    assert "faces" in said
    assert result["landmarks_2d"][33][0] > 500


def test_mask_of_another_size(run, portrait, tmp_path):
    Image.new("L", (30, 40)).save(tmp_path / "mask.png")
    outcome = run(portrait, "photo.png", "--mask", tmp_path / "mask.png")
    refused(outcome, f"30x40 pixels but its photo {portrait.width}x{portrait.height}")


def test_full_mask(run, portrait, tmp_path):
    Image.new("L", portrait.size, 255).save(tmp_path / "mask.png")
    refused(run(portrait, "photo.png", "--mask", tmp_path / "mask.png"), "covers the whole photo")


def test_mask_over_the_whole_face(run, portrait, tmp_path):
    mask = np.full((portrait.height, portrait.width), 255, np.uint8)
    mask[:4] = 0
    Image.fromarray(mask).save(tmp_path / "mask.png")
    refused(run(portrait, "photo.png", "--mask", tmp_path / "mask.png"), "face")


def test_unreadable_mask(run, portrait, tmp_path):
    refused(run(portrait, "photo.png", "--mask", tmp_path / "none.png"), "no such file")


def test_folder_that_cannot_be_written(run, portrait, tmp_path):
    (tmp_path / "file").write_text("kept")
    refused(run(portrait, out=tmp_path / "file" / "below"), "cannot write")
    refused(run(portrait, out=tmp_path / "file"), "cannot write")
    assert (tmp_path / "file").read_text() == "kept"


def test_disk_that_fills_up_while_saving(run, portrait, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline, "write_glb", full)
    refused(run(portrait), "No space left on device")
