"""Every preset takes a step, ships and loads back; metrics against a slow twin."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from occlib.contours import draw_contours, read_contours
from occlib.contours.stage import ContoursSettings, matches
from occlib.data import write_samples
from occlib.guide import blank_guide
from occlib.training import PRESETS, Data, ship, train
from tests.data.fake import FakeWorld

TINY = {"widths": (8, 8, 8), "blocks": 1, "judge_width": 4}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "samples"
    write_samples(FakeWorld(size=64), folder, 4, {})
    return folder


def tiny(run, samples, **changes):
    """A preset's run as it is, but for sizes."""
    training = replace(
        run.training,
        steps=1,
        batch=2,
        warmup=1,
        device="cpu",
        precision="no",
        workers=0,
        validation_samples=1,
    )
    faces = replace(run.stage.faces, crop=64, scale=(0.8, 1.0))
    stage = replace(run.stage, faces=faces, **TINY, **changes)
    return replace(run, training=training, data=Data(samples, samples), stage=stage)


@pytest.mark.parametrize("preset", PRESETS["contours"])
@pytest.mark.parametrize("guide", [True, False])
def test_presets_take_a_step_and_come_back(samples, tmp_path, preset, guide):
    run = tiny(PRESETS["contours"][preset], samples, guide=guide)
    stage = train(run, tmp_path)
    ship(tmp_path, tmp_path / "contours.safetensors")
    network = read_contours(tmp_path / "contours.safetensors")
    assert network.guided == guide
    sample = FakeWorld(size=64)[7]
    hole = sample.mask > 0
    inputs = sample.image, hole, blank_guide(sample.image / np.float32(255), hole)
    found = draw_contours(*inputs, network)
    expected = draw_contours(*inputs, stage.networks["contours"].eval())
    assert found.shape == (64, 64) and 0 <= found.min() and found.max() <= 1
    assert np.abs(found - expected).max() < 0.01
    assert "Trained on rendered faces only" in (tmp_path / "contours.md").read_text()


def batch_of(stage, count=2):
    rng = np.random.default_rng(0)
    examples = [stage.settings.example(FakeWorld(size=64), index, rng) for index in range(count)]
    return torch.utils.data.default_collate(examples)


def test_each_player_moves_itself_only_and_the_judge_needs_nobody_before_it(samples):
    settings = tiny(PRESETS["contours"]["small"], samples).stage
    stage = settings.build()
    batch = batch_of(stage)
    for player, other in (("judge", "contours"), ("contours", "judge")):
        stage.networks.zero_grad()
        sum(stage.losses(player, dict(batch)).values()).backward()
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in stage.networks[player].parameters())
        assert all(p.grad is None for p in stage.networks[other].parameters())


def test_the_terms_are_weighted_as_in_equation_7(samples):
    settings = tiny(PRESETS["contours"]["base"], samples).stage
    torch.manual_seed(0)
    stage = settings.build()
    stage.networks.eval()  # no step of the power iteration between the two
    batch = batch_of(stage)
    terms = stage.losses("contours", dict(batch))
    stage.settings = replace(settings, adversarial=1.0, features=1.0)
    plain = stage.losses("contours", dict(batch))
    torch.testing.assert_close(terms["features"], 11.5 * plain["features"])
    torch.testing.assert_close(terms["adversarial"], 1.0 * plain["adversarial"])
    assert terms["lines"] == 0


def test_matches_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    made, true, mask = ((torch.rand(2, 1, 7, 8, generator=generator) > t).float() for t in (0.8, 0.8, 0.4))

    def near(lines, n, row, column):
        return lines[n, 0, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].max() > 0

    expected = np.zeros(4)
    for n, row, column in np.ndindex(2, 7, 8):
        if mask[n, 0, row, column]:
            if made[n, 0, row, column]:
                expected += [near(true, n, row, column), 1, 0, 0]
            if true[n, 0, row, column]:
                expected += [0, 0, near(made, n, row, column), 1]
    assert matches(made, true, mask).tolist() == expected.tolist()


def test_perfect_contours_get_full_marks():
    stage = ContoursSettings(**TINY).build()
    batch = batch_of(stage)
    batch["guide"][:, -1:] = batch["contours"]  # an untrained network draws what the guide says
    batch["mask"][:] = 1
    metrics = stage.validate(stage.networks, [batch])
    assert metrics["precision"] == metrics["recall"] == 1 and metrics["F1"] == pytest.approx(1)
