"""Where the loop's numbers and pictures go: the log, TensorBoard, or curves under a notebook's cell."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Protocol

import numpy as np

logger = logging.getLogger(__name__)


class Recorder(Protocol):
    """What the loop reports to."""

    def scalars(self, step: int, steps: int, values: dict[str, float]) -> None:
        """Numbers after `step` of `steps` steps."""

    def pictures(self, step: int, pictures: dict[str, np.ndarray]) -> None:
        """Title -> (H, W, 3) uint8."""


class Log:
    """One line a report: terms, images/s, time left."""

    def scalars(self, step: int, steps: int, values: dict[str, float]) -> None:
        values = dict(values)
        speed, left = values.pop("images per second", None), values.pop("seconds left", None)
        words = [
            f"{name.removeprefix('validation/')} {value:.4g}"
            for name, value in values.items()
            if name != "rate"
        ]
        if speed is not None:
            words += [f"{speed:.1f} images/s", f"{timedelta(seconds=round(left))} left"]
        elif words:
            words.insert(0, "validation:")
        logger.info("step %d/%d  %s", step, steps, "  ".join(words))

    def pictures(self, step: int, pictures: dict[str, np.ndarray]) -> None:
        pass


class TensorBoard:
    """Scalars and pictures in `folder`, for `tensorboard --logdir`."""

    def __init__(self, folder: str | os.PathLike):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def scalars(self, step: int, steps: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def pictures(self, step: int, pictures: dict[str, np.ndarray]) -> None:
        for title, picture in pictures.items():
            self.writer.add_image(title, picture, step, dataformats="HWC")


class LiveCurves:
    """Curves of the loss terms and the metrics, and the last pictures, drawn anew under the cell that
    trains."""

    def __init__(self):
        from IPython.display import display
        from matplotlib.figure import Figure

        self.history: dict[str, list[tuple[int, float]]] = {}
        self.shown: dict[str, np.ndarray] = {}
        self.figure = Figure(figsize=(10, 3), layout="constrained")
        self.handle = display(self.figure, display_id=True)

    def scalars(self, step: int, steps: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.history.setdefault(name, []).append((step, value))
        self.draw()

    def pictures(self, step: int, pictures: dict[str, np.ndarray]) -> None:
        self.shown = pictures
        self.draw()

    def draw(self) -> None:
        """Draw the curves and the last pictures anew, where they were shown first."""
        self.figure.clear()
        panels = self.figure.subplots(1, 2 + bool(self.shown))
        for panel, validation in zip(panels, (False, True), strict=False):
            for name, points in self.history.items():
                group, _, short = name.partition("/")
                if short and (group == "validation") == validation and short != "gradient":
                    alone = sum(other.endswith(f"/{short}") for other in self.history) == 1
                    panel.plot(*zip(*points, strict=True), label=short if alone else name)
            panel.set(xlabel="step", title="validation" if validation else "loss terms")
            if panel.lines:
                panel.legend(fontsize="x-small")
        for panel, (title, picture) in zip(panels[2:], self.shown.items(), strict=False):
            panel.imshow(picture)
            panel.set_title(title, fontsize="small")
            panel.axis("off")
        self.handle.update(self.figure)
