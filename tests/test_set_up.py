"""tools/set_up.py: what it asks of the system, and when it has nothing to do."""

import os
import shutil

import pytest

from tools import set_up

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Debian's packages")


@pytest.fixture
def commands(monkeypatch):
    """The commands that would have been run."""
    commands = []
    monkeypatch.setattr(set_up, "run", lambda *command: commands.append(" ".join(map(str, command))))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(set_up.sys, "platform", "linux")
    monkeypatch.setattr(set_up, "loads", lambda library: library == "libxcb.so.1")
    return commands


def test_root_installs_the_system_packages_that_are_missing(commands, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    set_up.install_debian_packages()
    assert len(commands) == 2
    assert commands[1].endswith("libgl1 libglib2.0-0") and "libxcb1" not in commands[1]


def test_others_are_told_which_are_missing(commands, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="apt-get install libgl1 libglib2.0-0$"):
        set_up.install_debian_packages()
    assert commands == []


def test_nothing_is_asked_of_apt_when_nothing_is_missing(commands, monkeypatch):
    monkeypatch.setattr(set_up, "loads", lambda library: True)
    set_up.install_debian_packages()
    assert commands == []


def test_root_gets_chromium_for_the_tests_where_there_is_none(commands, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", {"apt-get": "/usr/bin/apt-get"}.get)
    set_up.install_chromium()
    assert commands[-1].endswith(" chromium") and len(commands) == 2


@pytest.mark.parametrize("user, found", [(1000, "apt-get"), (0, "google-chrome"), (0, "my-browser")])
def test_chromium_is_left_to_others_and_to_who_has_one(commands, monkeypatch, user, found):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("CHROMIUM", "my-browser")
    monkeypatch.setattr(shutil, "which", {found: f"/usr/bin/{found}", "apt-get": "/usr/bin/apt-get"}.get)
    set_up.install_chromium()
    assert commands == []
    assert set_up.chromium() == (None if found == "apt-get" else f"/usr/bin/{found}")


def test_apt_txt_names_the_same_libraries():
    assert (set_up.ROOT / "apt.txt").read_text().split() == list(set_up.LIBRARIES.values())


def test_the_lock_file_has_hashes_and_no_addresses():
    lock = (set_up.ROOT / "requirements.lock").read_text()
    assert "://" not in lock and "--index" not in lock
    requirements = [line for line in lock.splitlines() if "==" in line and not line.lstrip().startswith("#")]
    assert len(requirements) > 100 and all(line.endswith("\\") for line in requirements)
    assert any(line.startswith("uv==") for line in requirements)
