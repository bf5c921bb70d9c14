"""BlazeFace and FaceMesh: the two small networks that find a face and 468 points on it.

Architectures of Bazarevsky et al. 2019, "BlazeFace: sub-millisecond neural face detection on mobile GPUs"
(the short-range model) and Kartynnik et al. 2019, "Real-time facial surface geometry from monocular video on
mobile GPUs"; weights baked from MediaPipe 0.10.14 (Apache-2.0) by `assets/recipes/bake_faces.py`. Both are
chains of one residual block with depthwise convolutions.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

from occlib.faces import weights


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's "SAME": the odd row of zeros goes below and to the right.

    (N, C, H, W) -> (N, C', H / stride, W / stride).
    """

    def forward(self, x):
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = kernel - stride if kernel > stride else 0  # for sizes that the stride divides
        before = total // 2
        return super().forward(F.pad(x, (before, total - before) * 2))


class BlazeBlock(nn.Module):
    """act(shortcut(x) + pointwise(depthwise(x))), where the shortcut max-pools and adds zero channels.

    (N, C, H, W) -> (N, C', H / stride, W / stride).
    """

    def __init__(self, channels_in: int, channels_out: int, activation: type[nn.Module], stride: int = 1):
        super().__init__()
        self.depthwise = SameConv2d(channels_in, channels_in, 3, stride, groups=channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)
        self.activation = _activation(activation, channels_out)
        self.stride = stride
        self.new_channels = channels_out - channels_in

    def forward(self, x):
        shortcut = F.max_pool2d(x, 2) if self.stride == 2 else x
        shortcut = F.pad(shortcut, (0, 0, 0, 0, 0, self.new_channels))
        return self.activation(shortcut + self.pointwise(self.depthwise(x)))


def _activation(kind: type[nn.Module], channels: int) -> nn.Module:
    return nn.PReLU(channels) if kind is nn.PReLU else kind()


def _blocks(channels: list[int], activation: type[nn.Module], halve_at: tuple[int, ...]) -> list[nn.Module]:
    """Blocks through the given channel counts; those whose index is in `halve_at` have stride 2."""
    pairs = zip(channels, channels[1:])
    return [BlazeBlock(a, b, activation, 2 if i in halve_at else 1) for i, (a, b) in enumerate(pairs)]


class BlazeFace(nn.Module):
    """Face detector. (N, 3, H, W) in [-1, 1], H and W multiples of 16 -> boxes (N, A, 16), logits (N, A).

    It was trained at 128 x 128 (A = 896) and finds faces of about 20 to 110 px; being convolutional it reads
    larger images as a sheet of overlapping 128 px tiles. A box is (x, y, width, height, 6 keypoints x, y) in
    pixels of the input, relative to its anchor (`anchors`). Keypoints: right eye, left eye, nose, mouth,
    right ear, left ear.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(SameConv2d(3, 24, 5, 2), nn.ReLU())
        fine = [24, 24, 28, 32, 36, 42, 48, 56, 64, 72, 80, 88]
        self.fine = nn.Sequential(*_blocks(fine, nn.ReLU, halve_at=(2, 5)))  # stride 8
        self.coarse = nn.Sequential(*_blocks([88, 96, 96, 96, 96, 96], nn.ReLU, halve_at=(0,)))  # stride 16
        self.score_fine, self.box_fine = nn.Conv2d(88, 2, 1), nn.Conv2d(88, 2 * 16, 1)
        self.score_coarse, self.box_coarse = nn.Conv2d(96, 6, 1), nn.Conv2d(96, 6 * 16, 1)

    def forward(self, images):
        fine = self.fine(self.stem(images))
        coarse = self.coarse(fine)

        def rows(maps, size):  # (N, anchors * size, h, w) -> (N, h * w * anchors, size)
            return maps.permute(0, 2, 3, 1).reshape(len(maps), -1, size)

        boxes = torch.cat([rows(self.box_fine(fine), 16), rows(self.box_coarse(coarse), 16)], 1)
        logits = torch.cat([rows(self.score_fine(fine), 1), rows(self.score_coarse(coarse), 1)], 1)
        return boxes, logits[..., 0]


def anchors(height: int, width: int) -> torch.Tensor:
    """Centres (A, 2) in pixels of BlazeFace's anchors: 2 a cell of 8 pixels, then 6 a cell of 16 pixels."""
    centres = []
    for stride, per_cell in ((8, 2), (16, 6)):
        y, x = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        cells = torch.stack([x, y], -1).reshape(-1, 2) * stride + stride / 2
        centres.append(cells.repeat_interleave(per_cell, 0))
    return torch.cat(centres).float()


class FaceMesh(nn.Module):
    """468 points on a face. (N, 3, 192, 192) in [0, 1] -> points (N, 468, 3), presence logits (N,).

    Points are x, y in pixels of the crop (0 to 192) and a depth z in the same unit, growing away from the
    viewer, zero near the centre of the head. A presence logit above 0 means that the crop shows a face.
    """

    def __init__(self):
        super().__init__()
        channels = [16, 16, 16, 32, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128]
        self.stem = nn.Sequential(SameConv2d(3, 16, 3, 2), nn.PReLU(16))
        self.trunk = nn.Sequential(*_blocks(channels, nn.PReLU, halve_at=(2, 5, 8, 11)))  # (N, 128, 6, 6)
        self.points = self._head(blocks=3, outputs=468 * 3)
        self.presence = self._head(blocks=1, outputs=1)

    @staticmethod
    def _head(blocks, outputs):
        return nn.Sequential(
            *_blocks([128] * (blocks + 1), nn.PReLU, halve_at=(0,)),
            nn.Conv2d(128, 32, 1), nn.PReLU(32), BlazeBlock(32, 32, nn.PReLU), nn.Conv2d(32, outputs, 3),
        )

    def forward(self, crops):
        features = self.trunk(self.stem(crops))
        return self.points(features).reshape(-1, 468, 3), self.presence(features).reshape(-1)


@cache
def blazeface(device: str = "cpu", dtype: torch.dtype = torch.float32) -> BlazeFace:
    """The detector with its baked weights, frozen."""
    return weights.load(BlazeFace, "blazeface.safetensors", device, dtype)


@cache
def facemesh(device: str = "cpu", dtype: torch.dtype = torch.float32) -> FaceMesh:
    """The landmark network with its baked weights, frozen."""
    return weights.load(FaceMesh, "facemesh.safetensors", device, dtype)
