"""One training loop for every network of the course. Read `loop.py` first; `stage.py` says what it asks of a
stage."""

from occlib.training.loop import train
from occlib.training.presets import PRESETS
from occlib.training.settings import Data, Run, Training
from occlib.training.shipping import ship
from occlib.training.stage import Stage, StageSettings

__all__ = ["PRESETS", "Data", "Run", "Stage", "StageSettings", "Training", "ship", "train"]
