"""Notebook 01: leafing through the synthetic world."""

import numpy as np

from occlib.data.occluders import FAMILIES
from occlib.data.world import FRINGE, SPLITS, World
from occlib.errors import DataError
from occlib.plotting import VIEWS, sample_views
from occlib.widgets.live import Choice, Live, Number, Panel, Slider

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
    """Seed, split, family of occluders, coverage in percent and number of a sample, and buttons to the
    neighbours."""
    controls = {
        "index": Number("number", 0, 10**6 - 1),
        "seed": Number("seed", 0, 2**31, seed),
        "split": Choice("split", tuple(SPLITS), "train"),
        "family": Choice("occluder", (ANY, *FAMILIES, FRINGE), ANY),
        "least": Slider("hides at least, %", 0, 60, 5, 0),
        "most": Slider("hides at most, %", 0, 60, 5, 60),
    }

    def shown(least: int, most: int, **values) -> tuple[np.ndarray, str]:
        return look(**values, coverage=(min(least, most) / 100, most / 100), size=size)

    def leaf(step: int) -> dict[str, int]:
        return {"index": max(panel.state()["index"] + step, 0)}

    alt = f"A sample of the world in five views: {', '.join(VIEWS)}; run the cell to leaf through others."
    buttons = {"previous": lambda: leaf(-1), "next": lambda: leaf(1)}
    panel = Panel(shown, controls, alt, buttons=buttons)
    return Live([panel], panel.pixels, alt)
