"""`occlib doctor` names what is missing and what to do about it."""

import importlib.metadata
import shutil

import pytest
import torch

from occlib import assets, cli, doctor
from occlib.training import PRESETS


def test_it_tells_versions_devices_rasteriser_and_assets():
    text = str(doctor.examine())
    assert f"torch          {torch.__version__.split('+')[0]}" in text
    assert "CPU: compiled by numba" in text and "threads" in text and "CUDA" in text
    for name in doctor.ASSETS:
        assert name in text


def test_everything_this_clone_needs_is_there():
    report = doctor.examine()
    assert report.healthy, str(report)


def test_a_missing_asset_gets_one_line_of_advice(tmp_path, monkeypatch, capsys):
    missing = "pretrained/facemesh.safetensors"
    for name in doctor.ASSETS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name != missing:
            shutil.copy(assets.root() / name, tmp_path / name)
    monkeypatch.setattr(assets, "root", lambda: tmp_path)
    with pytest.raises(SystemExit) as exit:
        cli.main(["doctor"])
    assert exit.value.code == 1
    advice = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("advice: ") and missing in line
    ]
    assert len(advice) == 1 and "python assets/recipes/bake_faces.py" in advice[0]


def test_recipes_that_advice_names_exist():
    recipes = assets.root() / "recipes"
    if not recipes.is_dir():
        pytest.skip("an installed wheel has no recipes")
    for recipe in doctor.ASSETS.values():
        if recipe.startswith("occlib train "):
            assert recipe.split()[2] in PRESETS, recipe
        else:
            assert (recipes / recipe.rsplit("/", 1)[1]).is_file(), recipe


def test_missing_pytorch3d_is_advised_but_not_needed_on_the_cpu(monkeypatch):
    real = importlib.metadata.version

    def version(name):
        if "pytorch3d" in name:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    report = doctor.Report(doctor._rasterizers())
    assert report.healthy and "advice: install PyTorch3D" in str(report)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not doctor.Report(doctor._rasterizers()).healthy
