"""Notebook 01: leafing through the synthetic world."""

import ipywidgets
import numpy as np

from occlib.data.occluders import FAMILIES
from occlib.data.world import FRINGE, SPLITS, World
from occlib.errors import DataError
from occlib.plotting import VIEWS, encoded, sample_views
from occlib.widgets.live import Live

ANY = "any"
"""Instead of a family's name: any of the split's."""


def look(
    index: int,
    seed: int = 0,
    split: str = "train",
    family: str = ANY,
    coverage: tuple[float, float] = (0.0, 0.6),
    size: int = 192,
) -> tuple[np.ndarray, str]:
    """VIEWS of one sample side by side, (size, 5 size, 3) uint8, and a line that says what is to be seen.

    A family that cannot hide as much as asked gives a white picture and the reason.
    """
    families = None if family == ANY else [family]
    bare = 0.1 if family == ANY else 0.0  # who asks for a family wants to see it
    try:
        sample = World(seed, size, split, families, coverage, bare)[index]
    except DataError as error:
        return np.full((size, len(VIEWS) * size, 3), 255, np.uint8), str(error)
    picture = np.hstack(list(sample_views(sample).values()))
    hidden = f"{sample.occluder or 'nothing'} hides {sample.coverage:.0%} of the face"
    words = f"World(seed={seed}, split={split!r})[{index}]: {hidden}; hair: {sample.info['hair']}"
    return (255 * picture).round().astype(np.uint8), words


def gallery(seed: int = 0, *, size: int = 192) -> Live:
    """Boxes for seed, split, family of occluders, coverage and number, and buttons to the neighbours.

    Tab goes from one to the next; Enter or Space presses a button, arrows move the coverage.
    """
    wide = {"layout": {"width": "11em"}, "style": {"description_width": "5.5em"}}
    boxes = {
        "seed": ipywidgets.BoundedIntText(seed, min=0, max=2**31, description="seed", **wide),
        "split": ipywidgets.Dropdown(options=SPLITS, description="split", **wide),
        "family": ipywidgets.Dropdown(
            options=(ANY, *FAMILIES, FRINGE), description="occluder", layout={"width": "14em"}
        ),
        "coverage": ipywidgets.IntRangeSlider(
            value=(0, 60), min=0, max=60, step=5, description="hides %", layout={"width": "20em"}
        ),
        "index": ipywidgets.BoundedIntText(0, min=0, max=10**6 - 1, description="number", **wide),
    }
    previous = ipywidgets.Button(description="previous", icon="arrow-left", layout={"width": "7em"})
    following = ipywidgets.Button(description="next", icon="arrow-right", layout={"width": "7em"})

    def shown() -> tuple[np.ndarray, str]:
        values = {name: box.value for name, box in boxes.items()}
        values["coverage"] = tuple(share / 100 for share in values["coverage"])
        return look(**values, size=size)

    still, words = shown()
    image = ipywidgets.Image(value=encoded(still, "jpeg"), format="jpeg", alt=words)
    caption = ipywidgets.Label(words)

    def update(_):
        picture, caption.value = shown()
        image.value, image.alt = encoded(picture, "jpeg"), caption.value

    for box in boxes.values():
        box.observe(update, "value")
    for button, step in ((previous, -1), (following, 1)):
        button.on_click(lambda _, step=step: setattr(boxes["index"], "value", boxes["index"].value + step))
    rows = [
        ipywidgets.HBox([boxes["seed"], boxes["split"], boxes["family"]]),
        ipywidgets.HBox([boxes["coverage"], boxes["index"], previous, following]),
        image,
        caption,
    ]
    alt = f"A sample of the world in five views: {', '.join(VIEWS)}; run the cell to leaf through others."
    return Live([ipywidgets.VBox(rows)], still, alt)
