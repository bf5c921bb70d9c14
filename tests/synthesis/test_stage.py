"""Every preset of synthesis and of the joint phase takes a step, ships and loads back."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from occlib.contours import draw_contours, read_contours
from occlib.data import write_samples
from occlib.errors import TrainingError
from occlib.synthesis import complete_aligned, read_synthesis
from occlib.synthesis.stage import hole_metrics
from occlib.training import PRESETS, Data, ship, train
from occlib.training.joint import JointSettings
from tests.data.fake import FakeWorld

TINY = {"widths": (8, 8, 8), "blocks": 1, "judge_width": 4}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "samples"
    write_samples(FakeWorld(size=64), folder, 4, {})
    return folder


def tiny(run, samples, stage):
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
    return replace(run, training=training, data=Data(samples, samples), stage=stage)


def narrow(settings, **changes):
    return replace(settings, faces=replace(settings.faces, crop=64, scale=(0.8, 1.0)), **TINY, **changes)


def batch_of(stage, count=2):
    rng = np.random.default_rng(0)
    return torch.utils.data.default_collate(
        [stage.settings.example(FakeWorld(size=64), index, rng) for index in range(count)]
    )


@pytest.mark.parametrize("preset", PRESETS["synthesis"])
@pytest.mark.parametrize("guide", [True, False])
def test_presets_take_a_step_and_come_back(samples, tmp_path, preset, guide):
    run = PRESETS["synthesis"][preset]
    stage = train(tiny(run, samples, narrow(run.stage, guide=guide)), tmp_path)
    header = ship(tmp_path, tmp_path / "synthesis.safetensors")
    assert {"PSNR", "L1", "PSNR of the guide"} == header["metrics"].keys()
    network = read_synthesis(tmp_path / "synthesis.safetensors")
    sample = FakeWorld(size=64)[7]
    how = {"draw_contours": lambda photo, hole, guide: np.zeros((64, 64), np.float32)}
    found = complete_aligned(sample.image, sample.mask, network=network, **how)
    expected = complete_aligned(sample.image, sample.mask, network=stage.networks["synthesis"], **how)
    assert np.abs(found.completed.astype(int) - expected.completed).max() <= 2
    assert "not the truth about a person" in (tmp_path / "synthesis.md").read_text()


def test_the_joint_phase_goes_on_from_both_runs_and_ships_both(samples, tmp_path):
    run = PRESETS["joint"]["small"]
    contours, synthesis = narrow(run.stage.contours), narrow(run.stage.synthesis)
    train(tiny(PRESETS["contours"]["small"], samples, contours), tmp_path / "contours")
    train(tiny(PRESETS["synthesis"]["small"], samples, synthesis), tmp_path / "synthesis")
    settings = JointSettings(contours, synthesis, tmp_path / "contours", tmp_path / "synthesis")
    stage = settings.build()
    for name in ("contours", "synthesis"):
        ship(tmp_path / name, tmp_path / name / f"{name}.safetensors")
    alone = read_contours(tmp_path / "contours" / "contours.safetensors")
    for one, two in zip(alone.parameters(), stage.networks["contours"].parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-2)

    train(tiny(run, samples, settings), tmp_path / "joint")
    header = ship(tmp_path / "joint", tmp_path / "joint.safetensors")
    assert header["configuration"]["stage"]["synthesis_run"] == "synthesis"
    card = (tmp_path / "joint.md").read_text()
    assert re.search(r"occlib train contours .*--out contours\n +occlib train synthesis .*--out synthesis\n", card)
    both = read_contours(tmp_path / "joint.safetensors"), read_synthesis(tmp_path / "joint.safetensors")
    sample = FakeWorld(size=64)[1]
    done = complete_aligned(
        sample.image, sample.mask, draw_contours=lambda *x: draw_contours(*x, both[0]), network=both[1]
    )
    np.testing.assert_array_equal(done.completed[sample.mask == 0], sample.image[sample.mask == 0])

    wider = replace(settings, contours=replace(contours, widths=(8, 8, 16)))
    with pytest.raises(TrainingError, match="network of other sizes"):
        wider.build()


def test_the_losses_of_the_joint_phase_reach_the_contours(samples):
    run = PRESETS["joint"]["small"]
    stage = JointSettings(narrow(run.stage.contours), narrow(run.stage.synthesis), lines=0.0).build()
    for name in ("contours", "synthesis"):  # past the start, where nothing is added to the guide yet
        torch.nn.init.normal_(stage.networks[name].generator.leave.weight, 0, 0.1)
    sum(stage.losses("generators", batch_of(stage)).values()).backward()
    for name in ("contours", "synthesis"):
        assert sum(p.grad.abs().sum() for p in stage.networks[name].parameters()) > 0
    assert all(p.grad is None for p in stage.networks["judge"].parameters())
    factors = [group["factor"] for group in stage.parameters("generators")]
    assert factors == [0.1, 1.0]


def test_the_terms_are_weighted_as_in_equation_8():
    settings = narrow(PRESETS["synthesis"]["base"].stage)
    torch.manual_seed(0)
    stage = settings.build()
    stage.networks.eval()
    batch = batch_of(stage)
    terms = stage.losses("synthesis", dict(batch))
    stage.settings = replace(settings, adversarial=1.0, pixels=1.0, style=1.0)
    plain = stage.losses("synthesis", dict(batch))
    for name, weight in {"adversarial": 0.1, "pixels": 1.0, "style": 250.0}.items():
        torch.testing.assert_close(terms[name], weight * plain[name])
    assert terms["perceptual"] == 0


@pytest.mark.parametrize("region", ["visible", "hole", "whole"])
def test_composed_pictures_are_judged_by_their_holes_only(region):
    settings = narrow(PRESETS["synthesis"]["small"].stage, style_region=region)
    stage = settings.build()
    batch = batch_of(stage)
    goal = batch["contours"]
    made = stage.made(stage.networks, batch, goal)
    visible = (batch["mask"] == 0).expand_as(made)
    assert torch.equal(made[visible], batch["clean"][visible])
    style = stage.generator_losses(batch, made, goal)["style"]
    assert (style == 0) == (region == "visible")  # the paper's region sees nothing of a composed picture


def test_trained_without_contours_it_ignores_them():
    stage = narrow(PRESETS["synthesis"]["small"].stage, contours=False).build()
    batch = batch_of(stage)
    assert not stage.goal(stage.networks, batch).any()


def test_metrics_of_the_hole_equal_a_loop():
    generator = torch.Generator().manual_seed(0)
    clean, complete = (torch.rand(3, 3, 4, 5, generator=generator) for _ in range(2))
    mask = (torch.rand(3, 1, 4, 5, generator=generator) > 0.5).float()
    mask[2] = 0  # nothing to complete: does not count
    found = hole_metrics([({"clean": clean, "mask": mask}, complete)])
    psnr, distance = 0.0, 0.0
    for n in range(2):
        inside = mask[n, 0] > 0
        error = (complete - clean)[n][:, inside].numpy()
        psnr += -10 * np.log10(np.mean(error**2)) / 2
        distance += np.abs(error).mean() / 2
    assert found["PSNR"] == pytest.approx(psnr, rel=1e-4) and found["L1"] == pytest.approx(distance, rel=1e-4)
