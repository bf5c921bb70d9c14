"""How the compiled loops of the CPU path are made and run on several threads."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numba
import torch


def kernel(function: Callable) -> Callable:
    """Compile `function` by numba. It lets other threads run, and is kept on disk where a folder can be written."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder to keep it in
        return numba.njit(**options)(function)


def thread_count() -> int:
    """Threads that share the loops: OCCLIB_THREADS where it is set, else `torch.get_num_threads()`.

    Results are the same bytes for every count. On a machine busy with other work one thread is often fastest.
    """
    return int(os.environ.get("OCCLIB_THREADS") or torch.get_num_threads())


def run(function: Callable, tasks: Iterable[tuple]) -> None:
    """Call `function(*task)` for every task, on `thread_count()` threads, and wait for all of them."""
    tasks = list(tasks)
    threads = min(thread_count(), len(tasks))
    if threads <= 1:
        for task in tasks:
            function(*task)
        return
    # A pool's threads do not survive a fork: a child process has another id and starts its own pool.
    pool = _pool(os.getpid(), thread_count() - 1)
    waiting = [pool.submit(function, *task) for task in tasks[1:]]
    function(*tasks[0])
    for future in waiting:
        future.result()


@functools.lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="occlib-rendering")


def bands(count: int, rows: int) -> list[tuple[int, int]]:
    """Split `rows` image rows into `count` bands of about the same height: (first, last + 1) of each."""
    count = max(1, min(count, rows))
    return [(rows * i // count, rows * (i + 1) // count) for i in range(count)]


def gradient_bands(images: int, rows: int) -> list[tuple[int, int]]:
    """Bands for loops that sum gradients, each into a buffer of its own: their number depends on nothing but the batch,
    so that the sums are the same bytes however many threads there are."""
    return bands(4 // images, rows)
