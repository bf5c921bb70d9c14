"""InceptionResnetV1, the network of FaceNet, with the parameter names of facenet-pytorch's published weights.

Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the impact of residual connections on learning".
"""

import torch
import torch.nn.functional as F
from torch import nn


class BasicConv2d(nn.Module):
    """Convolution, batch normalisation, ReLU of maps (N, C, H, W)."""

    def __init__(self, channels_in, channels_out, kernel_size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


def _chain(*layers) -> nn.Module:
    """Convolutions one after the other; a single one keeps its plain name, as in the published weights."""
    convolutions = [BasicConv2d(*layer) for layer in layers]
    return convolutions[0] if len(convolutions) == 1 else nn.Sequential(*convolutions)


class Residual(nn.Module):
    """relu(x + scale * conv2d(concatenated branches of x)), (N, C, H, W), without the ReLU when `final`."""

    def __init__(self, channels, branches, scale, final=False):
        super().__init__()
        self.branches = len(branches)
        for i, layers in enumerate(branches):
            self.add_module(f"branch{i}", _chain(*layers))
        self.conv2d = nn.Conv2d(sum(layers[-1][1] for layers in branches), channels, 1)
        self.scale, self.final = scale, final

    def forward(self, x):
        joined = torch.cat([self.get_submodule(f"branch{i}")(x) for i in range(self.branches)], 1)
        x = x + self.scale * self.conv2d(joined)
        return x if self.final else F.relu(x)


class Reduction(nn.Module):
    """Halve the resolution of (N, C, H, W): concatenated branches of stride 2, the last one a max-pool."""

    def __init__(self, branches):
        super().__init__()
        self.branches = len(branches)
        for i, layers in enumerate(branches):
            self.add_module(f"branch{i}", _chain(*layers))

    def forward(self, x):
        branches = [self.get_submodule(f"branch{i}")(x) for i in range(self.branches)]
        return torch.cat([*branches, F.max_pool2d(x, 3, stride=2)], 1)


def block35() -> Residual:
    """Residual block at 17 x 17 pixels, for input of 160."""
    return Residual(256, [[(256, 32, 1)],
                          [(256, 32, 1), (32, 32, 3, 1, 1)],
                          [(256, 32, 1), (32, 32, 3, 1, 1), (32, 32, 3, 1, 1)]], scale=0.17)


def block17() -> Residual:
    """Residual block at 8 x 8 pixels."""
    return Residual(896, [[(896, 128, 1)],
                          [(896, 128, 1), (128, 128, (1, 7), 1, (0, 3)), (128, 128, (7, 1), 1, (3, 0))]],
                    scale=0.10)


def block8(scale=0.20, final=False) -> Residual:
    """Residual block at 3 x 3 pixels."""
    return Residual(1792, [[(1792, 192, 1)],
                           [(1792, 192, 1), (192, 192, (1, 3), 1, (0, 1)), (192, 192, (3, 1), 1, (1, 0))]],
                    scale, final)


class InceptionResnetV1(nn.Module):
    """Aligned faces (N, 3, 160, 160), RGB in [0, 1] -> embeddings (N, 512) of length 1."""

    def __init__(self):
        super().__init__()
        self.conv2d_1a = BasicConv2d(3, 32, 3, 2)
        self.conv2d_2a = BasicConv2d(32, 32, 3)
        self.conv2d_2b = BasicConv2d(32, 64, 3, 1, 1)
        self.conv2d_3b = BasicConv2d(64, 80, 1)
        self.conv2d_4a = BasicConv2d(80, 192, 3)
        self.conv2d_4b = BasicConv2d(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(block35() for _ in range(5)))
        self.mixed_6a = Reduction([[(256, 384, 3, 2)],
                                   [(256, 192, 1), (192, 192, 3, 1, 1), (192, 256, 3, 2)]])
        self.repeat_2 = nn.Sequential(*(block17() for _ in range(10)))
        self.mixed_7a = Reduction([[(896, 256, 1), (256, 384, 3, 2)],
                                   [(896, 256, 1), (256, 256, 3, 2)],
                                   [(896, 256, 1), (256, 256, 3, 1, 1), (256, 256, 3, 2)]])
        self.repeat_3 = nn.Sequential(*(block8() for _ in range(5)))
        self.block8 = block8(scale=1.0, final=True)
        self.last_linear = nn.Linear(1792, 512, bias=False)
        self.last_bn = nn.BatchNorm1d(512, eps=0.001)

    def forward(self, images):
        x = (255 * images - 127.5) / 128
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_3b(F.max_pool2d(x, 3, stride=2))
        x = self.repeat_1(self.conv2d_4b(self.conv2d_4a(x)))
        x = self.repeat_2(self.mixed_6a(x))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        x = self.last_bn(self.last_linear(x.mean((2, 3))))
        return F.normalize(x)
