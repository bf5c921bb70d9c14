"""The pictures and the table of the world's data set card.

    python assets/recipes/contact_sheets.py

Writes assets/world/contact_256.jpg (the first 24 samples of the training split, at 256 pixels) and contact_512.jpg (of
the test split, at 512 pixels, shown smaller), not chosen by hand; prints how often each occluder is drawn and how much
it hides.
"""

from collections import defaultdict

import numpy as np
from tqdm import tqdm

from occlib import assets
from occlib.data import World
from occlib.images import save_image
from occlib.plotting import contact_sheet

SEED = 0
COUNT = 24
SHEETS = (("contact_256.jpg", "train", 256, 256, 72), ("contact_512.jpg", "test", 512, 280, 70))
"""File, split, size of the samples, of their photos on the sheet, and JPEG quality."""
COUNTED, COUNTED_SIZE = 1000, 64


def occluder_table(split: str) -> str:
    """Lines "| family | % of samples | mean, 5 % and 95 % of the coverage |" over COUNTED samples."""
    world, shares = World(SEED, COUNTED_SIZE, split), defaultdict(list)
    for number in tqdm(range(COUNTED), split):
        sample = world[number]
        shares[sample.occluder or "nothing"].append(sample.coverage)
    lines = []
    for name, found in sorted(shares.items(), key=lambda item: -len(item[1])):
        low, high = np.quantile(found, [0.05, 0.95])
        lines.append(f"| {name} | {len(found) / COUNTED:.1%} | {np.mean(found):.0%} ({low:.0%}–{high:.0%}) |")
    return "\n".join([split, *lines])


def main() -> None:
    folder = assets.root() / "world"
    folder.mkdir(exist_ok=True)
    for name, split, size, side, quality in SHEETS:
        world = World(SEED, size, split)
        samples = [world[number] for number in tqdm(range(COUNT), name)]
        save_image(contact_sheet(samples, side=side), folder / name, quality=quality)
    for split in ("train", "test"):
        print(occluder_table(split))


if __name__ == "__main__":
    main()
