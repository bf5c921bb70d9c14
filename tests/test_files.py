"""Files and folders appear whole or not at all."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from occlib.errors import OutputError
from occlib.files import check_writable, remove_parts, whole_file, whole_folder


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_new_folder_appears_only_when_complete(tmp_path):
    with whole_folder(tmp_path / "deep" / "out") as part:
        (part / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path / "deep") == ["out"] and names(tmp_path / "deep" / "out") == ["a.txt"]


def test_existing_folder_keeps_what_is_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("old")
    (tmp_path / "out" / "b.txt").write_text("old")
    with whole_folder(tmp_path / "out") as part:
        (part / "a.txt").write_text("new")
    assert (tmp_path / "out" / "a.txt").read_text() == "new"
    assert (tmp_path / "out" / "b.txt").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_nothing_appears_when_the_block_raises(tmp_path):
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "out") as part:
        (part / "a.txt").write_text("a")
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "a.txt") as part:
        part.write_text("a")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_unwritable_places(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError):
            check_writable(folder)
        with pytest.raises(OutputError), whole_folder(folder) as part:
            (part / "a.txt").write_text("a")
    check_writable(tmp_path / "new" / "folder")
    assert names(tmp_path) == ["file"]


WRITER = textwrap.dedent("""
    import pathlib, resource, sys
    from occlib.files import whole_file, whole_folder
    out = pathlib.Path(sys.argv[1])
    if sys.argv[2] == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # what a full disk looks like to a process
    with whole_folder(out / "folder") as part, whole_file(out / "file.bin") as one:
        (part / "a.bin").write_bytes(bytes(900))
        one.write_bytes(bytes(900))
        if sys.argv[2] == "full":
            (part / "b.bin").write_bytes(bytes(5000))
        print("half", flush=True)
        sys.stdin.read()
""")


@pytest.mark.skipif(os.name == "nt", reason="resource limits are a Unix notion")
def test_full_disk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path), "full"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode != 0 and "OutputError" in done.stderr
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a Unix notion")
def test_a_killed_process_leaves_nothing_under_the_final_name(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), "kill"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "folder").exists() and not (tmp_path / "file.bin").exists()


def test_leftovers_of_killed_writers_are_removed_by_name(tmp_path):
    (tmp_path / ".a-0123abcd.part.tar").write_text("half")
    (tmp_path / ".b-0123abcd.part").mkdir()
    (tmp_path / ".b-0123abcd.part" / "image.png").write_text("half")
    kept = [".a-0123abcd.part.png", ".a.tar", ".c-0123abcd.part.tar", "a.tar"]
    for name in kept:
        (tmp_path / name).write_text("kept")
    remove_parts(tmp_path, {"a.tar", "b"})
    assert names(tmp_path) == kept


@pytest.mark.parametrize("name", ["mesh.ply", "000123"])
def test_leftovers_have_the_names_that_writers_give_them(tmp_path, name):
    with pytest.raises(RuntimeError), whole_file(tmp_path / name) as part:
        part.write_text("half")
        remove_parts(tmp_path, {name})
        assert not part.exists()
        raise RuntimeError
