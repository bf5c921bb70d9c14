"""Binder's files are what repo2docker, Binder's builder, expects: asked with --no-build, it prints its Dockerfile."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("repo2docker", reason="not installed by conda, and not on Windows")
ROOT = Path(__file__).resolve().parent.parent
FILES = "environment.yml apt.txt postBuild pyproject.toml requirements.lock README.md Makefile".split()


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("clone")
    for name in FILES:
        shutil.copy2(ROOT / name, folder)
    command = "-m repo2docker --no-build --debug --user-id 1000 --user-name jovyan".split()
    done = subprocess.run(
        [sys.executable, *command, folder], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_binder_installs_conda_environment_system_packages_and_occlib(dockerfile):
    packages = sorted((ROOT / "apt.txt").read_text().split())
    assert f"apt-get install --yes --no-install-recommends {' '.join(packages)}" in dockerfile
    assert '${MAMBA_EXE} env update -p ${NB_PYTHON_PREFIX} --file "environment.yml"' in dockerfile
    assert "RUN ./postBuild" in dockerfile
