"""occlib train: presets as defaults, every value by its name."""

from pathlib import Path

import pytest

from occlib import cli, training
from occlib.networks import save_weights
from occlib.parsing.stage import ParserSettings
from occlib.training import PRESETS, Data, Run, Training


@pytest.fixture
def ran(monkeypatch, tmp_path):
    runs = []
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(training, "train", lambda run, out, recorders: runs.append(run))
    monkeypatch.setattr(training, "ship", lambda out, weights: None)
    monkeypatch.setattr("occlib.training.recording.TensorBoard", lambda folder: None)

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["train", "parser", "--out", str(tmp_path), *arguments])
        return (runs or [None])[-1], stopped.value.code

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


def test_an_unknown_preset_is_refused(ran, capsys):
    assert ran("--preset", "tiny") == (None, 2)
