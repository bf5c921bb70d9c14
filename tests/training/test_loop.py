"""The loop: learning, going on after a kill, several processes, and stopping when numbers are none."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch

from occlib.data import write_samples
from occlib.errors import TrainingError
from occlib.networks import load_weights
from occlib.training import Run, checkpoints, ship, train
from occlib.training.loop import average_gradients, learning_rate
from occlib.training.settings import Training
from tests.data.fake import FakeWorld
from tests.training.fake import FakeSettings, fake_run

ONE_THREAD = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "samples"
    write_samples(FakeWorld(), folder, 10, {})
    return folder


class Notes:
    def __init__(self):
        self.values, self.shown = {}, {}

    def scalars(self, step, steps, values):
        self.values.setdefault(step, {}).update(values)

    def pictures(self, step, pictures):
        self.shown |= {(step, title): picture.shape for title, picture in pictures.items()}


def weights(folder):
    content = checkpoints.load(folder)
    return {
        f"{kind}.{name}": x for kind in ("networks", "averages") for name, x in content[kind].items()
    }, content


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_it_learns_reports_validates_and_shows_pictures(samples, tmp_path):
    notes = Notes()
    stage = train(fake_run(samples, steps=60), tmp_path, [notes])
    assert notes.values[60]["maker/pixels"] < 0.5 * notes.values[2]["maker/pixels"]
    assert {
        "judge/adversarial",
        "judge/gradient",
        "rate",
        "images per second",
        "seconds left",
    } <= notes.values[4].keys()
    assert notes.values[60]["validation/error"] < notes.values[6]["validation/error"]
    assert notes.shown[60, "made"] == (8, 8, 3)
    found, content = weights(tmp_path)
    assert content["step"] == 60 and content["metrics"]["error"] == notes.values[60]["validation/error"]
    # What is returned holds the averages, which ship.
    assert torch.equal(stage.networks["maker"][0].weight, found["averages.maker.0.weight"])
    assert not torch.equal(found["networks.maker.0.weight"], found["averages.maker.0.weight"])
    assert all(parameter.grad is None for parameter in stage.networks.parameters())


def test_the_callers_random_numbers_are_left_alone(samples, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(fake_run(samples), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_a_run_in_two_parts_ends_in_the_same_weights(samples, tmp_path, monkeypatch):
    train(fake_run(samples), tmp_path / "whole")

    class Stop(Exception):
        pass

    class Stopper(Notes):
        def scalars(self, step, steps, values):
            if step == 8:  # two steps after a checkpoint
                raise Stop

    with pytest.raises(Stop):
        train(fake_run(samples), tmp_path / "parts", [Stopper()])
    assert weights(tmp_path / "parts")[1]["step"] == 6
    train(fake_run(samples, workers=1, save_every=5), tmp_path / "parts")
    assert_same(weights(tmp_path / "parts")[0], weights(tmp_path / "whole")[0])


def test_a_run_goes_on_from_shipped_weights(samples, tmp_path):
    train(fake_run(samples, steps=4), tmp_path / "first")
    ship(tmp_path / "first", tmp_path / "first.safetensors")
    run = fake_run(samples, steps=1, rate=0.0, start=tmp_path / "first.safetensors")
    first = load_weights(tmp_path / "first.safetensors")[0]
    stage = train(run, tmp_path / "second")
    for name, tensor in stage.networks["maker"].state_dict().items():
        assert torch.allclose(tensor, first[name], atol=1e-6)
    header = ship(tmp_path / "second", tmp_path / "second.safetensors")
    assert header["before"][0]["steps"] == 4 and header["configuration"]["training"]["start"] == "first.safetensors"
    other = Run(FakeSettings(width=8), run.training, run.data)
    with pytest.raises(TrainingError, match="another network"):
        train(other, tmp_path / "third")


SCRIPT = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from occlib.training import train
from tests.training.fake import FakeSettings, fake_run

class Slow:
    def scalars(self, step, steps, values):
        print(step, flush=True)
        time.sleep(0.02)
    def pictures(self, step, pictures):
        pass

if __name__ == "__main__":
    train(fake_run(Path(sys.argv[1]), **eval(sys.argv[3])), sys.argv[2], [Slow()])
"""


