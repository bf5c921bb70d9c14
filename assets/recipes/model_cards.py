"""The model cards of the weights in assets/checkpoints, with the evaluations that they quote.

    python assets/recipes/model_cards.py [parser] [joint]

The first takes ten minutes on two cores, the second three quarters of an hour. Training writes the weights (`occlib train STAGE --out DIR`); from there they
are copied into assets/checkpoints. The pictures of the second are made by completion_sheets.py.
"""

import os
import sys

from occlib.assets import path
from occlib.evaluation.parsing import evaluate_parsing
from occlib.evaluation.synthesis import evaluate_synthesis
from occlib.evaluation.verification import evaluate_verification
from occlib.files import whole_file
from occlib.networks import load_weights
from occlib.training.shipping import card

COUNT = 100
"""Samples of the world for synthesis: half of what `occlib evaluate` takes by default."""


def evaluate_completion() -> str:
    workers = os.cpu_count()
    return f"{evaluate_synthesis(COUNT, workers=workers)}\n\n{evaluate_verification(workers=workers)}"


EVALUATIONS = {"parser": evaluate_parsing, "joint": evaluate_completion}
PICTURES = {
    "joint": """
## What it looks like

Not chosen by hand: photo and hole, complete face; contours, the photo that was covered.

![24 rendered faces of the test split, each with its hole, contours, complete face and truth](completed_world.jpg)

![12 real photos behind rendered occluders, each with its hole, contours, complete face and truth](completed_photos.jpg)
"""
}


def main(names: list[str]) -> None:
    for name in names or EVALUATIONS:
        weights = path(f"checkpoints/{name}.safetensors", recipe=f"occlib train {name} --out DIR")
        _, header = load_weights(weights)
        text = card(name, header, weights.stat().st_size, EVALUATIONS[name]())
        with whole_file(weights.with_suffix(".md")) as part:
            part.write_text(text + PICTURES.get(name, ""))


if __name__ == "__main__":
    main(sys.argv[1:])
