"""The sample: edges as in the paper, tensors as networks want them, batches, and files that give it back."""

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from skimage.feature import canny
from torch.utils.data import DataLoader

from occlib.data.sample import PARTS, Sample, as_tensors, collate, contours_of
from occlib.data.sample_files import DEPTH_STEPS, decode, encode
from occlib.errors import DataError
from tests.data.fake import FakeWorld


@pytest.fixture(scope="module")
def portrait():
    return cv2.resize(skimage.data.astronaut()[:360, 60:420], (256, 256), interpolation=cv2.INTER_AREA)


def test_contours_are_those_of_scikit_image(portrait):
    ours = contours_of(portrait) > 0
    theirs = canny(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY) / 255.0, sigma=2)
    for one, other in ((ours, theirs), (theirs, ours)):  # nearly all of each lies within a pixel of the other
        near = cv2.dilate(other.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        assert (one & near).sum() > 0.98 * one.sum()


def test_contours_of_a_larger_photo_are_as_fine_for_its_size(portrait):
    small, large = (
        contours_of(portrait),
        contours_of(cv2.resize(portrait, (512, 512), interpolation=cv2.INTER_CUBIC)),
    )
    shrunk = cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA) > 0
    near = cv2.dilate(small, np.ones((5, 5), np.uint8)) > 0
    assert (shrunk & near).sum() > 0.9 * shrunk.sum()
    assert int(large.sum()) == pytest.approx(2 * int(small.sum()), rel=0.2)  # twice as long, not four times


def test_face_is_any_part():
    sample = FakeWorld()[0]
    assert np.array_equal(sample.face, sample.parts > 0) and sample.face.any()
    assert Sample(image=sample.image).face is None


def test_tensors_have_the_shapes_and_ranges_of_networks():
    sample = FakeWorld(size=24)[3]
    tensors = as_tensors(sample)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert shapes == {
        **dict.fromkeys(("image", "clean", "normals"), (3, 24, 24)),
        **dict.fromkeys(("mask", "contours", "shadow", "depth"), (1, 24, 24)),
        **dict.fromkeys(("parsing", "parts"), (24, 24)),
        "landmarks": (68, 2),
        "coefficients": (239,),
        "coverage": (),
    }
    assert tensors["parsing"].dtype == tensors["parts"].dtype == torch.int64
    assert tensors["parsing"].max() == len(PARTS) - 1
    assert tensors["mask"].unique().tolist() == [0, 1]
    assert np.array_equal((tensors["image"] * 255).byte().permute(1, 2, 0), sample.image)
    assert tensors["depth"].isinf().any() and tensors["depth"].min() >= 700


def test_a_batch_has_what_all_samples_have():
    full, bare = FakeWorld()[0], Sample(image=np.zeros((32, 32, 3), np.uint8))
    batch = collate([full, full.replace(occluder="hat")])
    assert batch["image"].shape == (2, 3, 32, 32) and batch["occluder"] == ["palm", "hat"]
    assert set(collate([full, bare])) == {"image", "occluder"}


@pytest.mark.parametrize("workers", [0, 2])
def test_dataloader_takes_a_map_style_world(workers):
    world = torch.utils.data.Subset(FakeWorld(), range(5))
    batches = list(DataLoader(world, batch_size=2, num_workers=workers, collate_fn=collate))
    images = torch.cat([batch["image"] for batch in batches])
    assert torch.equal(images, torch.stack([as_tensors(world[i])["image"] for i in range(5)]))


def test_files_give_the_sample_back():
    sample = FakeWorld()[7]
    copy = decode(encode(sample), "a copy")
    for name in (
        "image",
        "clean",
        "mask",
        "parsing",
        "parts",
        "contours",
        "shadow",
        "landmarks",
        "coefficients",
    ):
        one, other = getattr(sample, name), getattr(copy, name)
        assert one.dtype == other.dtype and np.array_equal(one, other), name
    assert (copy.occluder, copy.coverage, copy.info) == (sample.occluder, sample.coverage, sample.info)
    seen = np.isfinite(sample.depth)
    assert np.array_equal(seen, np.isfinite(copy.depth)) and copy.depth.dtype == np.float32
    assert np.abs(sample.depth[seen] - copy.depth[seen]).max() <= 0.5 / DEPTH_STEPS
    assert np.array_equal(np.abs(copy.normals).sum(-1) > 0, seen)
    assert np.degrees(np.arccos((sample.normals * copy.normals).sum(-1)[seen].min())) < 0.5


def test_files_hold_what_a_sample_has_and_no_more():
    sample = Sample(image=FakeWorld()[0].image, landmarks=np.full((68, 2), 1 / 3, np.float32))
    files = encode(sample)
    assert set(files) == {"image.png", "sample.json"}
    copy = decode(files, "a copy")
    assert copy.clean is None and copy.depth is None and copy.occluder is None
    assert np.array_equal(copy.landmarks, sample.landmarks)


def test_depth_of_nothing_at_all():
    sample = FakeWorld()[0].replace(depth=np.full((32, 32), np.inf, np.float32))
    assert np.isinf(decode(encode(sample), "a copy").depth).all()


@pytest.mark.parametrize(
    "name, content", [("mask.png", b"torn"), ("sample.json", b"{"), ("sample.json", None)]
)
def test_damage_is_reported_with_the_name(name, content):
    files = encode(FakeWorld()[0])
    files[name] = content
    if content is None:
        del files[name]
    with pytest.raises(DataError, match="sample 17"):
        decode(files, "sample 17")
