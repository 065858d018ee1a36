"""Images per second of ResNet-18's forward pass alone in several runtimes, and how near their features are.

    python benchmarks/runtimes.py DIR [--weights FILE] [--images 128] [--runs 7]

On the CPU with all cores, float32 batches of 8 of the same preprocessed images, in turn. ONNX Runtime and OpenVINO take
part where `onnxruntime`, `openvino`, `onnx` and `onnxscript` are installed; the int8 network is ONNX Runtime's static
quantisation (weights a channel, activations a tensor, calibrated on 64 other images). What a square matrix product
reaches is printed as images a second too. Near means the cosine of features less their mean, to those of torch's eager
network.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from featex.datasets.dataset import find_images
from featex.extraction.bench import bench
from featex.extraction.extractor import Extractor
from featex.images.decode import decode
from featex.network.layers import fold_batchnorm
from featex.network.weights import load_weights
from featex.system.cores import n_cores, one_core_each

BATCH = 8
N_CALIBRATION = 64


def squares(root: str, n: int, extractor: Extractor) -> torch.Tensor:
    dataset = find_images(root)
    chosen = np.random.default_rng(0).permutation(len(dataset.table))[:n]
    paths = [dataset.root / path for path in dataset.table["path"].iloc[chosen]]
    pixels = torch.stack([extractor.preprocess(decode(path.read_bytes())) for path in paths])
    mean, std = (255 * torch.tensor(side).view(3, 1, 1) for side in (extractor.backbone.mean, extractor.backbone.std))
    return (pixels.float() - mean) / std


def of_torch(model: torch.nn.Module, channels_last: bool = False):
    @torch.inference_mode()
    def run(batch: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(batch)
        return model(pixels.contiguous(memory_format=torch.channels_last) if channels_last else pixels).numpy()

    return run


def of_onnx(path: Path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_cores()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"x": batch})[0]


def of_openvino(path: Path):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": n_cores(), "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    return lambda batch: compiled([batch])[0]


def export(model: torch.nn.Module, path: Path) -> Path:
    torch.onnx.export(
        model, (torch.zeros(BATCH, 3, 224, 224),), path, input_names=["x"], external_data=False, verbose=False
    )
    return path


def quantised(path: Path, calibration: np.ndarray) -> Path:
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        batches = iter([{"x": batch} for batch in np.split(calibration, len(calibration) // BATCH)])

        def get_next(self):
            return next(self.batches, None)

    ready, small = path.with_name("ready.onnx"), path.with_name("int8.onnx")
    quantization.shape_inference.quant_pre_process(str(path), str(ready))
    quantization.quantize_static(str(ready), str(small), Reader(), per_channel=True)
    return small


def contenders(extractor: Extractor, calibration: np.ndarray, folder: Path) -> dict:
    def network() -> torch.nn.Module:
        return load_weights(extractor.backbone, extractor.weights)

    folded = fold_batchnorm(network()).to(memory_format=torch.channels_last)
    networks = {"torch, eager": of_torch(network()), "torch, folded, channels last": of_torch(folded, True)}
    with contextlib.suppress(ImportError):
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401

        path = export(fold_batchnorm(network()), folder / "resnet18.onnx")
        networks["ONNX Runtime"] = of_onnx(path)
        with contextlib.suppress(ImportError):
            networks["OpenVINO"] = of_openvino(path)
        networks["ONNX Runtime, int8"] = of_onnx(quantised(path, calibration))
    return networks


def ours(pool: ThreadPoolExecutor, model, pixels: torch.Tensor) -> np.ndarray:
    run = of_torch(model, True)
    return np.concatenate(list(pool.map(run, [batch.numpy() for batch in pixels.split(BATCH)])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--weights", default="random")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(n_cores())
    extractor = Extractor("resnet18", options.weights, "cpu")
    n = options.images // BATCH * BATCH
    pixels = squares(options.directory, n + N_CALIBRATION, extractor)
    calibration, pixels = pixels[n:].numpy(), pixels[:n]
    batches = [batch.numpy() for batch in pixels.split(BATCH)]
    model = extractor.forward.depths.model
    with tempfile.TemporaryDirectory() as folder:
        networks = contenders(extractor, calibration, Path(folder))
        ways = {
            name: lambda run=run: np.concatenate([run(batch) for batch in batches]) for name, run in networks.items()
        }
        rates: dict[str, list[float]] = {name: [] for name in (*ways, "featex, a core each", "matrix product")}
        vectors = {}
        for _ in range(options.runs):
            for name, run in ways.items():
                started = time.perf_counter()
                vectors[name] = run()
                rates[name].append(n / (time.perf_counter() - started))
            with one_core_each(n_cores()) as pool:
                started = time.perf_counter()
                vectors["featex, a core each"] = ours(pool, model, pixels)
                rates["featex, a core each"].append(n / (time.perf_counter() - started))
            measured = bench(options.directory, n_images=8, runs=1, weights=options.weights, device="cpu")
            rates["matrix product"].append(measured.limit)
    reference = vectors["torch, eager"]
    middle = reference.mean(axis=0)
    print(f"{n} images, {n_cores()} cores, {options.runs} runs in turn")
    for name, values in rates.items():
        line = f"{name:<30} {statistics.median(values):6.1f} images/s ({min(values):.1f} to {max(values):.1f})"
        if name in vectors:
            a, b = reference - middle, vectors[name] - middle
            cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
            line += f", centred cosine: least {cosines.min():.5f}, median {np.median(cosines):.5f}"
        print(line)


if __name__ == "__main__":
    main()
