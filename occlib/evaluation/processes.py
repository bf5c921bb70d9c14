"""Work for several processes, with one thread each: so their number changes nothing in the result."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import cv2
import torch
from tqdm import tqdm


@contextmanager
def processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of that many processes."""
    ways = multiprocessing.get_context("spawn")  # a fork would copy PyTorch's threads, which do not survive it
    with ProcessPoolExecutor(workers, ways, initializer=_use_one_thread) as pool:
        yield pool


def each(function: Callable, items: Sequence, workers: int, what: str) -> list:
    """function(item) of all items, in their order, with a progress bar named `what`; with 0 workers here."""
    if not workers:
        return [function(item) for item in tqdm(items, what)]
    with processes(workers) as pool:
        return list(tqdm(pool.map(function, items), what, len(items)))


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
