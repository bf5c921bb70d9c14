"""Ready-made runs.

`small` trains on two CPU cores in at most two hours, `base` has the paper's sizes and is for one GPU.
"""

from occlib.parsing.augmentation import Augmentation
from occlib.parsing.stage import ParserSettings
from occlib.training.settings import Run, Training

PRESETS: dict[str, dict[str, Run]] = {
    "parser": {
        "small": Run(ParserSettings(), Training(steps=7000, batch=8, rate=1.5e-3, workers=1)),
        "base": Run(
            ParserSettings(
                encoder="plain",
                widths=(512, 256, 128, 64),
                crop=256,
                augmentation=Augmentation(scale=(0.8, 1.2)),
            ),
            Training(
                steps=100_000,
                batch=32,
                rate=5e-4,
                warmup=1000,
                ema=0.9995,
                precision="bf16",
                validation_samples=500,
                validate_every=2000,
                workers=12,
                save_every=1000,
                report_every=100,
            ),
        ),
    },
}
