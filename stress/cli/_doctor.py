"""``stress doctor``: what is installed, what of it imports, what there is to run on, and the command that mends it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from perturbations.errors import printable, short
from stress._processors import processors
from stress.cli._display import console, safe

__all__ = ["CORE", "EXTRAS", "Finding", "diagnosed", "run_doctor"]

CORE = ("click", "cv2", "jinja2", "joblib", "numpy", "pyarrow", "regex", "rich", "scipy", "soundfile", "yaml")
"""Modules that every run needs."""
EXTRAS = {
    "torch": ("torch", "torchaudio"),
    "albumentations": ("albumentations",),
    "nlpaug": ("nlpaug",),
    "audiomentations": ("audiomentations",),
    "mp3": ("fast_mp3_augment",),
    "sentiment": ("vaderSentiment",),
    "language": ("babel", "unicode_rbnf", "anyascii", "py3langid"),
    "huggingface": ("transformers", "sentencepiece"),
    "onnx": ("onnxruntime",),
    "sklearn": ("sklearn",),
    "endpoints": ("httpx", "isal"),
    "datasets": ("datasets",),
    "machine": ("threadpoolctl",),
    "report": ("matplotlib",),
    "distributed": ("cryptography", "distributed"),
    "mlflow": ("mlflow",),
    "wandb": ("wandb",),
    "tensorboard": ("tensorboard",),
}
"""Modules that each extra brings."""
_LONGEST_S = 120.0
_ROOM = 2**30
"""Free bytes below which a disk is called full."""
_DEVICES = (
    "import torch; print(', '.join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())) or "
    "('mps' if torch.backends.mps.is_available() else 'none: torch runs on the processor'))"
)


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, what was seen, and what mends it."""

    what: str
    state: Literal["ok", "missing", "broken"]
    says: str
    mend: str = ""


def run_doctor(folder: Path, endpoint: str | None, key_env: str | None) -> int:
    """Print what was found, and return 0 where a run can start, else 1."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "", "", "mended by"):
        table.add_column(name, overflow="fold")
    found = list(diagnosed(folder, endpoint, key_env))
    colours = {"ok": "green", "missing": "yellow", "broken": "bold red"}
    for one in found:
        table.add_row(safe(one.what), safe(one.state, colours[one.state]), safe(printable(one.says)), safe(one.mend))
    console(quiet=False).print(table)
    return int(any(one.state == "broken" for one in found))


def diagnosed(folder: Path, endpoint: str | None = None, key_env: str | None = None) -> Iterator[Finding]:
    """Yield what is found: this package, its parts and extras, devices, the disk under ``folder``, the endpoint.

    Each package is imported in a process of its own, so that one that takes its process down is only a line.
    """
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("stress", "ok", _version("multimodal-stress") or "from a checkout that is not installed")
    names: list[tuple[str | None, str]] = [(None, module) for module in CORE]
    names += [(extra, module) for extra, modules in EXTRAS.items() for module in modules]
    with ThreadPoolExecutor(min(4, processors())) as pool:
        yield from pool.map(lambda pair: _imported(*pair), names)
    yield Finding("processors", "ok", f"{processors()} for this process")
    if importlib.util.find_spec("torch") is not None:
        yield Finding("accelerators", "ok", _said([sys.executable, "-c", _DEVICES])[1] or "torch cannot tell")
    yield _disk(folder)
    if endpoint is not None:
        yield _endpoint(endpoint, key_env)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _imported(extra: str | None, module: str) -> Finding:
    """Return whether a module imports, and why not; one of an extra that is not there is no fault."""
    where = f"{module}{'' if extra is None else f' [{extra}]'}"
    mend = f"pip install 'multimodal-stress{'' if extra is None else f'[{extra}]'}'"
    if importlib.util.find_spec(module) is None:
        return Finding(where, "missing" if extra else "broken", "not installed", mend)
    owners = metadata.packages_distributions().get(module) or [module]
    code, text = _said([sys.executable, "-c", f"import {module}"])
    if code == 0:
        return Finding(where, "ok", _version(owners[0]) or "without a version")
    says = f"{_version(owners[0])} cannot be imported: {text or f'its process ended with {code}'}"
    return Finding(where, "broken", says, mend.replace("install", "install --force-reinstall"))


def _said(command: list[str]) -> tuple[int, str]:
    """Return the status of a process, and the last line that it wrote."""
    quiet = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, env=quiet, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"no end within {_LONGEST_S:g} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode, short(lines[-1], 160).strip("'\"") if lines else ""


def _disk(folder: Path) -> Finding:
    """Return whether runs can be written below a folder, and how much room there is."""
    there = next((each for each in (folder, *folder.absolute().parents) if each.is_dir()), Path())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(f"disk {there}", "broken", f"cannot be written: {error.strerror}", "another --out DIR")
    full = free < _ROOM
    return Finding(f"disk {there}", "broken" if full else "ok", f"{free / 2**30:.1f} GiB free", "make room" * full)


def _endpoint(url: str, key_env: str | None) -> Finding:
    """Return whether somebody answers at a URL; nothing is asked that could be billed."""
    what = f"endpoint {url}"
    if key_env is not None and not os.environ.get(key_env):
        return Finding(what, "broken", f"the environment has no key {key_env}", f"export {key_env}=…")
    try:
        import httpx
    except ImportError as error:
        return Finding(what, "broken", str(error), "pip install 'multimodal-stress[endpoints]'")
    key = os.environ.get(key_env, "") if key_env else ""
    try:
        models = f"{url.rstrip('/')}/models"
        found = httpx.get(models, headers={"authorization": f"Bearer {key}"} if key else {}, timeout=10.0)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        says = f"{type(error).__name__}: {error}".replace(key or "\0", "[key]")
        return Finding(what, "broken", says, "start the server, or mend the address")
    if found.status_code in (401, 403):
        return Finding(what, "broken", f"refuses the key (HTTP {found.status_code})", "another key: --key-env NAME")
    return Finding(what, "ok", f"answers (HTTP {found.status_code} to GET /models)")
