"""Which code is this? A digest of the syntax of a file and of the local modules it imports, wherever it lies.

Comments, docstrings, spaces and line numbers are no part of it. What is installed – under site-packages or with the
interpreter – is named by its version.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from perturbations.errors import named_keywords

__all__ = ["digest_of_file", "installed", "source_of"]

_OURS = ("perturbations", "scenarios", "stress")
"""Packages of this house: a run names their version, and the version of each perturbation."""
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@named_keywords
def source_of(file: Path, name: str = "") -> dict[str, str]:
    """Return a digest of a file and of each local module it imports, and the versions of the packages they import.

    ``name`` is the module's full name, for its relative imports. Imports within functions count too; modules that are
    only named in texts, for ``importlib``, are not seen.
    """
    found: dict[str, str] = {}
    waiting, seen, root = [(file.resolve(), name, name or file.name)], set(), file.resolve().parent
    while waiting:
        path, module, shown = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        found[shown] = digest_of_file(path)
        for wanted in _imports(path, module):
            top = wanted.partition(".")[0]
            beside = (root / top).is_dir() or (root / f"{top}.py").is_file()
            version = None if beside and top not in _OURS else installed(wanted)
            if version:
                found[top] = version
            elif version is None and (place := _file_of(wanted, root)):
                waiting.append((place, wanted, wanted))
    return dict(sorted(found.items()))


def digest_of_file(path: Path) -> str:
    """Return a digest of what a Python file says; of its bytes, where it cannot be parsed."""
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return blake2b(content, digest_size=8).hexdigest()
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return blake2b(ast.dump(tree, annotate_fields=False).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _imports(path: Path, module: str) -> Iterator[str]:
    """Yield the full names of modules that a file imports; ``from a import b`` may name the module a.b."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _each_parent(alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base:
                yield from _each_parent(base)
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names if alias.name != "*")


def _each_parent(name: str) -> Iterator[str]:
    """Yield a, a.b, a.b.c: importing the last runs them all."""
    parts = name.split(".")
    yield from (".".join(parts[: i + 1]) for i in range(len(parts)))


def _file_of(name: str, beside: Path) -> Path | None:
    """Return where a local module lies, without importing anything; nothing where there is none."""
    spec, path = None, [str(beside), *sys.path]
    parts = name.split(".")
    for i in range(len(parts)):
        spec = _spec(".".join(parts[: i + 1]), path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    file = None if spec is None or spec.origin is None else Path(spec.origin)
    return file.resolve() if file is not None and file.suffix == ".py" and file.is_file() else None


def _spec(name: str, path: list[str]) -> ModuleSpec | None:
    try:
        return PathFinder.find_spec(name, path)
    except (ImportError, ValueError, AttributeError):
        return None


@lru_cache(maxsize=1024)
def installed(name: str) -> str | None:
    """Return the version of the package that a module belongs to, "" where it has none; None for a local module."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names or top in _OURS:
        return ""
    spec = _spec(top, list(sys.path))
    places = [] if spec is None else [*(spec.submodule_search_locations or []), *([spec.origin] if spec.origin else [])]
    homes = [Path(sysconfig.get_path(key)).resolve() for key in ("purelib", "platlib", "stdlib", "platstdlib")]
    under = any(Path(place).resolve().is_relative_to(home) for place in places for home in homes)
    if not under and not any(part in ("site-packages", "dist-packages") for p in places for part in Path(p).parts):
        return None
    return _versions().get(top, "")


@lru_cache(maxsize=1)
def _versions() -> Mapping[str, str]:
    """Return the version of each installed package by the name it is imported under."""
    found = {}
    for name, owners in metadata.packages_distributions().items():
        try:
            found[name] = f"version {metadata.version(owners[0])}"
        except metadata.PackageNotFoundError:  # half removed
            continue
    return found
