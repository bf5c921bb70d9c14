"""How many pictures a second the explorer of the face model shows in JupyterLab: python -m tests.browser.explorer_rate

A hand that never rests moves its first slider. Run it while nothing else runs: browser, server and kernel share
the machine.
"""

import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Notebook, running_lab
from tools.set_up import chromium

SOURCE = """from occlib.morphable import open_model
from occlib.widgets import morphable_explorer
morphable_explorer(open_model("cpu"))"""
HAND = """([slider, picture, seconds]) => new Promise((done) => {
    let [shown, step] = [0, 0];
    picture.addEventListener("load", () => { shown += 1; });
    const start = performance.now();
    const move = () => {
        const passed = (performance.now() - start) / 1000;
        if (passed > seconds) return done(shown / passed);
        slider.value = 3 * Math.sin(step++ / 20);
        slider.dispatchEvent(new Event("input"));
        requestAnimationFrame(move);
    };
    move();
})"""


def explorer_rate(seconds: float = 5) -> float:
    """Pictures a second, while a slider moves for so many seconds."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        course = Path(folder) / "course"
        course.mkdir()
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)], metadata=kernel)
        nbformat.write(made, course / "explorer.ipynb")
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with running_lab(course, Path(folder) / "settings") as address:
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            notebook = Notebook(page, address, "explorer.ipynb")
            notebook.run()
            output = notebook.output("morphable_explorer(")
            slider = output.get_by_role("slider", name="identity 1", exact=True).element_handle()
            picture = output.get_by_role("img").element_handle()
            page.evaluate(HAND, [slider, picture, 1])  # warms up
            return page.evaluate(HAND, [slider, picture, seconds])


if __name__ == "__main__":
    print(f"{explorer_rate():.1f} pictures a second in JupyterLab")
