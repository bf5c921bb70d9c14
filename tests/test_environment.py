"""pyproject.toml, requirements.lock and environment.yml say the same."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
CONDA_NAMES = {
    "torch": "pytorch-cpu",
    "opencv-python": "py-opencv",
    "matplotlib": "matplotlib-base",
    "easypytorch3d": "pytorch3d",
}
NOT_FOR_BINDER = {"playwright", "jupyter-repo2docker"}
"""Test extras that environment.yml leaves out, and says why."""
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def requirements(lines) -> dict[str, Requirement]:
    found = map(Requirement, lines)
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def environment() -> dict[str, Requirement]:
    """environment.yml's, conda's "=" as pip's "=="."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    by_conda = [re.sub(r"^([\w-]+)=(\d)", r"\1==\2", line) for line in listed if isinstance(line, str)]
    by_pip = [line for part in listed if isinstance(part, dict) for line in part["pip"]]
    return requirements([*by_conda, *by_pip])


def wanted() -> dict[str, Requirement]:
    """What the course and its tests need, by conda's names."""
    needed = requirements([*PROJECT["project"]["dependencies"], *EXTRAS["course"], *EXTRAS["test"]])
    needed |= {name: needed.get(name, one) for name, one in requirements(EXTRAS["pytorch3d"]).items()}
    return {CONDA_NAMES.get(name, name): one for name, one in needed.items() if name not in NOT_FOR_BINDER}


@pytest.mark.parametrize("name", wanted())
def test_conda_installs_what_pip_installs_with_the_same_bounds(name):
    mine = environment()
    assert name in mine, "missing in environment.yml"
    bounds = str(wanted()[name].specifier).replace(".post1", "")  # PyTorch3D's wheel, not its release
    assert set(str(mine[name].specifier).split(",")) == set(bounds.split(","))


def test_conda_installs_nothing_else():
    build = requirements(PROJECT["build-system"]["requires"])
    assert set(environment()) - set(wanted()) == {"python", "pip", *build}
    assert str(environment()["hatchling"].specifier) == str(build["hatchling"].specifier)
    assert environment()["python"].specifier.contains("3.11")


def test_what_is_left_out_is_named_with_its_reason():
    comments = [line for line in (ROOT / "environment.yml").read_text().splitlines() if "#" in line]
    assert all(any(name in line for line in comments) for name in NOT_FOR_BINDER)


def locked() -> list[tuple[Requirement, str]]:
    """Name, marker and version of every line of the lock file that names one."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.rstrip(" \\")) for line in lines if "==" in line and line[:1].isalnum()]
    return [(pin, str(pin.specifier).removeprefix("==")) for pin in pins]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_every_requirement_is_locked_in_a_version_its_bounds_admit(python, system):
    place = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    place |= {
        "sys_platform": system,
        "platform_machine": {"darwin": "arm64", "win32": "AMD64"}.get(system, "x86_64"),
    }
    place |= {"platform_system": {"darwin": "Darwin", "win32": "Windows"}.get(system, "Linux")}
    place |= {"os_name": "nt" if system == "win32" else "posix"}
    versions = {
        canonicalize_name(pin.name): version
        for pin, version in locked()
        if pin.marker is None or pin.marker.evaluate(place)
    }
    groups = [PROJECT["project"]["dependencies"], *EXTRAS.values(), PROJECT["dependency-groups"]["build"]]
    for one in (Requirement(line) for group in groups for line in group):
        if one.marker is None or one.marker.evaluate(place):
            name = canonicalize_name(one.name)
            assert name in versions, f"{name} is not locked"
            assert one.specifier.contains(versions[name]), f"{one} is locked as {versions[name]}"
