"""Samples on disk: the same bytes however they are made, nothing torn, and streams that give them all
back."""

import io
import json
import os
import resource
import signal
import tarfile

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from occlib.data import shards
from occlib.data.sample import collate
from occlib.data.shards import SampleFolder, read_shards, write_samples
from occlib.errors import DataError, MissingAssetError, OutputError
from tests.data.fake import FakeWorld

COUNT, PER_SHARD = 7, 3
RECIPE = {"seed": 0}


def write(folder, *, as_shards=True, **options):
    return write_samples(
        FakeWorld(), folder, COUNT, RECIPE, shards=as_shards, shard_size=PER_SHARD, **options
    )


def contents(folder):
    """Everything under a folder, hidden files too."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module", params=[True, False], ids=["shards", "folders"])
def undisturbed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert write(folder, as_shards=request.param) == COUNT
    return request.param, contents(folder)


def test_names_on_disk(undisturbed):
    as_shards, files = undisturbed
    if as_shards:
        assert set(files) == {"world.json", "000000.tar", "000001.tar", "000002.tar"}
    else:
        assert {name.split("/")[0] for name in files} == {"world.json", *(f"{i:06d}" for i in range(COUNT))}
    assert json.loads(files["world.json"])["seed"] == 0


def test_two_processes_write_what_one_does(tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_parts_written_apart_make_up_the_whole(undisturbed, tmp_path):
    as_shards, files = undisturbed
    made = [write(tmp_path, as_shards=as_shards, part=(i, 3)) for i in (3, 1, 2)]
    assert sum(made) == COUNT and contents(tmp_path) == files


def killed(folder, as_shards, moment):
    """Write in a child process that dies of SIGKILL at the `moment`-th thing that it does on the disk."""
    child = os.fork()
    if child == 0:
        try:
            left = [moment]

            def mortal(function):
                def call(*arguments, **options):
                    if left[0] == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left[0] -= 1
                    return function(*arguments, **options)

                return call

            for module, name in (
                (os, "open"), (os, "mkdir"), (os, "rename"), (os, "replace"), (io, "open"),
                (tarfile.TarFile, "addfile"), (shards, "encode"),
            ):  # fmt: skip
                setattr(module, name, mortal(getattr(module, name)))
            write(folder, as_shards=as_shards)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_killed_run_started_again_writes_the_same_set(undisturbed, tmp_path):
    as_shards, files = undisturbed
    deaths = torn = 0
    for moment in range(0, 200, 4):
        folder = tmp_path / str(moment)
        if not killed(folder, as_shards, moment):
            break
        deaths += 1
        left = contents(folder) if folder.exists() else {}
        visible = {name: content for name, content in left.items() if not name.startswith(".")}
        torn += len(left) > len(visible)
        assert all(name == "world.json" or content == files[name] for name, content in visible.items())
        write(folder, as_shards=as_shards)
        assert contents(folder) == files
    assert deaths > 10 and torn > 3  # it did die at many moments, some of them in the middle of a file


def test_what_is_there_is_not_made_again(tmp_path):
    write(tmp_path)
    (tmp_path / "000001.tar").unlink()
    seen = []

    def progress(stream, total):
        for files in stream:
            seen.append(total)
            yield files

    assert write(tmp_path, progress=progress) == PER_SHARD
    assert seen == [PER_SHARD] * PER_SHARD


def test_half_files_of_other_parts_are_left_alone(tmp_path):
    write(tmp_path, part=(1, 3))
    others = tmp_path / ".000001-0123abcd.part.tar"
    others.write_bytes(b"being written by another machine")
    write(tmp_path, part=(3, 3))
    assert others.exists()


@pytest.mark.parametrize("change", [{"seed": 1}, {"more": "x"}])
def test_a_folder_of_another_set_is_refused(tmp_path, change):
    write(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=next(iter(change))):
        write_samples(FakeWorld(), tmp_path, COUNT, {**RECIPE, **change}, shards=True, shard_size=PER_SHARD)
    with pytest.raises(OutputError, match="another set"):
        write(tmp_path, as_shards=False)
    assert contents(tmp_path) == before


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="other files"):
        write(tmp_path)
    assert set(contents(tmp_path)) == {"thesis.tex"}


@pytest.mark.parametrize("part", [(0, 3), (4, 3), (1, 0)])
def test_parts_that_do_not_exist(tmp_path, part):
    with pytest.raises(OutputError, match="part"):
        write(tmp_path, part=part)


@pytest.mark.parametrize("as_shards", [True, False])
def test_a_full_disk_leaves_no_half_file(tmp_path, as_shards):
    write(tmp_path, as_shards=as_shards, part=(2, 3))
    before = contents(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            write(tmp_path, as_shards=as_shards)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(tmp_path) == before


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write(tmp_path / "file")


def test_folders_read_back(tmp_path):
    write(tmp_path, as_shards=False)
    samples = SampleFolder(tmp_path)
    assert len(samples) == COUNT
    assert np.array_equal(samples[4].image, FakeWorld()[4].image) and samples[4].info["index"] == 4
    with pytest.raises(MissingAssetError, match="occlib world"):
        SampleFolder(tmp_path / "none")


def test_shards_stream_in_order(tmp_path):
    write(tmp_path)
    (tmp_path / ".000009-0123abcd.part.tar").write_bytes(b"being written by another machine")
    samples = list(read_shards(tmp_path))
    assert [sample.info["index"] for sample in samples] == list(range(COUNT))
    assert np.array_equal(samples[5].parsing, FakeWorld()[5].parsing)


def test_workers_stream_every_sample_once(tmp_path):
    write(tmp_path)
    loader = DataLoader(read_shards(tmp_path), batch_size=2, num_workers=2, collate_fn=collate)
    images = torch.cat([batch["image"] for batch in loader])
    expected = collate([FakeWorld()[i] for i in range(COUNT)])["image"]
    order = torch.cdist(images.flatten(1), expected.flatten(1)).argmin(1)
    assert sorted(order.tolist()) == list(range(COUNT))
    assert torch.equal(images, expected[order])


def test_shuffling_depends_on_the_seed_alone(tmp_path):
    write(tmp_path)

    def order(seed):
        return [sample.info["index"] for sample in read_shards(tmp_path, shuffle=True, seed=seed)]

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(COUNT))


def test_missing_and_damaged_shards(tmp_path):
    with pytest.raises(MissingAssetError, match="occlib world"):
        read_shards(tmp_path)
    with pytest.raises(MissingAssetError, match=r"pipe:.* is missing"):
        read_shards(["pipe:touch owned"])
    write(tmp_path)
    path = tmp_path / "000001.tar"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="cannot be read"):
        list(read_shards([path]))
    path.write_bytes(b"no archive" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        list(read_shards([path]))
