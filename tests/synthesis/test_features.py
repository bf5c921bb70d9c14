"""Features of Eq. 6: what ships, and a file of VGG-19."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import vgg19

from occlib.errors import MissingAssetError
from occlib.networks import LiteEncoder
from occlib.synthesis.features import VGGFeatures, read_features


def test_the_shipped_ones_are_the_first_maps_of_the_encoder():
    features = read_features()
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    maps = features(image)
    assert [tuple(x.shape[1:]) for x in maps] == [(16, 32, 32), (24, 16, 16), (40, 8, 8)]
    for x, whole, size in zip(maps, LiteEncoder.pretrained()(image), (4.6, 7.8, 7.1), strict=False):
        torch.testing.assert_close(x * size, whole)
    (gradient,) = torch.autograd.grad(maps[-1].mean(), image)
    assert gradient.abs().sum() > 0 and not any(p.requires_grad for p in features.parameters())


def test_vgg_from_a_file(tmp_path):
    torch.manual_seed(0)
    whole = vgg19(weights=None)
    state = {key: x for key, x in whole.state_dict().items() if key.startswith("features.")}
    save_file(state, tmp_path / "vgg19.safetensors")
    features = read_features(tmp_path / "vgg19.safetensors")
    image = torch.rand(1, 3, 32, 32)
    maps = features(image)
    assert [x.shape[1] for x in maps] == [128, 256, 512, 512]
    x = (image - features.mean) / features.deviation
    for number, layer in enumerate(whole.features[:9]):
        x = layer(x)
    torch.testing.assert_close(maps[0], x)


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    for name in ("vgg.pth", "vgg.safetensors"):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(MissingAssetError, match="holds no weights of VGG-19"):
            VGGFeatures.load(tmp_path / name)
