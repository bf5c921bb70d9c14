"""Set up `.venv` for this clone from requirements.lock; `make lab`, `make test` and `make demo` run it first.

With `--for-tests` it also brings Chromium, which the tests drive, where it can.

Uses nothing but Python's standard library, so that it runs on a bare machine. A second run with the same
lock file, interpreter and place ends at once. On Windows, without make: `py -3.11 tools\\set_up.py`.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "occlib-set-up.txt"
# Debian's name of the package that holds each library OpenCV loads.
LIBRARIES = {"libxcb.so.1": "libxcb1", "libGL.so.1": "libgl1", "libglib-2.0.so.0": "libglib2.0-0"}


def main() -> None:
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            f"occlib needs Python 3.10 to 3.13, this is {sys.version.split()[0]}: name another, "
            "for example `make test PYTHON=python3.11`"
        )
    os.chdir(ROOT)
    if "--for-tests" in sys.argv[1:]:
        install_chromium()
    # What .venv depends on. Its scripts carry its own path, so it cannot be moved or serve another Python.
    place = f"{ROOT} {sys.version} {sys.base_prefix}"
    content = hashlib.sha256(
        b"".join(
            Path(file).read_bytes() for file in ("requirements.lock", "pyproject.toml", "tools/set_up.py")
        )
    ).hexdigest()
    found = STAMP.read_text().splitlines() if STAMP.exists() else []
    usable = found[:1] == [place.replace("\n", " ")] and PYTHON.exists()
    if usable and found[1:] == [content]:
        return
    install_debian_packages()
    if not usable:
        say(f"making .venv with {sys.executable}")
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys.executable, "-m", "venv", VENV)
    STAMP.unlink(missing_ok=True)
    say("installing requirements.lock (5 GB on Linux, mostly PyTorch with CUDA)")
    os.environ.setdefault("UV_HTTP_TIMEOUT", "300")
    install_uv()
    uv = ("-m", "uv", "pip")
    run(PYTHON, *uv, "sync", "--python", PYTHON, "--require-hashes", "requirements.lock")
    run(PYTHON, *uv, "install", "--python", PYTHON, "--no-deps", "--no-build-isolation", "--editable", ".")
    STAMP.write_text(place.replace("\n", " ") + "\n" + content + "\n")
    say("ready")


def install_debian_packages() -> None:
    """Install the system packages that are missing, when root on Debian; otherwise stop and name them."""
    missing = [] if importlib.util.find_spec("ensurepip") else ["python{}.{}-venv".format(*sys.version_info)]
    if sys.platform == "linux":
        missing += [package for library, package in LIBRARIES.items() if not loads(library)]
    if not missing:
        return
    if not may_install():
        sys.exit(f"missing Debian packages, install them first: sudo apt-get install {' '.join(missing)}")
    apt_install(*missing)


def install_chromium() -> None:
    """Install Chromium if there is none and this is root on Debian. Elsewhere the tests say what they need."""
    if chromium() is None and may_install():
        apt_install("chromium")


def chromium() -> str | None:
    """The browser of this system: what the variable CHROMIUM names, or the first that is found."""
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "chrome"]
    return next(filter(None, map(shutil.which, filter(None, names))), None)


def may_install() -> bool:
    return os.name != "nt" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    say(f"installing {' '.join(packages)}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "-qq", "update")
    run("apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages)


def install_uv() -> None:
    """Install uv, of the version and hashes in the lock file; it installs the rest faster than pip can."""
    lines = Path("requirements.lock").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("uv=="))
    end = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\"))
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "uv.txt")
        requirement.write_text("\n".join(lines[start : end + 1]))
        run(
            PYTHON,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            requirement,
        )


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def run(*command) -> None:
    done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"set-up failed at: {' '.join(str(part) for part in command)}")


def say(message: str) -> None:
    print(f"[set-up] {message}", flush=True)


if __name__ == "__main__":
    main()
