"""JupyterLab on loopback, and a notebook that is open in it."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "out" / "browser"
TOKEN = "occlib"
CHROMIUM_FLAGS = [
    "--no-sandbox",  # root, as in containers, has none
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves the machine
]


@contextmanager
def running_lab(root: Path, settings: Path) -> Iterator[str]:
    """JupyterLab on the files of `root`; its address. It keeps all it writes of its own in `settings`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    nowhere = "http://127.0.0.1:9"  # a kernel that asks for anything outside gets an error
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(settings / "config"),  # and in it settings and workspaces
        "JUPYTER_DATA_DIR": str(settings / "data"),
        "JUPYTER_RUNTIME_DIR": str(settings / "runtime"),
        "IPYTHONDIR": str(settings / "ipython"),
        "PYTHONPATH": str(ROOT),
        "TQDM_DISABLE": "1",
        "OMP_NUM_THREADS": "1",  # browser, server and kernel share the machine: a second thread would wait, busily
        "http_proxy": nowhere,
        "https_proxy": nowhere,
        "no_proxy": "127.0.0.1,localhost",
    }
    news = settings / "config/lab/user-settings/@jupyterlab/apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    log = settings / "jupyterlab.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        _until(
            lambda: _answers(f"{address}api/status?token={TOKEN}", server),
            120,
            log.read_text,
            lambda: time.sleep(0.1),
        )
        yield address
    finally:
        server.terminate()  # which ends the kernels
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


class Notebook:
    """A notebook open in JupyterLab: run it, find its cells, look at what they show."""

    def __init__(self, page: Page, lab: str, path: str):
        self.page = page
        page.goto(f"{lab}lab/tree/{path}?token={TOKEN}&reset")
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'",
            timeout=120_000,
        )
        page.evaluate("() => { window.panel = jupyterapp.shell.currentWidget; }")

    def run(self, timeout: float = 900) -> nbformat.NotebookNode:
        """Run all cells as the menu does, wait for the last one; the notebook as it is then."""
        self.page.evaluate(
            """() => {
                window.ran = false;
                jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.ran = true; });
            }"""
        )
        self.page.wait_for_function("() => window.ran", timeout=1000 * timeout)
        return nbformat.from_dict(self.page.evaluate("() => panel.context.model.toJSON()"))

    def output(self, call: str) -> Locator:
        """What the last code cell with `call` in its source shows, scrolled into view."""
        index = self.page.evaluate(
            """call => {
                const cells = panel.content.widgets;
                const index = cells.findLastIndex(
                    ({ model }) => model.type === 'code' && model.sharedModel.getSource().includes(call)
                );
                panel.content.activeCellIndex = index;
                return panel.content.scrollToItem(index, 'start').then(() => index);
            }""",
            call,
        )
        output = self.page.locator(".jp-Notebook-cell").nth(index).locator(".jp-OutputArea-output").last
        output.scroll_into_view_if_needed()
        return output

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def pixels(seen: Locator) -> np.ndarray:
    """What is seen of an element, (H, W, 3) int."""
    return np.asarray(Image.open(io.BytesIO(seen.screenshot())).convert("RGB")).astype(int)


@contextmanager
def changing(page: Page, look: Callable[[], np.ndarray], timeout: float = 60) -> Iterator[None]:
    """What is done in here has to change the pixels (H, W, 3) that `look` gives, at least one in 2,000."""

    def other() -> bool:
        now = look()
        return now.shape != before.shape or (np.abs(now - before).max(-1) > 12).mean() >= 0.0005

    before = look()
    yield
    _until(other, timeout, lambda: "these pixels never changed", lambda: page.wait_for_timeout(100))


def calls(notebook: nbformat.NotebookNode, names: Iterable[str]) -> list[str]:
    """Which of these functions the code cells call, in the order of the cells."""
    wanted = re.compile(rf"\b({'|'.join(names)})\(")
    return [
        name for cell in notebook.cells if cell.cell_type == "code" for name in wanted.findall(cell.source)
    ]


def _answers(address: str, server: subprocess.Popen) -> bool:
    assert server.poll() is None, "JupyterLab ended"
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def _until(condition: Callable[[], bool], timeout: float, words: Callable[[], str], pause: Callable) -> None:
    """Wait for `condition`; an error with `words` if that takes longer than `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, words()
        pause()
