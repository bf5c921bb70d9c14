"""Random facial expressions as weights of semantic units: few at once, both sides alike."""

import numpy as np

# Opposite movements of the same part: of each pair the weaker one is left out.
_EXCLUDES = [
    ("jawOpen", "jawDrop"), ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"),
    ("mouthPucker", "mouthFunnel"),
    *((f"eyeLook{a}{side}", f"eyeLook{b}{side}") for a, b in (("Up", "Down"), ("In", "Out"))
      for side in ("Left", "Right")),
    *((f"eyeWide{side}", f"eyeBlink{side}") for side in ("Left", "Right")),
    *((f"mouthSmile{side}", f"mouthFrown{side}") for side in ("Left", "Right")),
    *((f"browOuterUp{side}", f"browDown{side}") for side in ("Left", "Right")),
]
_GAZE_TWIN = {"eyeLookIn": "eyeLookOut", "eyeLookOut": "eyeLookIn"}  # both eyes turn the same way


def sample_expression_units(names: tuple[str, ...], count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, len(names)) float32 weights in [0, 1] of the semantic units `names`
    (`MorphableModel.unit_names`).

    About a fifth of the faces are nearly neutral. Otherwise each unit moves with probability 0.15, its twin
    on the other side nearly as much (eyes turn together); mouthClose stays below jawOpen; opposites exclude
    each other.
    """
    column = {name: k for k, name in enumerate(names)}
    strength = rng.beta(1.2, 1.8, (count, len(names)))
    weights = np.where(rng.random(strength.shape) < 0.15, strength, 0.0)
    weights *= np.where(rng.random((count, 1)) < 0.2, 0.15, 1.0)
    _leave_out_weaker(weights, column)  # before the right side follows the left: eyes never part
    one_sided = rng.random((count, len(names))) < 0.15
    for name, k in column.items():
        if name.endswith("Left"):
            stem = name.removesuffix("Left")
            twin = column[_GAZE_TWIN.get(stem, stem) + "Right"]
            wobble = np.maximum(rng.normal(1.0, 0.1, count), 0)
            alike = np.minimum(weights[:, k] * wobble, 1)
            alone = one_sided[:, k] & ("Look" not in stem)
            if stem not in ("jaw", "mouth"):  # those shift to one side: Left and Right are opposites
                weights[:, twin] = np.where(alone, weights[:, twin], alike)
    _leave_out_weaker(weights, column)
    # Lips may stay together while the jaw drops.
    closing = np.where(rng.random(count) < 0.3, rng.random(count), 0.0)
    weights[:, column["mouthClose"]] = closing * weights[:, column["jawOpen"]]
    return weights.astype(np.float32)


def _leave_out_weaker(weights, column):
    for a, b in _EXCLUDES:
        weaker = np.where(weights[:, column[a]] < weights[:, column[b]], column[a], column[b])
        weights[np.arange(len(weights)), weaker] = 0.0
