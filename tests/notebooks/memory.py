"""A pytest plugin: a notebook that nbval runs fails when its kernel took more than --kernel-memory GB.

pytest -p tests.notebooks.memory --kernel-memory 1.5 --nbval-lax notebooks
"""

import re
from pathlib import Path

import psutil
import pytest

PEAKS = pytest.StashKey[dict[str, float]]()


def pytest_addoption(parser):
    parser.addoption("--kernel-memory", type=float, help="most memory a notebook's kernel may take, in GB")


def pytest_configure(config):
    config.stash[PEAKS] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """After a notebook's last cell, before nbval stops the kernel."""
    kernel = getattr(item.parent, "kernel", None)
    last = nextitem is None or nextitem.parent is not item.parent
    peak = peak_memory(kernel.km.provisioner.pid) if kernel and last and kernel.is_alive() else 0
    yield
    if peak:
        item.config.stash[PEAKS][item.parent.name] = peak
        limit = item.config.getoption("kernel_memory")
        if limit is not None and peak > limit:
            pytest.fail(f"its kernel took {peak:.2f} GB, more than {limit} GB", pytrace=False)


def pytest_terminal_summary(terminalreporter, config):
    for name, peak in config.stash[PEAKS].items():
        terminalreporter.write_line(f"{name}: kernel took at most {peak:.2f} GB")


def peak_memory(pid: int) -> float:
    """Most resident memory in GB that a process had until now; its living children's is added."""
    kernel = psutil.Process(pid)
    return sum(map(high_water, [kernel, *kernel.children(recursive=True)])) / 1e9


def high_water(process: psutil.Process) -> int:
    """Bytes. Only Linux and Windows keep the peak; elsewhere it is what is resident now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1])
    memory = process.memory_info()
    return getattr(memory, "peak_wset", memory.rss)
