"""Which samples a step sees, and where they come from."""

import pickle

import cv2
import numpy as np
import pytest

from occlib.data import OccludedPhotos, SampleFolder, World, write_samples
from occlib.errors import DataError, MissingAssetError
from occlib.training import Data
from occlib.training.data import Examples, ShardedSamples, batches, open_samples
from occlib.training.presets import PRESETS
from tests.data.fake import FakeWorld
from tests.training.fake import FakeSettings


class Numbers:
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return FakeWorld()[index]


def test_every_sample_comes_once_an_epoch_in_another_order():
    examples = Examples(FakeSettings(), Numbers(10), seed=3)
    epochs = [[examples.index(10 * epoch + place) for place in range(10)] for epoch in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    again = Examples(FakeSettings(), Numbers(10), seed=3)
    assert again.index(25) == epochs[2][5]


def test_a_step_sees_the_same_however_the_run_is_cut_and_shared():
    examples = Examples(FakeSettings(), Numbers(10), seed=0)
    whole = [batch["image"] for batch in batches(examples, range(5), 4, (0, 1), 0)]
    resumed = [batch["image"] for batch in batches(examples, range(3, 5), 4, (0, 1), 0)]
    assert (whole[3] == resumed[0]).all() and (whole[4] == resumed[1]).all()
    halves = [next(batches(examples, range(2, 5), 4, (number, 2), 0))["image"] for number in range(2)]
    assert (whole[2][:2] == halves[0]).all() and (whole[2][2:] == halves[1]).all()


def test_sources(tmp_path):
    write_samples(FakeWorld(), tmp_path / "folder", 5, {})
    write_samples(FakeWorld(), tmp_path / "shards", 5, {}, shards=True, shard_size=2)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.jpg"), np.zeros((64, 64, 3), np.uint8))
    folder, shards = (open_samples(Data(tmp_path / name), "train") for name in ("folder", "shards"))
    assert (
        isinstance(folder, SampleFolder)
        and isinstance(shards, ShardedSamples)
        and len(folder) == len(shards) == 5
    )
    for index in range(5):
        for name in ("image", "mask", "parts", "landmarks"):
            assert np.array_equal(getattr(folder[index], name), getattr(shards[index], name))
    assert isinstance(open_samples(Data(tmp_path / "photos"), "train"), OccludedPhotos)
    world = open_samples(Data(tmp_path / "folder", seed=4, size=64), "validation")
    assert isinstance(world, World) and (world.seed, world.size, world.split) == (4, 64, "validation")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingAssetError, match="neither samples of `occlib world` nor photos"):
        open_samples(Data(tmp_path / "empty"), "train")
    with pytest.raises(DataError, match="no sample"):
        Examples(FakeSettings(), Numbers(0), 0)


@pytest.mark.parametrize("stage", PRESETS)
def test_examples_travel_to_the_loaders_workers(stage):
    """They are pickled: networks, whose spectral norms cannot be, must not be among them."""
    settings = PRESETS[stage]["small"].stage
    examples = pickle.loads(pickle.dumps(Examples(settings, Numbers(3), seed=0)))
    assert examples.stage == settings and examples.index(2) < 3
