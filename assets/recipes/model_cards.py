"""The model cards of the weights in assets/checkpoints, with the evaluations that they quote.

    python assets/recipes/model_cards.py

Takes about ten minutes on two cores. Training writes the weights (`occlib train STAGE --out DIR`); from there
they are copied into assets/checkpoints.
"""

from occlib.assets import path
from occlib.evaluation.parsing import evaluate_parsing
from occlib.files import whole_file
from occlib.networks import load_weights
from occlib.training.shipping import card

EVALUATIONS = {"parser": evaluate_parsing}


def main() -> None:
    for name, evaluate in EVALUATIONS.items():
        weights = path(f"checkpoints/{name}.safetensors", recipe=f"occlib train {name} --out DIR")
        _, header = load_weights(weights)
        with whole_file(weights.with_suffix(".md")) as part:
            part.write_text(card(name, header, weights.stat().st_size, evaluate()))


if __name__ == "__main__":
    main()
