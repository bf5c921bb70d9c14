"""`occlib doctor`: what this installation is made of, what is missing, and what to do about it."""

import importlib.metadata
import importlib.util
import os
import platform
from dataclasses import dataclass

import torch

from occlib import __version__, assets

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "numba",
    "opencv-python",
    "scikit-image",
    "trimesh",
    "accelerate",
    "webdataset",
    "jupyterlab",
)
PYTORCH3D = ("pytorch3d", "easypytorch3d")  # conda's name, and that of the wheel
ASSETS = {  # file in assets/: what makes it
    "checkpoints/joint.safetensors": "occlib train joint --out DIR",
    "checkpoints/parser.safetensors": "occlib train parser --out DIR",
    "face_model/open.safetensors": "python assets/recipes/bake_face_model.py",
    "face_model/open_landmarks.safetensors": "python assets/recipes/calibrate_landmarks.py",
    "pretrained/blazeface.safetensors": "python assets/recipes/bake_faces.py",
    "pretrained/efficientnet_lite0.safetensors": "python assets/recipes/bake_encoder.py",
    "pretrained/facemesh.safetensors": "python assets/recipes/bake_faces.py",
    "pretrained/recognition.safetensors": "python assets/recipes/bake_recognition.py",
    "props/backgrounds.safetensors": "python assets/recipes/bake_backgrounds.py",
    "props/bust.safetensors": "python assets/recipes/bake_props.py",
    "props/hair.safetensors": "python assets/recipes/bake_props.py",
    "props/hands.safetensors": "python assets/recipes/bake_hands.py",
    "props/lashes.safetensors": "python assets/recipes/bake_props.py",
    "props/skin.safetensors": "python assets/recipes/bake_props.py",
    "photos/astronaut_hand.jpg": "python assets/recipes/sample_photo.py",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report; with `advice` when something is missing, which may be `needed` for all else."""

    topic: str
    found: str
    advice: str | None = None
    needed: bool = False


@dataclass(frozen=True)
class Report:
    """What `examine` found, in the order in which it is printed."""

    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        """Whether everything needed on the CPU is there."""
        return not any(finding.advice and finding.needed for finding in self.findings)

    def __str__(self) -> str:
        width = max(len(finding.topic) for finding in self.findings)
        lines = [f"{finding.topic:{width}}  {finding.found}" for finding in self.findings]
        lines += [f"advice: {finding.advice}" for finding in self.findings if finding.advice]
        return "\n".join(lines)


def examine() -> Report:
    """Look at versions, devices, threads, rasterisers and assets, without changing any of them."""
    return Report(
        [
            Finding(
                "occlib", f"{__version__} with Python {platform.python_version()} on {platform.platform()}"
            ),
            *_packages(),
            *_devices(),
            *_rasterizers(),
            *_assets(),
        ]
    )


def _packages() -> list[Finding]:
    findings = [_package(name) for name in PACKAGES]
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        findings.append(
            Finding(
                "",
                f"opencv-python cannot be loaded: {error}",
                "install the system libraries of OpenCV: apt-get install $(cat apt.txt)",
                needed=True,
            )
        )
    return findings


def _package(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            name, "missing", f"install {name}: `make lab` does, see the README", needed=name != "jupyterlab"
        )


def _devices() -> list[Finding]:
    threads = os.environ.get("OCCLIB_THREADS") or torch.get_num_threads()
    findings = [
        Finding(
            "CPU",
            f"{os.cpu_count()} cores; {threads} threads (OCCLIB_THREADS or torch.set_num_threads "
            "change that)",
        )
    ]
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return findings + [Finding("CUDA", "; ".join(names))]
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a CPU build"
    return findings + [Finding("CUDA", f"no device (this PyTorch is {built}); the CPU does everything")]


def _rasterizers() -> list[Finding]:
    findings = [Finding("rasteriser", "CPU: compiled by numba")]
    version = next((found.found for found in map(_package, PYTORCH3D) if not found.advice), None)
    if version is None or importlib.util.find_spec("pytorch3d") is None:
        advice = (
            "install PyTorch3D for the GPU and the comparisons: `pip install easypytorch3d` beside the "
            "PyTorch of requirements.lock, or pytorch3d from conda-forge"
        )
        return findings + [
            Finding("", "CUDA: none, PyTorch3D is missing", advice, needed=torch.cuda.is_available())
        ]
    return findings + [Finding("", f"CUDA: PyTorch3D {version}")]


def _assets() -> list[Finding]:
    findings = [Finding("assets", str(assets.root()))]
    for name, recipe in ASSETS.items():
        file = assets.root() / name
        if file.is_file():
            findings.append(Finding("", f"{name} ({file.stat().st_size / 1024:.0f} KiB)"))
        else:
            findings.append(
                Finding(
                    "",
                    f"{name} is missing",
                    f"get {name} by cloning or installing again, or make it: `{recipe}`",
                    needed=True,
                )
            )
    return findings
