"""Features phi of Eq. 6: the first layers of a network that has seen many photos.

The paper does not name it; EdgeConnect takes VGG-19, whose weights cannot ship. EfficientNet-Lite0's do.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from occlib.errors import MissingAssetError
from occlib.networks import LiteEncoder


def read_features(vgg: str | os.PathLike | None = None) -> nn.Module:
    """phi: images (N, 3, H, W), RGB in [0, 1] -> feature maps from fine to coarse, differentiable; frozen.

    vgg: a file of torchvision's VGG-19; without one EfficientNet-Lite0.
    """
    features = LiteFeatures() if vgg is None else VGGFeatures.load(vgg)
    return features.eval().requires_grad_(False)


class LiteFeatures(nn.Module):
    """EfficientNet-Lite0 as it ships, its first three maps: 16, 24 and 40 channels at 1/2, 1/4 and 1/8.

    Images (N, 3, H, W) in [0, 1] -> (N, 16, H/2, W/2), (N, 24, H/4, W/4), (N, 40, H/8, W/8).

    Each map is divided by its root mean square over photos of faces: the weights of Eq. 8 are made for
    features of about that size.
    """

    SIZES = (4.6, 7.8, 7.1)

    def __init__(self):
        super().__init__()
        self.encoder = LiteEncoder.pretrained()
        self.encoder.blocks = self.encoder.blocks[: self.encoder.TAPS[len(self.SIZES) - 1] + 1]

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [x / size for x, size in zip(self.encoder(images), self.SIZES, strict=True)]


_UNREADABLE = (
    OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError, SafetensorError,
)  # fmt: skip


class VGGFeatures(nn.Module):
    """VGG-19 (Simonyan & Zisserman 2015), the maps that EdgeConnect compares: relu2_2, 3_4, 4_4, 5_2.

    Images (N, 3, H, W), RGB in [0, 1] -> four maps: (N, 128, H/2, W/2), ..., (N, 512, H/16, W/16).
    """

    TAPS = (8, 17, 26, 31)
    """Their numbers among the layers of torchvision's `vgg19().features`."""

    def __init__(self):
        super().__init__()
        from torchvision.models import vgg19  # slow to import, and seldom wanted

        self.layers = vgg19(weights=None).features[: self.TAPS[-1] + 1]
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225])[:, None, None])

    @classmethod
    def load(cls, file: str | os.PathLike) -> VGGFeatures:
        """With the weights of `file`, torchvision's state dict of vgg19 as `.pth` or `.safetensors`.

        Raises MissingAssetError when it is not there or holds something else. Only tensors are unpickled.
        """
        file = Path(file)
        try:
            if file.suffix == ".safetensors":
                state = load_file(file)
            else:
                state = torch.load(file, map_location="cpu", weights_only=True)
            features = cls()
            layers = features.layers.state_dict()
            features.layers.load_state_dict({key: state[f"features.{key}"] for key in layers})
        except _UNREADABLE as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise MissingAssetError(
                f"{file} holds no weights of VGG-19 ({reason}): torchvision has them as vgg19-dcbb9e9d.pth"
            ) from error
        return features

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        x, taps = (images - self.mean) / self.deviation, []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in self.TAPS:
                taps.append(x)
        return taps
