"""Install this project with an extra into the environment of the Python that runs this: python .ci/install.py dev

On Linux without a GPU it first looks for matching CPU wheels of torch and torchvision, in the package indexes that pip
is configured for and then in PyTorch's own. They save about 5 GB of disk. Without a matching pair, pip takes the
ordinary wheels, which also run without a GPU. Only large downloads are shown.
"""

import re
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
INDEXES = {"the configured indexes": [], "PyTorch's index": ["--index-url", "https://download.pytorch.org/whl/cpu"]}
IMPATIENT = ["--timeout", "5", "--retries", "0"]
LARGE_MB = 30


def needs_gpu_wheels() -> bool:
    """Return whether the ordinary wheels are right: there is a GPU, or they hold no GPU code on this system."""
    gpu = shutil.which("nvidia-smi") or any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/kfd"))
    return bool(gpu) or sys.platform != "linux"


def cpu_versions(package: str, index: list[str]) -> list[str]:
    """Return the versions of a package in an index that are CPU wheels for this Python, newest first."""
    try:
        command = [*PIP, "index", "versions", package, *index, *IMPATIENT]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return []
    listed = re.search(r"Available versions: (.*)", answer.stdout)
    return [version for version in listed.group(1).split(", ") if version.endswith("+cpu")] if listed else []


def install_cpu_wheels() -> None:
    """Install CPU wheels of torch and torchvision that match, if an index has both; else leave nothing behind."""
    for name, index in INDEXES.items():
        torch, vision = cpu_versions("torch", index), cpu_versions("torchvision", index)
        if not (torch and vision):
            continue
        print(f"CPU wheels of torch and torchvision: {name}")
        # torchvision names the torch that it was built for, and pip prefers +cpu to the same version without it.
        wanted = [f"torchvision=={vision[0]}", "torch>=2.11"]
        if pip("install", *index, *wanted) == 0 and _work():
            return
        pip("uninstall", "--yes", "torch", "torchvision")


def _work() -> bool:
    code = "import torch, torchvision; torchvision.ops.nms; assert torch.__version__.endswith('+cpu')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def pip(*arguments: str) -> int:
    """Run pip, show its large downloads, its last lines if it fails, and return its exit code."""
    last = deque(maxlen=20)
    command = [*PIP, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            last.append(line)
            if download := re.match(r"\s*Downloading (\S+) \(([\d.]+) ([MG]B)\)", line):
                size = float(download.group(2)) * (1000 if download.group(3) == "GB" else 1)
                if size >= LARGE_MB:
                    print(f"  {download.group(1).rsplit('/', 1)[-1].split('-')[0]}: {size:,.0f} MB", flush=True)
            elif line.startswith("Installing collected packages"):
                print(f"  unpacking {line.count(',') + 1} packages", flush=True)
    if process.returncode:
        print("".join(last), end="", file=sys.stderr)
    return process.returncode


def main() -> int:
    if sys.version_info < (3, 11):
        print(f"featex needs Python 3.11 or newer, and this is {sys.version.split()[0]}: make setup PYTHON=python3.12")
        return 1
    started = time.monotonic()
    print(f"Installing featex and its libraries into {sys.prefix}; this takes some minutes", flush=True)
    if not needs_gpu_wheels():
        install_cpu_wheels()
    code = pip("install", "--editable", f".[{sys.argv[1]}]")
    if code == 0:
        print(f"Installed in {time.monotonic() - started:,.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
