"""One torch thread in every test: two threads on two busy cores wait for one another, up to ten times as long."""

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def planned_runs(monkeypatch) -> list:
    """The runs that `occlib train` would have made: a list that fills."""
    from occlib import training

    runs = []
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(training, "train", lambda run, out, recorders: runs.append(run))
    monkeypatch.setattr(training, "ship", lambda out, weights: None)
    monkeypatch.setattr("occlib.training.recording.TensorBoard", lambda folder: None)
    return runs
