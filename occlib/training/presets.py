"""Ready-made runs.

`small` trains on two CPU cores in at most two hours, `base` has the paper's sizes and is for one GPU.
"""

from dataclasses import replace

from occlib.contours.stage import ContoursSettings
from occlib.data.augmenting import Photography
from occlib.data.holes import Incomplete
from occlib.parsing.augmentation import Augmentation
from occlib.parsing.stage import ParserSettings
from occlib.synthesis.stage import SynthesisSettings
from occlib.training.joint import JointSettings
from occlib.training.settings import Run, Training

NARROW = {"widths": (64, 128, 128), "blocks": 6, "fold": 4, "skips": True, "judge_width": 16}
"""A generator for CPUs: folded pixels, so that nothing is computed at full size."""
WHOLE = Incomplete(crop=256, scale=(0.9, 1.1))
SMALL_CONTOURS = ContoursSettings(**NARROW, adversarial=0.1, features=1.0, lines=10.0)
# The pixels lead: in few steps they get further than style does, which is what Eq. 8 gives most weight.
SMALL_SYNTHESIS = SynthesisSettings(
    **NARROW, compose=True, pixels=4.0, style=100.0, perceptual=0.5, style_region="whole"
)
# Together, in faces nearly as large as at use, and the pixels lead even more: N_syn learns how far to trust the lines.
SMALL_JOINT = JointSettings(
    SMALL_CONTOURS,
    replace(
        SMALL_SYNTHESIS,
        pixels=6.0,
        style=60.0,
        faces=Incomplete(
            crop=160, scale=(0.6, 0.95), own=0.5, other=0.1, shape=0.15, block=0.25, photography=Photography(grey=0.25)
        ),
    ),
)
BASE_CONTOURS = ContoursSettings(faces=WHOLE)
BASE_SYNTHESIS = SynthesisSettings(faces=WHOLE)
# What generators and discriminators need, other than the parser: little momentum, and small steps.
SMALL = Training(
    steps=4000,
    batch=16,
    rate=1e-3,
    warmup=50,
    betas=(0.5, 0.99),
    validation_samples=64,
    validate_every=500,
    workers=1,
)
BASE = Training(
    steps=100_000,
    batch=16,
    rate=1e-4,
    warmup=1000,
    betas=(0.0, 0.9),
    ema=0.9995,
    precision="bf16",
    validation_samples=200,
    validate_every=2000,
    workers=12,
    save_every=1000,
    report_every=100,
)

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
    "contours": {"small": Run(SMALL_CONTOURS, replace(SMALL, steps=1800, rate=7e-4)), "base": Run(BASE_CONTOURS, BASE)},
    "synthesis": {"small": Run(SMALL_SYNTHESIS, SMALL), "base": Run(BASE_SYNTHESIS, BASE)},
    "joint": {
        "small": Run(SMALL_JOINT, replace(SMALL, steps=6000, batch=8, rate=5e-4, validate_every=600)),
        "base": Run(JointSettings(BASE_CONTOURS, BASE_SYNTHESIS), replace(BASE, steps=50_000, rate=5e-5)),
    },
}
