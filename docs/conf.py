"""The site, built by `make site`, or without make by

    python -m sphinx -W --keep-going -c docs . _build/site

The source folder is the whole clone: links between README, notebooks, cards and docs/ are the same on the site
as in the repository, and nothing is copied. Only docs/api/ is written, from the docstrings of occlib.
"""

import inspect
import io
import json
import os
import re
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx import addnodes

ROOT = Path(__file__).resolve().parent.parent
API = ROOT / "docs/api"
DOCUMENTED = "```{{eval-rst}}\n.. automodule:: {}\n{}```\n"
COMMANDS = [
    ["reconstruct"],
    ["world"],
    *(["train", stage] for stage in ("parser", "contours", "synthesis", "joint")),
    ["evaluate"],
    ["bench"],
    ["doctor"],
]
sys.path.insert(0, str(ROOT))

from occlib import __version__, cli  # noqa: E402

project = "occlib"
author = copyright = "the authors of occlib"
release = version = __version__
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "notebooks/*.ipynb", "assets/**.md"]
exclude_patterns = [".*", "**/.*", "_build", "build", "dist", "out", "tests", "occlib"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
]

# Notebooks are shown as they are committed.
nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
toc_object_entries = False  # every page would copy them all for its list of pages: minutes
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100

viewcode_follow_imported_members = False  # a constant's class would count as its home

highlight_language = "none"  # formulas and commands; Python says that it is

html_theme = "furo"
html_title = "occlib"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_additional_pages = {"index": "to_home.html"}  # the home page is docs/index.html
templates_path = ["templates"]
html_show_sphinx = False
html_copy_source = False
html_domain_indices = False  # of modules: the list of pages is one
copybutton_prompt_text = "$ "
suppress_warnings = ["config.cache"]  # hooks below cannot be pickled


def setup(app) -> None:
    write_api_pages()
    app.connect("source-read", keep_pictures)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("autodoc-process-docstring", as_rest)
    app.connect("doctree-read", link_code)


def write_api_pages() -> None:
    """docs/api/: a page for each package, and one with what the commands say to --help."""
    API.mkdir(exist_ok=True)
    for folder in [ROOT / "occlib", *(file.parent for file in (ROOT / "occlib").glob("*/**/__init__.py"))]:
        package = ".".join(folder.relative_to(ROOT).parts)
        parts = [f"# {package}\n", DOCUMENTED.format(package, "")]
        for file in sorted(folder.glob("[!_]*.py")):
            module = f"{package}.{file.stem}"
            parts += [f"## {module}\n", DOCUMENTED.format(module, "   :members:\n")]
        (API / f"{package}.md").write_text("\n".join(parts), encoding="utf-8")
    parts = ["# The command line\n"]
    for command in COMMANDS:
        parts += [f"## occlib {' '.join(command)}\n", f"```text\n{printed_help(command)}\n```\n"]
    (API / "commands.md").write_text("\n".join(parts), encoding="utf-8")


def printed_help(command: list[str]) -> str:
    os.environ["COLUMNS"] = "92"
    with redirect_stdout(io.StringIO()) as said, suppress(SystemExit):
        cli.main([*command, "--help"])
    return said.getvalue().strip()


def keep_pictures(app, name: str, source: list[str]) -> None:
    """What MyST-NB leaves out of a notebook: attached pictures, and alt texts of the pictures that cells show."""
    if not name.startswith("notebooks/"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        for file, kinds in cell.pop("attachments", {}).items():
            ((kind, data),) = kinds.items()
            picture = f"data:{kind};base64,{''.join(data.split())}"
            cell["source"] = "".join(cell["source"]).replace(f"attachment:{file}", picture)
        for output in cell.get("outputs", []):
            for kind in output.get("data", {}):
                if alt := output["metadata"].get(kind, {}).get("alt"):
                    cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    source[0] = json.dumps(notebook)


def skip_foreign(app, what: str, name: str, member, skip: bool, options) -> bool | None:
    """Functions of others, and the docstrings that Python gives the fields of a NamedTuple."""
    foreign = inspect.isfunction(member) and not member.__module__.startswith("occlib")
    if foreign or (getattr(member, "__doc__", None) or "").startswith("Alias for field number"):
        return True
    return None


def as_rest(app, what: str, name: str, member, options, lines: list[str]) -> None:
    """Docstrings are plain text: paragraphs, lists with "-", indented formulas and programs, and "Args:"."""
    module = next(sys.modules[part] for part in prefixes(name) if part in sys.modules)
    rest = []
    for block in "\n".join(lines).strip("\n").split("\n\n"):
        first, *others = block.strip("\n").split("\n")
        if first == "Args:":
            rest += ["Arguments:", "", *arguments(others, module)]
        elif first.startswith(" "):
            rest += ["::", "", *(f"    {line}" for line in [first, *others])]
        else:
            rest += [escaped(line, module) for line in [first, *others]]
        rest.append("")
    if hasattr(member, "__path__") and hasattr(member, "__all__"):
        rest += [f"``from {name} import ...``", "", *(f"- {link(part, member)}" for part in member.__all__)]
    lines[:] = [*rest, ""]


def arguments(lines: list[str], module) -> list[str]:
    """Lines such as "photos: Pictures to read.", perhaps longer than one line, as items of a list."""
    depth = min(len(line) - len(line.lstrip()) for line in lines)
    items = []
    for line in lines:
        name, _, meaning = line.strip().partition(": ")
        goes_on = line[depth] == " "
        items.append(
            f"  {escaped(line.strip(), module)}" if goes_on else f"- ``{name}``: {escaped(meaning, module)}"
        )
    return items


def escaped(line: str, module) -> str:
    """Plain text as reST: names in `backticks` become links to what they name, all else is meant literally."""
    parts = re.split(r"`([^`]+)`", line)
    parts[::2] = [re.sub(r"([\\*|_`])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [rf"{link(part, module)}\ " for part in parts[1::2]]
    return "".join(parts)


def link(name: str, module) -> str:
    """reST for a name that is used in a module."""
    if name.startswith("occlib."):
        return f":py:obj:`{name}`"
    thing = getattr(module, name, None)
    home = name if isinstance(thing, ModuleType) else f"{getattr(thing, '__module__', None)}.{name}"
    return f":py:obj:`{name} <{home}>`" if home.startswith("occlib.") else f"``{name}``"


def prefixes(name: str) -> list[str]:
    """a.b.c, a.b, a"""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def link_code(app, doctree) -> None:
    """Names such as `occlib.rendering` and files such as `occlib/rendering/` in prose lead to the API pages."""
    for literal in list(doctree.findall(nodes.literal)):
        text = literal.astext()
        if not re.fullmatch(r"occlib(\.\w+)+|occlib/[\w/]*\w(\.py|/)", text) or isinstance(
            literal.parent, (nodes.reference, addnodes.pending_xref)
        ):
            continue
        target = re.sub(r"\.py$", "", text).strip("/").replace("/", ".")
        link = addnodes.pending_xref(
            "", refdomain="py", reftype="obj", reftarget=target, refdoc=app.env.docname, refwarn=False
        )
        literal.replace_self(link)
        link += literal
