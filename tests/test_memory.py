"""What a process keeps of freed memory, seen from outside: in a process of its own, since it cannot be undone."""

import subprocess
import sys

import pytest

from occlib.memory import give_back, keep_freed

PROGRAM = """
import psutil
from occlib import memory

{settings}
resident = lambda: psutil.Process().memory_info().rss / 1e6
before = resident()
pieces = [bytearray(100_000) for _ in range(3000)]
for piece in pieces:
    piece[:] = b"x" * len(piece)
last = bytearray(100_000)  # lies above them all: the heap cannot shrink
full = resident()
del piece, pieces
kept = resident()
memory.give_back()
print(full - before, kept - before, resident() - before)
"""


def megabytes(settings: str) -> list[float]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(settings=settings)], capture_output=True, text=True, check=True
    )
    return [float(number) for number in run.stdout.split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_small_pieces_are_kept_and_given_back_on_demand():
    full, kept, left = megabytes("memory.keep_freed(1 << 30, block=1 << 20)")
    assert full > 250 and kept > 250
    assert left < 30


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_large_blocks_go_back_at_once():
    full, kept, _ = megabytes("memory.keep_freed(1 << 30, block=50_000)")
    assert full > 250 and kept < 30


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())  # has neither function: nothing may be raised
    keep_freed(1, block=1)
    give_back()
