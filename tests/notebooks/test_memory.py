"""tests/notebooks/memory.py, which watches the kernels in `make test`."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import nbformat.v4 as v4
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Its kernel takes 300 MB for a moment: the peak counts, not what is left at the end."""
    cells = [v4.new_code_cell("filled = b'x' * 300_000_000; del filled"), v4.new_code_cell("print(1)")]
    path = tmp_path_factory.mktemp("greedy") / "greedy.ipynb"
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems keep no peak")
@pytest.mark.parametrize(("limit", "code"), [("0.3", 1), ("0.9", 0)])
def test_the_peak_of_the_kernel_decides(notebook, limit, code):
    command = f"-m pytest -p tests.notebooks.memory --kernel-memory {limit} --nbval-lax".split()
    done = subprocess.run([sys.executable, *command, notebook], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    assert 0.3 < float(re.search(r"greedy.ipynb: kernel took at most (\S+) GB", done.stdout)[1]) < 0.9
    assert ("more than 0.3 GB" in done.stdout) == (code == 1)