def start(script, *arguments, **environment):
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    environment = {**os.environ, **ONE_THREAD, **environment}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, stdin=subprocess.DEVNULL
    )


def test_killed_at_any_step_and_resumed_it_ends_in_the_same_weights(samples, tmp_path):
    settings = {"steps": 40, "report_every": 1, "save_every": 1}
    train(fake_run(samples, **settings), tmp_path / "whole")
    process = start(SCRIPT, samples, tmp_path / "killed", settings)
    for line in process.stdout:
        if int(line) >= 17:
            break
    time.sleep(
        np.random.default_rng().uniform(0, 0.05)
    )  # anywhere: between steps, or while a checkpoint is written
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    assert 16 <= weights(tmp_path / "killed")[1]["step"] < 40
    train(fake_run(samples, **settings), tmp_path / "killed")
    assert_same(weights(tmp_path / "killed")[0], weights(tmp_path / "whole")[0])


def test_two_processes_equal_one(samples, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.nn.Dropout.forward", lambda self, x: x)  # processes drop other units
    script = "import torch; torch.nn.Dropout.forward = lambda self, x: x\n" + SCRIPT
    settings = {"steps": 10, "rate": 0.003}
    train(fake_run(samples, **settings), tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    together = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "ACCELERATE_USE_CPU": "true",
    }
    processes = [
        start(script, samples, tmp_path / "two", settings, RANK=str(rank), LOCAL_RANK=str(rank), **together)
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    one, two = weights(tmp_path / "one")[0], weights(tmp_path / "two")[0]
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("poison", [3, 7])
def test_a_loss_that_is_no_number_stops_the_run(samples, tmp_path, poison):
    run = fake_run(samples, poison=poison, save_every=1)
    with pytest.raises(TrainingError, match=r"step \d+: maker/pixels is nan") as stopped:
        train(run, tmp_path)
    message = str(stopped.value)
    step = int(message.split("step ")[1].split(":")[0])
    named = message.split("samples ")[1].split(",  augmented")[0].split(", augmented")[0]
    assert str(poison) in named.split(", ")
    assert f"[0, 1, {4 * step}] to [0, 1, {4 * step + 3}]" in message
    if step:
        found, content = weights(tmp_path)
        assert content["step"] == step and all(x.isfinite().all() for x in found.values())


def test_other_settings_are_another_run(samples, tmp_path):
    train(fake_run(samples), tmp_path)
    with pytest.raises(
        TrainingError, match=r"another run \(training.rate 0.01 instead of 0.02\): choose a new folder"
    ):
        train(fake_run(samples, rate=0.02), tmp_path)
    train(fake_run(samples, report_every=7), tmp_path)  # without influence on the result


def test_a_damaged_checkpoint_is_reported(samples, tmp_path):
    (tmp_path / checkpoints.NAME).write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="is no checkpoint"):
        train(fake_run(samples), tmp_path)


def test_the_learning_rate_rises_and_falls():
    settings = Training(steps=100, rate=1.0, warmup=10)
    rates = [learning_rate(settings, step) for step in range(100)]
    assert (
        rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0) and rates[55] == pytest.approx(0.5)
    )
    assert 0 < rates[-1] < 0.001 and max(rates) <= 1


def test_gradients_are_averaged_over_processes():
    class Doubles:
        num_processes = 2

        def reduce(self, tensor, how):
            assert how == "mean"
            return 2 * tensor

    parameters = [
        torch.nn.Parameter(torch.zeros(2, 3)),
        torch.nn.Parameter(torch.zeros(2)),
        torch.nn.Parameter(torch.zeros(1)),
    ]
    parameters[0].grad, parameters[2].grad = torch.arange(6.0).reshape(2, 3), torch.ones(1)
    average_gradients(parameters, Doubles())
    assert torch.equal(parameters[0].grad, 2 * torch.arange(6.0).reshape(2, 3)) and parameters[1].grad is None
