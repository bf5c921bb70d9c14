"""The command line: exit codes, one line a photo, machine-readable lines. The pipeline is a stand-in here."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from occlib import cli, data, pipeline
from occlib.data.fits import Fits
from occlib.errors import NoFaceError, OutputError
from occlib.files import whole_folder
from tests.data.fake import FakeWorld


class StandIn:
    vertices = np.zeros((7, 3))
    faces = np.zeros((5, 3), int)
    faces_in_photo = 1

    def save(self, folder):
        with whole_folder(folder) as part:
            (part / "mesh.obj").write_text("mesh")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    def reconstruct(photo, mask=None, *, device=None, progress=None):
        if "nobody" in photo.name:
            raise NoFaceError(f"no face found in\n{photo}")
        if "unsaved" in photo.name:
            face = StandIn()
            face.save = lambda folder: (_ for _ in ()).throw(OutputError("disk full"))
            return face
        return StandIn()

    monkeypatch.setattr(pipeline, "reconstruct", reconstruct)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def run(*arguments, code=0):
    with pytest.raises(SystemExit) as exit:
        cli.main([str(argument) for argument in arguments])
    assert exit.value.code == code


def test_one_photo_fills_the_folder(tmp_path, capsys):
    run("reconstruct", "a.jpg", "--out", tmp_path / "out")
    assert (tmp_path / "out" / "mesh.obj").is_file()
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1 and "7 vertices" in output.out and output.err == ""


def test_several_photos_get_folders_with_distinct_names(tmp_path, capsys):
    run("reconstruct", "x/a.jpg", "b.png", "y/a.jpg", "--out", tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "a-2", "b"]
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("bad", ["nobody.jpg", "unsaved.jpg"])
def test_a_failing_photo_does_not_stop_the_others_but_the_exit_code_tells(tmp_path, capsys, bad):
    run("reconstruct", bad, "a.jpg", "--out", tmp_path, code=1)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 1
    assert len(output.err.splitlines()) == 1 and bad in output.err


def test_json_has_one_object_a_photo(tmp_path, capsys):
    run("reconstruct", "nobody.jpg", "a.jpg", "--out", tmp_path, "--json", code=1)
    bad, good = map(json.loads, capsys.readouterr().out.splitlines())
    assert (bad["photo"], bad["ok"], bad["error"]) == ("nobody.jpg", False, "NoFaceError")
    assert (good["photo"], good["ok"], good["vertices"], good["folder"]) == (
        "a.jpg",
        True,
        7,
        str(tmp_path / "a"),
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "no photo given"),
        (("a.jpg", "b.jpg", "--mask", "m.png"), "--mask goes with one photo"),
        (("a.jpg", "--device", "cuda"), "no CUDA device"),
    ],
)
def test_misuse(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run("reconstruct", *arguments, "--out", tmp_path / "out", code=1)
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_without_pytorch3d_there_is_no_bench(capsys, monkeypatch):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    run("bench", "raster", code=1)
    assert "needs PyTorch3D" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, benches",
    [((), ["raster", "fit", "world", "explorer"]), (("raster",), ["raster"]), (("world",), ["world"])],
)
def test_bench_prints_what_was_asked_for(capsys, monkeypatch, arguments, benches):
    for name in ("raster", "fit", "world", "explorer"):
        monkeypatch.setattr(f"occlib.bench.bench_{name}", lambda name=name: name)
    run("bench", *arguments)
    assert capsys.readouterr().out.split() == benches


def test_evaluate_prints_the_report(capsys, monkeypatch):
    def report(count, seed, workers):
        return f"{count} {seed} {workers}"

    monkeypatch.setattr("occlib.evaluation.fitting.evaluate_fitting", report)
    run("evaluate", "fitting", "--count", 3, "--seed", 4, "--workers", 5)
    assert capsys.readouterr().out == "3 4 5\n"


def test_evaluate_world_prints_the_report(capsys, monkeypatch):
    monkeypatch.setattr("occlib.evaluation.world.evaluate_world", lambda count, seed: f"{count} {seed}")
    run("evaluate", "world", "--seed", 4)
    assert capsys.readouterr().out == "200 4\n"


def test_evaluate_synthesis_and_verification_print_their_reports(capsys, monkeypatch):
    def synthesis(count, seed, others, workers):
        return f"{count} {seed} {[str(file) for file in others]}"

    monkeypatch.setattr("occlib.evaluation.synthesis.evaluate_synthesis", synthesis)
    monkeypatch.setattr("occlib.evaluation.verification.evaluate_verification", lambda people, workers: f"{people}")
    run("evaluate", "synthesis", "--others", "a.safetensors", "b.safetensors")
    run("evaluate", "verification")
    assert capsys.readouterr().out == "200 0 ['a.safetensors', 'b.safetensors']\n20\n"


def test_world_writes_the_samples_that_were_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(vars(data), "World", FakeWorld)
    ask = ("world", "--count", 5, "--seed", 3, "--size", 24, "--split", "test", "--workers", 0)
    ask = (*ask, "--out", tmp_path)
    run(*ask, "--slice", "2/2")
    assert "2 samples made" in capsys.readouterr().out
    run(*ask)
    assert "3 samples made" in capsys.readouterr().out
    made = [(s.info["seed"], s.info["index"], len(s.image)) for s in data.SampleFolder(tmp_path)]
    assert made == [(3, i, 24) for i in range(5)]
    assert json.loads((tmp_path / "world.json").read_text())["split"] == "test"


def test_world_writes_shards(tmp_path, monkeypatch):
    monkeypatch.setitem(vars(data), "World", FakeWorld)
    run("world", "--count", 3, "--size", 24, "--shards", "--workers", 0, "--out", tmp_path)
    assert [sample.info["index"] for sample in data.read_shards(tmp_path)] == [0, 1, 2]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--slice", "0/2"), "0/2"),
        (("--slice", "half"), "half"),
        (("--size", 0), "--size"),
        (("--workers", -1), "--workers"),
    ],
)
def test_misuse_of_world(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.setitem(vars(data), "World", FakeWorld)
    run("world", "--count", 1, "--out", tmp_path / "out", *arguments, code=1)
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_unwritable_folder_is_refused_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pipeline, "reconstruct", lambda *_, **__: pytest.fail("worked in vain"))
    (tmp_path / "file").write_text("kept")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        run("reconstruct", "a.jpg", "--out", out, code=1)
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "kept"


def test_help_is_quick_and_loads_no_torch():
    code = """
