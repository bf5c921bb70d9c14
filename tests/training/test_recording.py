"""Where numbers and pictures go, and what a model card says."""

import logging

import numpy as np
import pytest
import torch

from occlib.errors import TrainingError
from occlib.networks import save_weights
from occlib.training.recording import LiveCurves, Log, TensorBoard
from occlib.training.shipping import card, stored_options

VALUES = {"rate": 0.1, "parser/mask": 0.5, "images per second": 8.25, "seconds left": 3725.4}
PICTURE = np.zeros((8, 12, 3), np.uint8)


def test_the_log_tells_speed_and_time_left(caplog):
    caplog.set_level(logging.INFO, "occlib.training")
    Log().scalars(10, 20, VALUES)
    Log().scalars(20, 20, {"validation/mask IoU": 0.9})
    assert caplog.messages[0] == "step 10/20  parser/mask 0.5  8.2 images/s  1:02:05 left"
    assert caplog.messages[1] == "step 20/20  validation:  mask IoU 0.9"


def test_tensorboard_reads_back_scalars_and_pictures(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = TensorBoard(tmp_path)
    board.scalars(10, 20, VALUES)
    board.pictures(10, {"masks": PICTURE})
    board.writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Scalars("parser/mask")[0].value == 0.5 and events.Scalars("parser/mask")[0].step == 10
    assert events.Images("masks")[0].width == 12


def test_curves_are_drawn_under_the_cell(monkeypatch):
    updates = []

    class Handle:
        def update(self, figure):
            updates.append([len(axes.lines) for axes in figure.axes])

    monkeypatch.setattr("IPython.display.display", lambda figure, display_id: Handle())
    curves = LiveCurves()
    curves.scalars(1, 2, VALUES)
    curves.scalars(2, 2, {**VALUES, "validation/mask IoU": 0.9})
    curves.pictures(2, {"masks": PICTURE})
    assert updates == [[1, 0], [1, 1], [1, 1, 0]]


def header(source):
    run = {
        "stage": {"crop": 192, "widths": [96, 64]},
        "training": {"batch": 16, "validation_samples": 200, "betas": [0.9, 0.99]},
        "data": {"source": source, "validation": None, "seed": 7},
    }
    data = {"seed": 7, "size": 256, "split": "train"} | ({"count": 6000} if source else {})
    known = {"configuration": run, "data": data, "steps": 2500, "images": 40_000, "seconds": 3600}
    return known | {"hardware": "CPU", "metrics": {"mask IoU": 0.91234}, "occlib": "0.1.0", "commit": "abc1234"}


def test_a_model_card_says_what_the_run_was():
    text = card("parser", header(None), 6 * 2**20)
    for words in (
        "2,500 of 16 images a step: 40,000 images in 1:00:00, 11.1 images/s",
        "6.0 MiB",
        "| mask IoU | 0.912 |",
        "commit abc1234",
        "rendered on the fly",
        "no photo of a person",
        "    occlib train parser --config parser.safetensors --out DIR",
    ):
        assert words in text
    assert "On the test split" not in text


def test_a_model_card_says_how_to_make_the_data_and_what_the_evaluation_found():
    text = card("parser", header("heads"), 6 * 2**20, "hands  0.8\ncups   0.9")
    assert "    occlib world --count 6000 --seed 7 --size 256 --split train --shards --out heads" in text
    assert "    hands  0.8\n    cups   0.9\n" in text


def test_a_model_card_counts_the_run_that_it_went_on_from():
    last = header("heads") | {"before": [header("heads")]}
    last["configuration"]["training"]["start"] = "first.safetensors"
    text = card("parser", last, 6 * 2**20)
    assert "2,500 of 16, then 2,500 of 16 images a step: 80,000 images in 2:00:00" in text
    assert "occlib train parser --stage.crop 192 --stage.widths 96 64" in text
    assert "    cp 1/parser.safetensors first.safetensors\n    occlib train parser --config" in text


def test_a_model_card_tells_the_phases_of_a_joint_run_that_went_on_with_fits():
    def phase(before, folders=None, fits=None):
        one = header("heads") | {"before": before, "fits": fits and 500}
        one["configuration"]["stage"] |= {"contours_run": folders, "synthesis_run": folders}
        one["configuration"]["stage"] |= {"synthesis": {"faces": {"fits": fits}}}
        return one

    first = phase([header("heads"), header("heads")])
    first["configuration"]["stage"] |= {"contours_run": "contours", "synthesis_run": "synthesis"}
    text = card("joint", phase([first], "first", "fits.npz"), 6 * 2**20)
    commands = [line.split(" --")[0].strip() for line in text.splitlines() if line.startswith("    occlib")]
    assert commands == [
        "occlib world", "occlib train contours", "occlib train synthesis", "occlib train joint",
        "occlib fits heads", "occlib train joint",
    ]  # fmt: skip
    assert "--out first\n" in text and "occlib fits heads --count 500 --out fits.npz" in text


def test_weights_tell_the_options_that_made_them(tmp_path):
    save_weights(tmp_path / "a.safetensors", {"x": torch.zeros(2)}, header("heads"))
    assert stored_options(tmp_path / "a.safetensors") == [
        "--data.seed", "7", "--data.source", "heads", "--stage.crop", "192", "--stage.widths", "96", "64",
        "--training.batch", "16", "--training.betas", "0.9", "0.99", "--training.validation-samples", "200",
    ]  # fmt: skip
    save_weights(tmp_path / "b.safetensors", {"x": torch.zeros(2)}, {})
    with pytest.raises(TrainingError, match="how it was trained"):
        stored_options(tmp_path / "b.safetensors")
