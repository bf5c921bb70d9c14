"""Real photos with the world's occluders: exact truth, in the right place, in the photo's light, noise and
colours."""

import numpy as np
import pytest
import skimage.data
import torch

from occlib.data.occluded_photos import OccludedPhotos, _light
from occlib.data.sample import OCCLUDER, Sample, collate
from occlib.errors import DataError, NoFaceError
from occlib.rendering import shade

MOUTH, EYES = slice(48, 68), slice(36, 48)


def photo():
    return skimage.data.astronaut()[:300, 80:380]


def occluded(family, change=lambda pixels: pixels, seed=1, **options):
    pixels = np.clip(change(photo().astype(np.float64)), 0, 255).astype(np.uint8)
    return OccludedPhotos([pixels], seed=seed, families=[family], **options)[0]


@pytest.fixture(scope="module")
def masked():
    return occluded("surgical_mask")


@pytest.fixture(scope="module")
def shaded():
    return occluded("sunglasses")


def at(sample, landmarks):
    """The mask at some of the landmarks."""
    x, y = sample.landmarks[landmarks].astype(int).T
    return sample.mask[y, x]


def test_photo_and_clean_are_equal_outside_mask_and_shadow(masked, shaded):
    for sample in (masked, shaded):
        untouched = (sample.mask == 0) & (sample.shadow == 0)
        assert 0.2 < untouched.mean() < 0.95
        assert np.array_equal(sample.image[untouched], sample.clean[untouched])
        solid = sample.mask == 255
        changed = np.abs(sample.image.astype(int) - sample.clean).max(-1) > 8
        assert changed[solid].mean() > 0.8
        assert 0.05 < sample.coverage < 0.7


def test_occluders_sit_where_such_things_sit(masked, shaded):
    assert (at(masked, MOUTH) == 255).all() and (at(masked, EYES) == 0).all()
    assert (at(shaded, EYES) > 150).mean() > 0.8 and (at(shaded, MOUTH) == 0).all()
    assert masked.occluder == "surgical_mask" and shaded.occluder == "sunglasses"


def test_shadows_fall_beside_the_occluder(masked):
    assert (masked.shadow[masked.mask == 0] > 20).any()
    shadowed = (masked.shadow > 20) & (masked.mask == 0)
    assert masked.image[shadowed].mean() < masked.clean[shadowed].mean() - 3


def test_the_same_seed_gives_the_same_bytes(masked):
    again, other = occluded("surgical_mask"), occluded("surgical_mask", seed=2)
    for name in ("image", "clean", "mask", "shadow", "contours"):
        assert np.array_equal(getattr(again, name), getattr(masked, name))
    assert not np.array_equal(other.image, masked.image) and np.array_equal(other.clean, masked.clean)


def test_occluders_are_lit_as_the_face_is(masked):
    dark = occluded("surgical_mask", lambda pixels: 0.5 * pixels)
    both = (masked.mask == 255) & (dark.mask == 255)
    assert both.sum() > 2000
    assert dark.image[both].mean() == pytest.approx(0.5 * masked.image[both].mean(), rel=0.2)


def test_light_shines_as_it_was_fitted():
    lighting = torch.tensor([[3.0, 0.2, 0.6, -0.7, 0.1, 0.0, 0.1, -0.2, 0.1]])
    normals = np.random.default_rng(0).normal(size=(500, 3))
    normals[:, 2] = np.abs(normals[:, 2]) + 0.2
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = _light(lighting, normals, softness=0.1)
    tensor = torch.from_numpy(normals)[None]
    wanted = shade(tensor, lighting.double())[0, :, 0].square().numpy()
    ambient = shade(tensor, torch.from_numpy(light.lighting)[None])[0, :, 0].numpy()
    lamp = light.key_color[0] * np.maximum(normals @ light.key_direction, 0)
    assert np.square(ambient + lamp - wanted).mean() ** 0.5 < 0.03 * wanted.max()
    assert (
        light.key_direction[0] < -0.4 and lamp.max() > 0.2 * wanted.max()
    )  # from the left, and enough for shadows


def test_grey_photos_stay_grey_and_noisy_ones_noisy():
    def old(pixels):
        noise = np.random.default_rng(0).normal(0, 12, pixels.shape[:2])
        return np.repeat((pixels.mean(-1) + noise)[..., None], 3, axis=-1)

    def roughness(image, where):
        image = image.mean(-1)
        return np.std((image[:, 1:] - image[:, :-1])[where[:, 1:] & where[:, :-1]])

    sample = occluded("surgical_mask", old)
    assert np.ptp(sample.image.astype(int), axis=-1).max() <= 1
    skin, cloth = (sample.mask == 0) & (sample.shadow == 0), sample.mask == 255
    assert 0.5 < roughness(sample.image, cloth) / roughness(sample.image, skin) < 1.3


def test_coverage_can_be_asked_for():
    little, much = (occluded("object", coverage=c).coverage for c in ((0.05, 0.15), (0.35, 0.5)))
    assert 0.03 < little < 0.2 and 0.3 < much < 0.6


def test_truth_of_the_data_set_is_kept(masked):
    pixels = photo()
    labels = np.ones(pixels.shape[:2], np.uint8)
    labels[:, :150] = 4
    sample = Sample(
        image=pixels, parsing=labels, landmarks=np.full((68, 2), 150, np.float32), info={"path": "a.jpg"}
    )
    result = OccludedPhotos([sample], seed=1, families=["surgical_mask"])[-1]
    assert np.array_equal(result.image, masked.image)
    assert set(np.unique(result.parsing)) == {1, 4, OCCLUDER}
    assert np.array_equal(result.parsing == OCCLUDER, result.mask > 127)
    expected = np.array(result.info["photo_to_aligned"]) @ [150, 150, 1]
    assert np.allclose(result.landmarks, expected, atol=1e-3)
    assert result.info["path"] == "a.jpg" and result.info["index"] == 0
    assert result.parts is None and result.coefficients is None
    assert {"image", "clean", "mask", "shadow", "parsing", "contours", "landmarks"} < set(collate([result]))


def test_misuse():
    with pytest.raises(DataError, match="umbrella"):
        OccludedPhotos([photo()], families=["umbrella"])
    with pytest.raises(NoFaceError):
        OccludedPhotos([np.full((80, 80, 3), 90, np.uint8)])[0]
