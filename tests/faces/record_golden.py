"""Record what the original implementations say about slices of scikit-image's astronaut (public domain).

Run in an environment of its own, with the packages that the recipes in assets/recipes/ unpacked:

    python -m venv golden && golden/bin/pip install scikit-image ai-edge-litert==2.3.0 dlib-bin==20.0.1.post1
    golden/bin/python tests/faces/record_golden.py .cache/recipes
    golden/bin/pip install mediapipe==0.10.14
    golden/bin/python tests/faces/record_golden.py --mediapipe
    golden/bin/pip install torch facenet-pytorch==2.6.0
    golden/bin/python tests/faces/record_golden.py --facenet
"""

import sys
from pathlib import Path

import numpy as np
import skimage.data

FOLDER = Path(__file__).parent / "golden"
MODULES = "pypi-mediapipe-0.10.14/content/mediapipe/modules"
RECOGNITION = ("pypi-face-recognition-models-0.3.0/content/face_recognition_models-0.3.0/"
               "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat")


def views(size: int) -> np.ndarray:
    """Three squares (3, size, size, 3) uint8 of the astronaut's face: plain, mirrored, lower half covered."""
    photo = skimage.data.astronaut()
    top, left = 115 - size // 2, 224 - size // 2
    plain = photo[top:top + size, left:left + size]
    covered = plain.copy()
    covered[size // 2:] = [60, 120, 180]
    return np.stack([plain, plain[:, ::-1], covered])


def litert(file: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    """All outputs by name for (N, S, S, 3) float32 images, one after the other."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    outputs = {detail["name"]: [] for detail in interpreter.get_output_details()}
    for image in images.astype(np.float32):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            outputs[detail["name"]].append(interpreter.get_tensor(detail["index"])[0])
    return {name: np.stack(values) for name, values in outputs.items()}


def record(cache: Path) -> None:
    import dlib

    file = cache / MODULES / "face_detection/face_detection_short_range.tflite"
    face = litert(file, views(128) / 127.5 - 1)
    boxes, logits = face["regressors"], face["classificators"][..., 0]
    best = np.argsort(-logits, axis=1)[:, :50]
    np.savez_compressed(FOLDER / "blazeface.npz", logits=logits, best=best,
                        boxes=np.take_along_axis(boxes, best[..., None], 1))
    mesh = litert(cache / MODULES / "face_landmark/face_landmark.tflite", views(192) / 255)
    np.savez_compressed(FOLDER / "facemesh.npz", points=mesh["conv2d_21"].reshape(-1, 468, 3),
                        presence=mesh["conv2d_31"].reshape(-1))
    recognition = dlib.face_recognition_model_v1(str(cache / RECOGNITION))
    embeddings = [recognition.compute_face_descriptor(np.ascontiguousarray(view)) for view in views(150)]
    np.savez_compressed(FOLDER / "recognition.npz", embeddings=np.array(embeddings, np.float32))


def record_mediapipe() -> None:
    import mediapipe

    photo = skimage.data.astronaut()
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True) as mesh:
        (face,) = mesh.process(photo).multi_face_landmarks
    points = np.array([[p.x, p.y, p.z] for p in face.landmark], np.float32) * photo.shape[1]
    np.savez_compressed(FOLDER / "mediapipe.npz", points=points)


def filled(state: dict) -> dict:
    """A state dict with every tensor drawn from a seeded generator, so that activations stay in range."""
    import torch

    generator = torch.Generator().manual_seed(0)
    values = {}
    for name in sorted(state):
        tensor = state[name]
        if name.endswith("running_var") or tensor.dim() == 1 and name.endswith("weight"):
            values[name] = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif tensor.is_floating_point():
            gain = (2 / tensor[0].numel()) ** 0.5 if tensor.dim() > 1 else 0.02
            values[name] = gain * torch.randn(tensor.shape, generator=generator)
        else:
            values[name] = tensor
    return values


def record_facenet() -> None:
    import torch
    from facenet_pytorch import InceptionResnetV1

    network = InceptionResnetV1(pretrained=None).eval()
    state = {name: value for name, value in network.state_dict().items() if not name.startswith("logits.")}
    network.load_state_dict(filled(state), strict=False)
    with torch.inference_mode():
        images = (torch.from_numpy(views(160)).permute(0, 3, 1, 2).float() - 127.5) / 128
        embeddings = network(images).numpy()
    np.savez_compressed(FOLDER / "facenet.npz", embeddings=embeddings, names=np.array(sorted(state)))


if __name__ == "__main__":
    special = {"--mediapipe": record_mediapipe, "--facenet": record_facenet}
    special[sys.argv[1]]() if sys.argv[1] in special else record(Path(sys.argv[1]))
