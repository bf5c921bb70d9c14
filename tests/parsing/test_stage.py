"""Every preset builds, takes a step, ships and loads back; metrics against a slow twin."""

from dataclasses import replace

import pytest
import torch

from occlib.data import write_samples
from occlib.errors import DataError
from occlib.networks import save_weights
from occlib.parsing import masks
from occlib.parsing.network import probabilities
from occlib.parsing.stage import ParserSettings, confusion
from occlib.training import PRESETS, Data, ship, train
from tests.data.fake import FakeWorld


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "samples"
    write_samples(FakeWorld(size=64), folder, 4, {})
    return folder


@pytest.mark.parametrize("preset", PRESETS["parser"])
def test_presets_take_a_step_and_come_back(samples, tmp_path, preset):
    run = PRESETS["parser"][preset]
    tiny = replace(
        run.training,
        steps=1,
        batch=1,
        device="cpu",
        precision="no",
        workers=0,
        validation_samples=1,
        report_every=1,
    )
    run = replace(run, training=tiny, data=Data(samples, samples), stage=replace(run.stage, crop=64))
    stage = train(run, tmp_path)
    header = ship(tmp_path, tmp_path / "parser.safetensors")
    assert header["steps"] == 1 and header["configuration"]["stage"]["encoder"] == run.stage.encoder
    network = masks.read_parser(tmp_path / "parser.safetensors")
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = stage.networks["parser"].eval()(image)
        assert (network(image) - expected).norm() < 0.01 * expected.norm()
    card = (tmp_path / "parser.md").read_text()
    assert "mask IoU" in card and "1 of 1 images a step" in card and "--config parser.safetensors" in card


def test_the_default_parser_fits_the_repository(tmp_path):
    stage = ParserSettings().build()
    save_weights(tmp_path / "w.safetensors", stage.networks["parser"].state_dict(), {})
    assert (tmp_path / "w.safetensors").stat().st_size < 8 * 2**20


def test_frozen_blocks_stay_and_the_rest_learns():
    stage = ParserSettings(frozen=3).build()
    encoder = stage.networks["parser"].encoder
    assert not encoder.stem.weight.requires_grad and not encoder.blocks[2].project.weight.requires_grad
    groups = stage.parameters("parser")
    assert [group["factor"] for group in groups] == [0.3, 1.0]
    learning = {id(p) for group in groups for p in group["params"]}
    assert learning == {id(p) for p in stage.networks.parameters() if p.requires_grad}
    assert id(encoder.blocks[3].project.weight) in learning


def test_confusion_counts_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 8, 5, 6, generator=generator)
    labels = torch.randint(0, 7, (2, 5, 6), generator=generator)
    region = (torch.rand(2, 1, 5, 6, generator=generator) > 0.3).float()
    parts, _, mask = probabilities(logits)
    counts = confusion(logits, labels, region)
    truth = (labels == 6) & (region[:, 0] > 0)
    assert counts[0].tolist() == [
        float(((mask[:, 0] > 0.5) & truth).sum()),
        float((mask > 0.5).sum()),
        float(truth.sum()),
    ]
    found = parts.argmax(1)
    for part in range(7):
        both = sum(
            a == b == part for a, b in zip(found.flatten().tolist(), labels.flatten().tolist(), strict=True)
        )
        assert counts[2 + part, 0] == both


def test_samples_without_truth_are_refused():
    stage = ParserSettings(encoder="plain", channels=(8, 8, 8, 8, 8), widths=(8, 8, 8, 8)).build()
    with pytest.raises(DataError, match="learns from samples with parsing"):
        stage.settings.example([FakeWorld()[0].replace(parts=None)], 0, None)
