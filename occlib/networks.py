"""Blocks that several stages share, and how the weights of every stage are stored and read."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from occlib import assets
from occlib.errors import MissingAssetError
from occlib.files import whole_file

INT8_FROM = 4096
"""Tensors with fewer numbers stay float16: scales would eat what 8 bits save."""


class InvertedResidual(nn.Module):
    """x -> 1x1 expand -> depthwise k x k -> 1x1 project (+ x where size and channels stay): MobileNetV2's
    block (Sandler et al. 2018), from (N, C, H, W) to (N, C', H / stride, W / stride)."""

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


class ResidualBlock(nn.Module):
    """x + N(W_2 ReLU(N(W_1 x))), W_1 a 3x3 convolution of some dilation, W_2 a plain one, N a
    normalisation (He et al. 2016); (N, C, H, W) -> the same shape."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
            instance_norm(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            instance_norm(channels),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class ResidualGenerator(nn.Module):
    """From a picture to another of its size (N, channels_in, H, W) -> (N, channels_out, H, W), any numbers.

    Johnson et al. 2016's generator as EdgeConnect (Nazeri et al. 2019) has it: in by a 7x7 convolution, down
    twice, `blocks` residual blocks of dilation 2, which see the whole of a face, up twice, and out.

    widths: channels at 1, 1/2 and 1/4 of the size. fold: f folds each f x f pixels into channels first, so
    that the widths are those at 1/f, 1/2f and 1/4f: 1/f^2 of the work. skips: what the way down saw is added
    on the way up, so that lines need not pass through the smallest maps. H and W must be multiples of 4 fold.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        widths: tuple[int, int, int] = (64, 128, 256),
        blocks: int = 8,
        fold: int = 1,
        skips: bool = False,
    ):
        super().__init__()
        self.fold, self.skips = fold, skips
        kernel = 7 if fold == 1 else 3  # of folded pixels
        a, b, c = widths
        self.enter = _layer(nn.Conv2d(channels_in * fold**2, a, kernel, padding=kernel // 2), a)
        self.downs = nn.ModuleList(
            _layer(nn.Conv2d(wide, wider, 4, 2, 1), wider) for wide, wider in ((a, b), (b, c))
        )
        self.blocks = nn.Sequential(*(ResidualBlock(c, dilation=2) for _ in range(blocks)))
        self.ups = nn.ModuleList(
            _layer(nn.ConvTranspose2d(wider, wide, 4, 2, 1), wide) for wider, wide in ((c, b), (b, a))
        )
        self.leave = nn.Conv2d(a, channels_out * fold**2, kernel, padding=kernel // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.enter(F.pixel_unshuffle(x, self.fold))
        seen = []
        for down in self.downs:
            seen.append(x)
            x = down(x)
        x = self.blocks(x)
        for up in self.ups:
            x = up(x) + seen.pop() if self.skips else up(x)
        return F.pixel_shuffle(self.leave(x), self.fold)


@dataclass(frozen=True)
class GeneratorSettings:
    """What contours and synthesis share. widths, blocks, fold, skips: of the generator. guide: whether it sees the
    face model; False is the paper's road. judge_width: of the discriminator, judge_rate: its learning rate, as a
    share."""

    widths: tuple[int, int, int] = (64, 128, 256)
    blocks: int = 8
    fold: int = 1
    skips: bool = False
    guide: bool = True
    judge_width: int = 64
    judge_rate: float = 0.1


class PatchDiscriminator(nn.Module):
    """Which 70x70 patches of a picture are true? (N, channels_in, H, W) -> five activations, the last (N, 1,
    h, w) logits (Isola et al. 2017).

    Every convolution is divided by its largest singular value (Miyato et al. 2018), so that the
    discriminator's slope is bounded and its generator can follow.
    """

    def __init__(self, channels_in: int, width: int = 64):
        super().__init__()
        sizes = (channels_in, width, 2 * width, 4 * width, 8 * width, 1)
        strides = (2, 2, 2, 1, 1)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride, 1, bias=False))
            for a, b, stride in zip(sizes, sizes[1:], strides, strict=False)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        activations = []
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.2)
            activations.append(x)
        return [*activations, self.layers[-1](x)]


def instance_norm(channels: int) -> nn.Module:
    """Each channel of each picture gets mean 0 and variance 1 (Ulyanov et al. 2016), then a scale and a
    shift."""
    return nn.InstanceNorm2d(channels, affine=True)


def _layer(convolution: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(convolution, instance_norm(channels), nn.ReLU())


def adversarial_loss(true: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Eqs. 2 and 4: L = E[log D(true)] + E[log(1 - D(made))], at most 0; the discriminator makes it larger.

    true, made: logits (N, 1, h, w) of D for true and for made pictures, D = sigmoid(logit). Expectations are
    means over images and patches.
    """
    return F.logsigmoid(true.float()).mean() + F.logsigmoid(-made.float()).mean()


def fooling_loss(made: torch.Tensor) -> torch.Tensor:
    """-E[log D(made)], which the generator makes smaller; made: logits (N, 1, h, w).

    In the place of E[log(1 - D(made))], the generator's part of Eqs. 2 and 4: the same fixed point, but a
    slope that does not vanish while the discriminator wins (Goodfellow et al. 2014, section 3).
    """
    return -F.logsigmoid(made.float()).mean()


@contextmanager
def frozen(network: nn.Module) -> Iterator[nn.Module]:
    """The network, whose weights get no gradients from what is computed inside of the block."""
    network.requires_grad_(False)
    try:
        yield network
    finally:
        network.requires_grad_(True)


def tensors_of(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Those of the network `name`, (...) each, among those of several, without its name; all of them if there
    is just one."""
    own = {key.removeprefix(f"{name}."): x for key, x in state.items() if key.startswith(f"{name}.")}
    return own or state


def save_weights(
    path: str | os.PathLike, state: dict[str, torch.Tensor], header: dict, *, int8: bool = False
) -> None:
    """Write the tensors of a network as float16, with `header` as JSON beside them; whole or not at all.

    int8: large tensors (C, ...) as integers with one scale an output channel (C,): value = scale * integer.
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


@torch.inference_mode(False)  # loaded inside of that mode it would not work outside of it
def read_network(path: str | os.PathLike, name: str, kind: Callable[..., nn.Module]) -> nn.Module:
    """The network `name` of a file that `occlib.training.ship` wrote, alone or beside others, in evaluation mode
    and frozen. kind: its class, whose arguments are among the settings of its stage."""
    state, header = load_weights(path)
    how = header["configuration"]["stage"]
    how = how[name] if isinstance(how.get(name), dict) else how  # those of the joint phase hold two
    network = kind(**{key: how[key] for key in inspect.signature(kind).parameters})
    network.load_state_dict(tensors_of(state, name))
    return network.eval().requires_grad_(False)
