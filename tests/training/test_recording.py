"""Where numbers and pictures go, and what a model card says."""

import logging

import numpy as np

from occlib.training.recording import LiveCurves, Log, TensorBoard
from occlib.training.shipping import card

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


def test_a_model_card_says_what_the_run_was():
    run = {
        "stage": {"crop": 192},
        "training": {"batch": 16, "validation_samples": 200, "betas": [0.9, 0.99]},
        "data": {"source": None, "validation": None, "seed": 7},
    }
    header = {"configuration": run, "data_seed": 7, "steps": 2500, "images": 40_000, "seconds": 3600}
    header |= {"hardware": "CPU", "metrics": {"mask IoU": 0.91234}, "occlib": "0.1.0", "commit": "abc1234"}
    text = card("parser", header, 6 * 2**20)
    for words in (
        "40,000 images",
        "1:00:00",
        "6.0 MiB",
        "| mask IoU | 0.912 |",
        "commit abc1234",
        "rendered on the fly",
    ):
        assert words in text
    assert "occlib train parser --stage.crop 192 --training.batch 16" in text
    assert "--training.betas 0.9 0.99 --data.seed 7" in text and "no photo of a person" in text
