"""How the compiled loops of the CPU path are made and run on several threads."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numba
import torch


def kernel(function: Callable) -> Callable:
    """Compile `function` by numba. It lets other threads run, and is kept on disk where a folder can be
    written."""
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
    """Call `function(*task)` for every task, on up to `thread_count()` threads, and return when all are done.

    The calling thread works too and takes whatever is left: on a busy machine, where the others get no turn,
    it waits for none of them.
    """
    waiting = deque(tasks)

    def work():
        while True:
            try:
                task = waiting.popleft()
            except IndexError:
                return
            function(*task)

    helpers = min(thread_count(), len(waiting)) - 1
    # A pool's threads do not survive a fork: a child process has another id and starts its own pool.
    pool = _pool(os.getpid(), thread_count() - 1) if helpers > 0 else None
    started = [pool.submit(work) for _ in range(helpers)]
    work()
    for future in started:
        if not future.cancel():
            future.result()


@functools.lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="occlib-rendering")


def bands(images: int, rows: int) -> list[tuple[int, int, int]]:
    """Bands of rows that threads can work on side by side: (image, first row, last row + 1) of each."""
    count = max(1, min(-(-thread_count() // max(images, 1)), rows))
    return [(n, rows * i // count, rows * (i + 1) // count) for n in range(images) for i in range(count)]


def gradient_parts(images: int) -> int:
    """How many buffers an image's gradients are summed in, one for each band of rows. It depends on nothing
    but the batch, so that the sums are the same bytes however many threads there are."""
    return max(1, 4 // max(images, 1))


def gradient_bands(images: int, rows: int) -> list[tuple[int, int, int, int]]:
    """(image, part, first row, last row + 1) for each part of `gradient_parts`."""
    count = gradient_parts(images)
    return [(n, i, rows * i // count, rows * (i + 1) // count) for n in range(images) for i in range(count)]