import sys
from occlib import cli
try:
    cli.main(["--help"])
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "False" in done.stderr
    for command in ("reconstruct", "world", "fits", "evaluate", "bench", "doctor"):
        assert command in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is a Unix notion")
def test_a_reader_that_stops_early_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-m", "occlib", "doctor"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.returncode == 1 and done.stderr == ""


def test_sigterm_removes_what_is_half_written(tmp_path):
    program = textwrap.dedent("""
        import sys, time
        from occlib import cli, pipeline
        from occlib.files import whole_folder
        class Slow:
            def save(self, folder):
                with whole_folder(folder) as part:
                    (part / "mesh.obj").write_text("half")
                    print("half", flush=True)
                    time.sleep(60)
        pipeline.reconstruct = lambda *_, **__: Slow()
        cli.main(["reconstruct", "a.jpg", "--out", sys.argv[1]])
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "half\n"
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_fits_stand_beside_their_samples_and_go_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(vars(data), "World", FakeWorld)
    run("world", "--count", 3, "--size", 24, "--shards", "--workers", 0, "--out", tmp_path)
    row = (np.eye(24, dtype=bool), True, np.zeros(239, np.float32))
    monkeypatch.setattr("occlib.data.holes.FittedHoles.__getitem__", lambda self, index: row)
    for count, made in ((2, 2), (5, 1), (5, 0)):
        run("fits", tmp_path, "--count", count, "--workers", 0)
        assert f"{tmp_path / 'fits.npz'}: {made} fits made" in capsys.readouterr().out
    assert len(Fits.load(tmp_path / "fits.npz")) == 3


def test_fits_of_nothing_say_so(tmp_path, capsys):
    run("fits", tmp_path, code=1)
    assert "neither samples" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
