"""Every public class and function says what it gives, and those that take or give arrays their shapes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "occlib"
MODULES = {
    file.relative_to(PACKAGE).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
    for file in sorted(PACKAGE.rglob("*.py"))
}
NODES = [node for tree in MODULES.values() for node in ast.walk(tree)]
CLASSES = [node for node in NODES if isinstance(node, ast.ClassDef)]
PROTOCOLS = [node for node in CLASSES if "Protocol" in map(ast.unparse, node.bases)]
NAMES = {node.name for node in NODES if isinstance(node, ast.FunctionDef | ast.ClassDef)}

SIZE = r"(\.\.\.|\*?\w+(\(\w+\))?(( [-+*/] | or | )\w+)?)"
SHAPE = re.compile(rf"\({SIZE},( {SIZE},?)*\)|\(\.\.\.\)|\b([Ss]calars?|a number)\b")
"""(N, 3, H, W), (V,), (size, 5 size, 3), (N + M, C), (N, 9 or 27), (..., 3), (...)"""


def methods(owner: ast.ClassDef) -> list[ast.FunctionDef]:
    """Those of a class and of its bases in occlib."""
    bases = [base for base in CLASSES if base.name in map(ast.unparse, owner.bases)]
    own = [node for node in owner.body if isinstance(node, ast.FunctionDef)]
    return own + [method for base in bases for method in methods(base)]


def explained_elsewhere(owner: ast.ClassDef, name: str) -> bool:
    """Whether the class, one of its bases or a Protocol that it fulfils says what this method does."""
    if name in {"forward", "backward"}:  # torch calls them: the shapes stand with the class
        return names_shape(ast.get_docstring(owner) or "")
    own = {method.name for method in methods(owner)}
    fulfilled = [p for p in PROTOCOLS if {method.name for method in methods(p)} <= own]
    said = [m for above in [owner, *fulfilled] for m in methods(above) if ast.get_docstring(m)]
    return name in {method.name for method in said}


def names_shape(docstring: str) -> bool:
    """Whether it names one, or in backticks a function or class of ours that has the same."""
    others = {name.split(".")[-1] for name in re.findall(r"`([\w.]+)`", docstring)}
    return bool(SHAPE.search(" ".join(docstring.split())) or others & NAMES)


def faults(body: list[ast.stmt], owner: ast.ClassDef | None = None) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
            continue
        where = f"line {node.lineno}: " + (f"{owner.name}." if owner else "") + node.name
        docstring = ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            yield from faults(node.body, node)
        if not docstring:
            if not (owner and explained_elsewhere(owner, node.name)):
                yield f"{where} has no docstring"
        elif isinstance(node, ast.FunctionDef):
            given = [each.annotation for each in ast.walk(node.args) if isinstance(each, ast.arg)]
            types = " ".join(ast.unparse(each) for each in [*given, node.returns] if each)
            if re.search(r"\b(Tensor|ndarray)\b", types) and not names_shape(docstring):
                yield f"{where} names no shape"


@pytest.mark.parametrize("module", MODULES)
def test_public_names_say_what_they_give_and_of_which_shape(module):
    assert not list(faults(MODULES[module].body))
