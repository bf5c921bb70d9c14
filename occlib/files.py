"""Files and folders that appear whole or not at all, even when the program is killed while it writes them."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Container, Iterator
from pathlib import Path

from occlib.errors import OutputError


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Write `path` through a hidden file beside it that takes its place when the block ends well.

        with whole_file("out/mesh.ply") as part:
            part.write_bytes(data)

    The hidden file keeps the suffix, by which many writers choose a format. When the block raises, it is
    removed and an older `path` stays as it was. Raises OutputError when the place cannot be written.
    """
    path = Path(path)
    part = _part_of(path)
    with _reported(path):
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(folder: str | os.PathLike) -> Iterator[Path]:
    """Fill `folder` through a hidden folder beside it, whose files appear in it when the block ends well.

    A new `folder` appears with all its files in one step. In one that already exists, files of the same name
    are replaced one after the other, each whole, and others stay. Raises OutputError like `whole_file`.
    """
    folder = Path(folder)
    part = _part_of(folder)
    with _reported(folder):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            part.mkdir()
            yield part
            if folder.is_dir():
                for file in sorted(part.iterdir()):
                    os.replace(file, folder / file.name)
            else:
                os.rename(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def remove_parts(folder: str | os.PathLike, names: Container[str]) -> None:
    """Remove what killed writers of the files or folders `names` in `folder` left there, half written."""
    for entry in Path(folder).iterdir():
        part = re.fullmatch(r"\.(.+)-[0-9a-f]{8}\.part(\.\w+)?", entry.name)
        if part is None or part[1] + (part[2] or "") not in names:
            continue
        with _reported(entry):
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)


def check_writable(folder: str | os.PathLike) -> None:
    """Raise OutputError unless files can be written in `folder`, or in the new folder it would become.

    Asked before long work, so that it is not lost; leaves nothing behind.
    """
    folder = Path(folder)
    with _reported(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"cannot write into {folder}: it is not a folder")
        existing = next(
            parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists()
        )
        probe = _part_of(existing / "probe")
        try:
            probe.touch()
        finally:
            probe.unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    """A free hidden name beside `path`, with its suffix."""
    return path.with_name(f".{path.stem}-{secrets.token_hex(4)}.part{path.suffix}")


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
