"""Which function is this? What a callable without a name is made of: code, constants, and the plain data it uses."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from hashlib import blake2b
from inspect import signature
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, cast
from uuid import UUID

import numpy as np

from perturbations import ModelError
from perturbations.files import open_regular
from stress.models._source import installed, source_of

__all__ = ["Made", "digest_of", "made_of", "said_identity"]

_DEEPEST = 12
_PLAIN = (
    *(type(None), type(...), bool, int, float, complex, str, bytes, bytearray, range, slice),
    *(Decimal, Fraction, date, datetime, time, timedelta, UUID),
)
"""Types whose values show all that they are."""
_HAS_DOCSTRING = 0x4000000
"""Flag of code objects since Python 3.13."""


@dataclass
class Made:
    """A digest of each part that could be read, and of each set of weights, by name; the names of what could not."""

    parts: dict[str, str] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)


def said_identity(found: Any) -> str | None:
    """Return what a model says of its own weights: ``weights_hash``, or ``identity`` – a text, or files to digest."""
    said = getattr(found, "weights_hash", None)
    if isinstance(said, str):
        return said
    said = getattr(found, "identity", None)
    if isinstance(said, FunctionType | MethodType) and not _takes_something(said):
        said = said()
    files = [said] if isinstance(said, Path) else said
    if isinstance(files, list | tuple) and files and all(isinstance(file, Path) for file in files):
        return " ".join(f"{file.name}:{_of_file(file)}" for file in files)
    return said if isinstance(said, str) else None


def _takes_something(function: Any) -> bool:
    needed = [each for each in signature(function).parameters.values() if each.default is each.empty]
    return any(each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in needed)


def _of_file(path: Path) -> str:
    digest = blake2b(digest_size=8)
    with open_regular(path, "model: identity", ModelError) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def made_of(found: Any) -> Made:
    """Return what a callable is made of: code and constants recursively, closures, globals and attributes.

    Plain data, arrays, functions, classes and what has a ``state_dict`` are read; installed packages are versions.
    """
    made = Made()
    _visit(found, "model", made, 0)
    return made


def _visit(value: Any, name: str, made: Made, depth: int) -> None:
    """Note what a value is; one that was noted already is not looked at again."""
    if _note_data(value, name, made, depth) or id(value) in made.seen:
        return
    made.seen.add(id(value))
    if depth > _DEEPEST:
        made.unread.add(name)
    elif isinstance(value, ModuleType):
        _visit_module(value, name, made)
    elif isinstance(value, BuiltinFunctionType):
        made.parts[name] = f"built-in {value.__qualname__}"
        if not isinstance(value.__self__, ModuleType):  # a method of a table: ``answers.get``
            _visit(value.__self__, f"{name}.self", made, depth + 1)
    elif isinstance(value, MethodType):
        _visit(value.__func__, name, made, depth + 1)
        _visit(value.__self__, f"{name}.self", made, depth + 1)
    elif isinstance(value, FunctionType):
        _visit_function(value, name, made, depth)
    elif isinstance(value, type):
        _visit_class(value, name, made, depth)
    else:
        _visit_object(value, name, made, depth)


def _visit_module(module: ModuleType, name: str, made: Made) -> None:
    """Note a module: an installed one by its version, a local one by its source and by the plain data it holds now."""
    version, file = installed(module.__name__), getattr(module, "__file__", None)
    made.parts[name] = f"module {module.__name__} {version or ''}".strip()
    if version is None:
        made.parts[f"{name}.data"] = _digest(b"".join(_plain_of(vars(module), "__")))
        if file is not None and Path(file).is_file():
            made.parts[name] = _digest(repr(source_of(Path(file), module.__name__)).encode())


def _visit_function(value: FunctionType, name: str, made: Made, depth: int) -> None:
    if (version := installed(value.__module__ or "")) is not None and value.__module__ != "__main__":
        made.parts[name] = f"{value.__module__}.{value.__qualname__} {version}".strip()
        return
    made.parts[name] = _digest(_code(value.__code__))
    _visit_all(value.__defaults__ or (), f"{name}.default", made, depth)
    _visit_all(value.__kwdefaults__ or {}, f"{name}.default", made, depth)
    cells = {}
    for key, cell in zip(value.__code__.co_freevars, value.__closure__ or ()):
        try:
            cells[key] = cell.cell_contents
        except ValueError:  # not filled yet
            made.unread.add(f"{name}.{key}")
    _visit_all(cells, name, made, depth)
    used = {key: value.__globals__[key] for key in _names(value.__code__) if key in value.__globals__}
    _visit_all(used, name, made, depth)


def _visit_class(value: type, name: str, made: Made, depth: int) -> None:
    if (version := installed(value.__module__)) is not None and value.__module__ != "__main__":
        made.parts[name] = f"{value.__module__}.{value.__qualname__} {version}".strip()
        return
    made.parts[name] = f"class {value.__qualname__}"
    own = {key: _bare(each) for key, each in vars(value).items() if not key.startswith("__") or key == "__call__"}
    own |= {key: each for key, each in vars(value).items() if key in ("__init__", "__getattr__")}
    _visit_all(own, name, made, depth)
    for base in value.__bases__:
        _visit(base, f"{name}.{base.__name__}", made, depth + 1)


def _bare(value: Any) -> Any:
    """Return the function behind a property or a static or class method."""
    return getattr(value, "__func__", None) or getattr(value, "fget", None) or value


def _visit_object(value: Any, name: str, made: Made, depth: int) -> None:
    """Note an object: its class, and its weights or attributes."""
    _visit(type(value), f"{name}.class", made, depth + 1)
    said = said_identity(value)
    state = getattr(value, "state_dict", None)
    if said is not None:
        made.weights[f"{name}.identity"] = said
    elif callable(state):
        made.weights[name] = _digest(b"".join(_of_tensor(*pair) for pair in cast(Mapping[str, Any], state()).items()))
        _visit_structure(value, name, made, depth)
    elif (inner := getattr(value, "__wrapped__", None)) is not None:
        _visit(inner, name, made, depth + 1)
    elif isinstance(value, partial):
        _visit(value.func, f"{name}.func", made, depth + 1)
        _visit_all([*value.args, *value.keywords.items()], name, made, depth)
    elif isinstance(getattr(value, "__dict__", None), dict) and installed(type(value).__module__) is None:
        _visit_all(vars(value), name, made, depth)
    else:
        made.unread.add(name)


def _visit_structure(value: Any, name: str, made: Made, depth: int) -> None:
    """Note what weights do not tell of a network: the classes of its layers, and the plain data that these hold."""
    layers = value.named_modules() if callable(getattr(value, "named_modules", None)) else [("", value)]
    held, modes = [], []
    for path, layer in layers:
        _visit(type(layer), f"{name}.{path}.class", made, depth + 1)
        own = {k: v for k, v in getattr(layer, "__dict__", {}).items() if k not in ("_parameters", "_modules")}
        modes.append(own.pop("training", None))
        held += [f"{path}:{type(layer).__qualname__}".encode(), *_plain_of(own)]
        if installed(type(layer).__module__) is None:
            _visit_all({k: v for k, v in own.items() if not k.startswith("_")}, f"{name}.{path}", made, depth)
    made.parts[f"{name}.layers"] = _digest(b"\x1f".join(held))
    made.parts[f"{name}.training"] = _digest(repr(modes).encode())  # by itself: asking may change it


def _plain_of(values: Mapping[str, Any], but: str = "_") -> Iterator[bytes]:
    """Yield bytes for each of some values that is plain data, unless its name begins so."""
    for key, value in sorted(values.items()):
        with suppress(TypeError):
            yield b"" if key.startswith(but) else f"{key}=".encode() + b"".join(_plain(value, 0))


def _plain_array(value: Any) -> bytes | None:
    """Return bytes of an array of numbers, texts or records, or of a tensor; nothing of anything else."""
    if isinstance(value, np.ndarray | np.generic) and not np.asarray(value).dtype.hasobject:
        hidden = _bytes_of(np.ma.getmaskarray(value)) if isinstance(value, np.ma.MaskedArray) else b""
        return _bytes_of(np.asarray(value)) + hidden
    if type(value).__name__ != "Tensor" or type(value).__module__ != "torch":
        return None
    dense = str(value.layout) == "torch.strided" and value.device.type != "meta"
    return _of_tensor(str(value.dtype), value) if dense else None


def _of_tensor(name: str, tensor: Any) -> bytes:
    plain = tensor.detach().cpu() if callable(getattr(tensor, "detach", None)) else tensor
    if plain is not tensor and plain.is_floating_point():  # also of kinds that NumPy does not have
        plain = plain.float()
    return name.encode() + _bytes_of(np.asarray(plain))


def _visit_all(values: Any, name: str, made: Made, depth: int) -> None:
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values)
    for key, value in pairs:
        _visit(value, f"{name}.{key}", made, depth + 1)


def _note_data(value: Any, name: str, made: Made, depth: int) -> bool:
    """Note a value that is plain data; of a container with anything else in it, note each. Return whether it was."""
    try:
        made.parts[name] = _digest(b"".join(_plain(value, 0)))
    except TypeError:
        if not isinstance(value, list | tuple | dict | set | frozenset) or depth > _DEEPEST:
            return False
        if id(value) not in made.seen:
            made.seen.add(id(value))
            _visit_all(value if isinstance(value, dict) else list(value), name, made, depth)
    return True


def _plain(value: Any, depth: int) -> Iterator[bytes]:
    """Yield bytes that say what plain data are; raise TypeError for anything else."""
    if depth > _DEEPEST:
        raise TypeError
    if (array := _plain_array(value)) is not None:
        yield array
    elif type(value) in _PLAIN:
        yield f"{type(value).__name__}:{value!r};".encode("utf-8", "surrogatepass")
    elif type(value) is list or isinstance(value, tuple):
        yield f"{type(value).__name__}[{len(value)}]".encode()
        for each in value:
            yield from _plain(each, depth + 1)
    elif type(value) in (set, frozenset):
        yield b"set"
        yield from sorted(b"".join(_plain(each, depth + 1)) for each in value)
    elif type(value) is dict:
        yield f"dict[{len(value)}]".encode()
        for key, each in value.items():
            yield from _plain(key, depth + 1)
            yield from _plain(each, depth + 1)
    elif isinstance(value, Path | re.Pattern):
        said = f"path:{value}" if isinstance(value, Path) else f"pattern:{value.pattern!r}:{value.flags};"
        yield said.encode("utf-8", "surrogatepass")
    else:
        raise TypeError


def _bytes_of(array: np.ndarray[Any, Any]) -> bytes:
    return f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()


def _code(code: CodeType) -> bytes:
    """Return bytes that say what a function does: its instructions, names and constants, without where they stand."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, code.co_flags & ~_HAS_DOCSTRING)
    parts = [code.co_code, repr(names).encode()]
    for place, constant in enumerate(code.co_consts):
        if isinstance(constant, CodeType):
            parts.append(_code(constant))
        elif place or not _documented(code):
            parts.append(b"".join(_plain(constant, 0)))
    return b"\x1f".join(parts)


def _documented(code: CodeType) -> bool:
    """Whether the first constant is the docstring, or the nothing in its place."""
    if sys.version_info >= (3, 13):
        return bool(code.co_flags & _HAS_DOCSTRING)
    return not code.co_name.startswith("<") and isinstance(code.co_consts[0], str | None)


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that a function and those within it look up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def digest_of(parts: Mapping[str, str]) -> str:
    """Return one digest of several by name."""
    return _digest(repr(sorted(parts.items())).encode("utf-8", "surrogatepass"))


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()
