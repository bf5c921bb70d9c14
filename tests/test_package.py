"""What `import occlib` promises: it is fast, and reaches for nothing it does not need."""

import subprocess
import sys

import pytest

import occlib


def run_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout.split()


def test_import_loads_nothing_heavy():
    loaded = run_python("import sys, occlib; print(*sys.modules)")
    assert not {"torch", "numpy", "numba", "pytorch3d", "cv2", "matplotlib"} & set(loaded)


def test_the_public_api_needs_no_network_no_gpu_and_nothing_of_the_notebooks():
    code = """
import socket, sys
def refuse(*_, **__): raise AssertionError("reached for the network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import occlib
for name in occlib.__all__: getattr(occlib, name)
occlib.MorphableModel.load("open")
import torch
assert not torch.cuda.is_initialized()
print(*sys.modules)
"""
    loaded = set(run_python(code))
    assert {"torch", "occlib.pipeline"} <= loaded
    assert (
        not {"pytorch3d", "k3d", "plotly", "IPython", "matplotlib.pyplot", "trimesh", "occlib.cli"} & loaded
    )


def test_names():
    assert set(occlib.__all__) <= set(dir(occlib))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        occlib.nonsense  # noqa: B018
