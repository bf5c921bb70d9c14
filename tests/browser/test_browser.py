"""The course in a real browser: JupyterLab on loopback, driven through headless Chromium.

Every notebook is opened and run from top to bottom, and every widget in it is used by mouse and keys. Nothing
may be asked of another machine. Screenshots are left in out/browser.
"""

import os
import shutil

import nbformat
import pytest

import occlib.widgets
from tests.browser.interactions import INTERACTIONS
from tests.browser.lab import CHROMIUM_FLAGS, ROOT, Notebook, calls, running_lab
from tests.notebooks import rules
from tools.set_up import chromium

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHOWN = {path.name: calls(nbformat.read(path, as_version=4), INTERACTIONS) for path in PATHS}
"""Which widgets each notebook shows."""
MISSING = (
    "these tests need Chromium: sudo apt-get install chromium, or name another browser of its family in the "
    "variable CHROMIUM"
)


@pytest.fixture(scope="module")
def browser():
    if chromium() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """Address of a JupyterLab on a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("browser")
    course = folder / "course"
    course.mkdir()
    for path in PATHS:
        shutil.copy(path, course)
    with running_lab(course, folder / "settings") as address:
        yield address


@pytest.fixture
def page(browser, lab):
    """A fresh page; its kernels end with it. Nothing may have gone wrong in it or been asked elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    elsewhere, errors = [], []

    def note(url: str) -> None:
        if url.split(":")[0] in ("http", "https", "ws", "wss") and lab.split(":", 1)[1] not in url:
            elsewhere.append(url)

    context.on("request", lambda request: note(request.url))
    page.on("websocket", lambda socket: note(socket.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    context.close()
    assert elsewhere == [] and errors == []


def use(notebook: Notebook, widgets: list[str], name: str) -> None:
    """Run a notebook, and do with its widgets what visitors do."""
    ran = notebook.run()
    notebook.screenshot(name)
    assert rules.no_errors(ran) == [] and rules.run_in_order(ran) == []
    for widget in dict.fromkeys(widgets):
        output = notebook.output(f"{widget}(")
        INTERACTIONS[widget](notebook.page, output)
        notebook.screenshot(f"{name}-{widget}")
    assert notebook.page.get_by_text("Error displaying widget").count() == 0


@pytest.mark.parametrize("name", SHOWN)
def test_notebook(page, lab, name):
    use(Notebook(page, lab, name), SHOWN[name], name.removesuffix(".ipynb"))


def test_every_widget_is_used():
    no_widgets = {"Choice", "Live", "Number", "Slider", "explore"}
    assert set(occlib.widgets.__all__) - no_widgets == set(INTERACTIONS)
    assert set(INTERACTIONS) <= set().union(*SHOWN.values())
