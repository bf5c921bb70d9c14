"""occlib train: presets as defaults, every value by its name."""

from dataclasses import replace
from pathlib import Path

import pytest

from occlib import assets, cli
from occlib.networks import load_weights, save_weights
from occlib.parsing.stage import ParserSettings
from occlib.training import PRESETS, Data, Run, Training, checkpoints


@pytest.fixture
def ran(planned_runs, tmp_path):
    def run(*arguments, stage="parser"):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["train", stage, "--out", str(tmp_path), *arguments])
        return (planned_runs or [None])[-1], stopped.value.code

    return run


def test_the_preset_gives_the_defaults(ran):
    assert ran() == (PRESETS["parser"]["small"], 0)
    assert ran("--preset", "base") == (PRESETS["parser"]["base"], 0)


def test_every_value_can_be_set(ran):
    run, _ = ran(
        "--training.steps", "7", "--stage.augmentation.swap", "0.1", "--data.seed", "3", "--preset", "base"
    )
    assert run.training.steps == 7 and run.stage.augmentation.swap == 0.1 and run.data.seed == 3
    assert run.stage.encoder == "plain"


def test_a_stored_run_is_repeated_but_for_what_is_said(ran, tmp_path):
    made = Run(ParserSettings(widths=(48, 32, 24, 16)), Training(steps=9, rate=1e-4), Data(Path("heads"), seed=5))
    weights = tmp_path / "parser.safetensors"
    save_weights(weights, {}, {"configuration": made.as_json()})
    assert ran("--config", str(weights)) == (made, 0)
    run, _ = ran("--config", str(weights), "--training.steps", "3", "--stage.widths", "8", "8", "8", "8")
    assert run.training.steps == 3 and run.stage.widths == (8, 8, 8, 8) and run.training.rate == 1e-4


@pytest.mark.parametrize("stage", PRESETS)
def test_every_stage_is_repeated_with_its_switches_turned(ran, stage, tmp_path):
    made = PRESETS[stage]["small"]
    if stage in ("contours", "synthesis"):
        made = replace(made, stage=replace(made.stage, guide=not made.stage.guide))
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, {}, {"configuration": made.as_json()})
    assert ran("--config", str(weights), stage=stage) == (made, 0)


@pytest.mark.parametrize("name", ["parser", "joint"])
def test_the_runs_of_the_weights_that_ship_are_repeated(ran, name):
    file = assets.path(f"checkpoints/{name}.safetensors", recipe="")
    run, status = ran("--config", str(file), stage=name)
    assert status == 0
    _, header = load_weights(file)
    stored, now = checkpoints.flat(header["configuration"]), checkpoints.flat(run.as_json())
    assert stored.items() <= now.items()


def test_an_unknown_preset_is_refused(ran, capsys):
    assert ran("--preset", "tiny") == (None, 2)
