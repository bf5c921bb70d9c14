import numpy as np
import pytest
import torch
import trimesh

from occlib.bench import Report, _sample_rate, _Step, bench_explorer, closed_mesh
from occlib.data import World
from occlib.morphable import MorphableModel
from occlib.rendering import rasterize


def test_closed_mesh_is_a_closed_ellipsoid():
    vertices, faces = closed_mesh(21)
    mesh = trimesh.Trimesh(vertices[0].numpy(), faces.numpy(), process=False)
    assert len(faces) == 12 * 21**2
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 75 * 105 * 90, rel=0.01)


def test_a_step_taken_apart_is_the_step():
    """The shares are worth something only if the parts, one by one, do what the whole does."""
    model = MorphableModel.load()
    whole, parts = _Step(model, rasterize), _Step(model, rasterize)
    for _ in range(2):
        whole.whole()
        assert all(seconds >= 0 for pair in parts.split().values() for seconds in pair)
    assert not torch.equal(whole.vector, _Step(model, rasterize).vector)
    torch.testing.assert_close(parts.vector, whole.vector)


def test_a_rate_counts_the_samples_that_were_made(monkeypatch):
    made = []
    monkeypatch.setattr(World, "__getitem__", lambda self, index: made.append(index) or World.sample(self, index))
    assert _sample_rate(World(size=32), 3, workers=0) > 0
    assert made == [0, 1, 2]


def test_the_explorer_is_fast_enough():
    """Whatever else runs here: the bar is 10."""
    rates = {name: rate for name, _, rate, _ in bench_explorer(seconds=0.5).rows}
    assert rates.keys() == {"shape", "light"} and min(rates.values()) >= 10


def test_report_is_a_table():
    report = Report("Title", ("part", "ms"), [("raster", 1234.5), ("a", 0.5)], ["note"])
    assert str(report) == "Title\n\npart       ms\n------  -----\nraster  1,234\na         0.5\n\nnote\n"
