"""Blocks that several stages share, and how the weights of every stage are stored and read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from occlib import assets
from occlib.errors import MissingAssetError
from occlib.files import whole_file

INT8_FROM = 4096
"""Tensors with fewer numbers stay float16: scales would eat what 8 bits save."""


class InvertedResidual(nn.Module):
    """x -> 1x1 expand -> depthwise k x k -> 1x1 project (+ x where size and channels stay): MobileNetV2's
    block."""

    def __init__(self, channels_in: int, channels_out: int, expand: int, kernel: int, stride: int):
        super().__init__()
        middle = channels_in * expand
        self.expand = nn.Conv2d(channels_in, middle, 1) if expand > 1 else None
        self.depthwise = nn.Conv2d(middle, middle, kernel, stride, kernel // 2, groups=middle)
        self.project = nn.Conv2d(middle, channels_out, 1)
        self.shortcut = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.shortcut else y


class LiteEncoder(nn.Module):
    """EfficientNet-Lite0 (Tan & Le 2019) without its head: images (N, 3, H, W), RGB in [0, 1] -> five feature
    maps.

    The maps have `channels` channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size. Each learnt batch
    normalisation is folded into the convolution before it, where it is frozen: what is left are convolutions
    with a bias.
    """

    LAYOUT = (  # expand, kernel, stride, repeats, channels
        (1, 3, 1, 1, 16), (6, 3, 2, 2, 24), (6, 5, 2, 2, 40), (6, 3, 2, 3, 80),
        (6, 5, 1, 3, 112), (6, 5, 2, 4, 192), (6, 3, 1, 1, 320),
    )  # fmt: skip
    TAPS = (0, 2, 4, 10, 15)
    """Blocks whose output is the last of its size."""
    channels = (16, 24, 40, 112, 320)
    PRETRAINED = "pretrained/efficientnet_lite0.safetensors"

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        blocks, channels = [], 32
        for expand, kernel, stride, repeats, out in self.LAYOUT:
            for repeat in range(repeats):
                blocks.append(InvertedResidual(channels, out, expand, kernel, 1 if repeat else stride))
                channels = out
        self.blocks = nn.ModuleList(blocks)

    @classmethod
    def pretrained(cls) -> LiteEncoder:
        """With the ImageNet weights that ship."""
        encoder = cls()
        encoder.load_state_dict(
            load_weights(assets.path(cls.PRETRAINED, recipe="python assets/recipes/bake_encoder.py"))[0]
        )
        return encoder

    def freeze(self, blocks: int) -> None:
        """Keep the stem and the first blocks as they are: they know edges and colours already."""
        for part in (self.stem, *self.blocks[:blocks]) if blocks else ():
            part.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        x = F.relu6(self.stem((255 * images - 127) / 128))
        taps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.TAPS:
                taps.append(x)
        return taps


class PlainEncoder(nn.Module):
    """The encoder of a U-Net (Ronneberger et al. 2015) with a normalisation for every convolution: images (N,
    3, H, W), RGB in [0, 1] -> feature maps of `channels` channels at 1/2, 1/4, 1/8, ... of the size."""

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        self.channels = channels
        sizes = zip((3, *channels), channels, strict=False)
        self.levels = nn.ModuleList(
            nn.Sequential(*convolution(a, b, stride=2), *convolution(b, b)) for a, b in sizes
        )

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        x, taps = 2 * images - 1, []
        for level in self.levels:
            x = level(x)
            taps.append(x)
        return taps


def convolution(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> Iterator[nn.Module]:
    """Convolution, group normalisation (the same for one image as for a batch), ReLU."""
    yield nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    yield nn.GroupNorm(4, channels_out)
    yield nn.ReLU()


def save_weights(
    path: str | os.PathLike, state: dict[str, torch.Tensor], header: dict, *, int8: bool = False
) -> None:
    """Write the tensors of a network as float16, with `header` as JSON beside them; whole or not at all.

    int8: large tensors as integers with one scale an output channel: value = scale * integer.
    """
    stored = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().float().contiguous()
        if int8 and tensor.ndim > 1 and tensor.numel() >= INT8_FROM:
            scale = tensor.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
            stored[name] = (tensor / scale.reshape(-1, *[1] * (tensor.ndim - 1))).round().to(torch.int8)
            stored[f"{name}.scale"] = scale
        else:
            stored[name] = tensor.half()
    with whole_file(path) as part:
        save_file(stored, part, metadata={"header": json.dumps(header, sort_keys=True)})


def load_weights(path: str | os.PathLike) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors that `save_weights` wrote, in float32, and their header. Raises MissingAssetError if it
    cannot be read."""
    try:
        with safe_open(Path(path), "pt") as file:
            stored = {name: file.get_tensor(name) for name in file.keys()}
            header = json.loads((file.metadata() or {}).get("header", "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise MissingAssetError(f"{path} holds no weights ({error}): train or fetch them again") from error
    values = {}
    for name, tensor in stored.items():
        if name.endswith(".scale"):
            continue
        values[name] = tensor.float()
        if tensor.dtype == torch.int8:
            values[name] *= stored[f"{name}.scale"].reshape(-1, *[1] * (tensor.ndim - 1))
    return values, header
