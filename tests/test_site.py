"""The site: it builds without a warning, asks nothing of the network, and its links lead somewhere."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tools.set_up import chromium

pytest.importorskip("furo", reason="pip install --editable '.[site]'")
ROOT = Path(__file__).resolve().parent.parent
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
"""What a browser fetches without being asked, and where it stands."""


class Page(HTMLParser):
    """Anchors, links, loaded files and pictures without words of an HTML page."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.links, self.loaded, self.wordless = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        fetched = tag != "link" or {"stylesheet", "icon", "preload"} & set(values.get("rel", "").split())
        if fetched and values.get(LOADED.get(tag)):
            self.loaded.append(values[LOADED[tag]])
        if tag == "img" and len((values.get("alt") or "").split()) < 3:
            self.wordless.append(values.get("src", "")[:80])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-c",
        "docs",
        "-d",
        out / "doctrees",
        ".",
        out / "html",
    ]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_notebook_package_and_page_is_there(site):
    notebooks = [path.stem for path in (ROOT / "notebooks").glob("*.ipynb")]
    packages = [path.parent for path in (ROOT / "occlib").rglob("__init__.py")]
    pages = [path.stem for path in (ROOT / "docs").glob("*.md")]
    wanted = [f"notebooks/{name}" for name in notebooks]
    wanted += [f"docs/api/{'.'.join(folder.relative_to(ROOT).parts)}" for folder in packages]
    wanted += [f"docs/{name}" for name in pages]
    wanted += ["docs/api/commands", "README", "CONTRIBUTING", "CHANGELOG", "index"]
    wanted += ["assets/NOTICE", "assets/world/DATASET_CARD", "assets/face_model/MODEL_CARD"]
    assert [name for name in wanted if not (site / f"{name}.html").is_file()] == []


def test_docstrings_and_help_are_on_the_pages(site):
    losses = (site / "docs/api/occlib.contours.html").read_text(encoding="utf-8")
    assert (
        'id="occlib.contours.losses.feature_matching_loss"' in losses
        and "final convolution included" in losses
    )
    assert "--networks" in (site / "docs/api/commands.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(site, pages):
    """Neither by a page nor by a style sheet."""
    loaded = [(path, file) for path, page in pages.items() for file in page.loaded]
    styles = [path for path in site.rglob("*.css") if "url(http" in path.read_text(encoding="utf-8")]
    assert [(path.name, file) for path, file in loaded if urlsplit(file).scheme not in ("", "data")] == []
    assert [(path.name, file) for path, file in loaded if not exists(path, file)] == []
    assert styles == []
    assert any("mathjax" in file for _, file in loaded)


def test_every_link_within_the_site_leads_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].ids if target in pages else {parts.fragment}
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append((path.name, link))
    assert broken == []


def test_every_picture_has_words(pages):
    assert [(path.name, picture) for path, page in pages.items() for picture in page.wordless] == []


def test_pictures_of_notebooks_are_shown(pages):
    for path, page in pages.items():
        if path.parent.name == "notebooks":
            pictures = [file for file in page.loaded if "_images/" in file or file.startswith("data:image")]
            assert len(pictures) > 5, path.name


def exists(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    return parts.scheme == "data" or (page.parent / unquote(parts.path)).is_file()


@pytest.mark.skipif(chromium() is None, reason="needs Chromium: install it, or name one in CHROMIUM")
def test_formulas_are_drawn_in_a_browser_without_a_network(site):
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        asked = []
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.goto((site / "notebooks/03_contours.html").as_uri())
        page.wait_for_selector("mjx-container[display=true] mjx-math", timeout=120_000)
        assert page.locator("mjx-merror").count() == 0
        assert {urlsplit(url).scheme for url in asked} <= {"file", "data", "blob"}
        browser.close()
