"""dlib's face recognition ResNet: 150 x 150 pixels of an aligned face -> 128 numbers that say whose it is.

The network of King 2017, "High quality face recognition with deep metric learning" (a ResNet-34 of He et al.
2016 with fewer layers and half the filters, trained on about 3 million faces); weights in the public domain,
baked by `assets/recipes/bake_recognition.py`, which folds each learnt scale and shift into the convolution
before it.
"""

import torch
import torch.nn.functional as F
from torch import nn

_MEAN_COLOR = [122.782, 117.001, 104.298]


class Residual(nn.Module):
    """relu(shortcut(x) + conv2(relu(conv1(x)))); with stride 2 the shortcut averages 2 x 2 pixels.

    (N, C, H, W) -> (N, C', H', W').

    Where the branches differ in size the smaller one is filled up with zeros: channels at the end, pixels
    below and to the right.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1 if stride == 1 else 0)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.stride = stride

    def forward(self, x):
        shortcut = F.avg_pool2d(x, 2) if self.stride == 2 else x
        branch = self.conv2(F.relu(self.conv1(x)))
        size = [max(a, b) for a, b in zip(shortcut.shape[1:], branch.shape[1:])]
        return F.relu(_fill(shortcut, size) + _fill(branch, size))


def _fill(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    """(N, C, H, W) filled up with zeros to (N, *size)."""
    channels, height, width = (wanted - given for wanted, given in zip(size, x.shape[1:]))
    return F.pad(x, (0, width, 0, height, 0, channels))


class RecognitionResNet(nn.Module):
    """Aligned faces (N, 3, 150, 150), RGB in [0, 1] -> embeddings (N, 128), of length about 1 to 1.5.

    Two faces closer than 0.6 (Euclidean) are probably of one person.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        layout = [(32, 1)] * 3 + [(64, 2)] + [(64, 1)] * 3 + [(128, 2)] + [(128, 1)] * 2
        layout += [(256, 2)] + [(256, 1)] * 2 + [(256, 2)]
        channels = [32] + [channels_out for channels_out, _ in layout]
        self.blocks = nn.Sequential(*(Residual(a, b, stride) for a, (b, stride) in zip(channels, layout)))
        self.embedding = nn.Linear(256, 128, bias=False)

    def forward(self, images):
        mean = images.new_tensor(_MEAN_COLOR).reshape(3, 1, 1)
        x = F.relu(self.stem((255 * images - mean) / 256))
        x = self.blocks(F.max_pool2d(x, 3, stride=2))
        return self.embedding(x.mean((2, 3)))
