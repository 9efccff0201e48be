"""What is called from Python, with its docstring: the public names of each package, as they are exported."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from docs.hooks.words import prose

PACKAGES = {
    "stress": "Run, open, compare; what a sample, a task and a metric are.",
    "perturbations": "What can go wrong with an input; works without the rest.",
    "scenarios": "Suites: compositions of perturbations, and their grids.",
    "stress.data": "Samples from files, frames, arrays and data sets of others.",
    "stress.models": "Models as they are, made into `predict(batch)`.",
    "stress.measure": "Records in, numbers with intervals out.",
    "stress.gate": "Rules over measures; three outcomes.",
    "stress.report": "Pages, figures, tables, cards.",
    "stress.policy": "What to do when a stream degrades.",
    "stress.monitor": "Production, watched against a run.",
    "stress.attribute": "What an answer rests on.",
    "stress.audit": "Whether the data can be trusted.",
    "stress.calibrate": "Severities that cost the same.",
    "stress.adaptive": "Runs that stop where they know enough.",
    "stress.evidence": "What was declared, tested and found.",
    "stress.testing": "The laws of perturbations, for your own.",
}


def page() -> str:
    """Return the page of all public functions and classes."""
    parts = ["# Python", "The public names, by package. A name with an underscore before it is no one's to call."]
    for package, about in PACKAGES.items():
        module = import_module(package)
        parts += [f"## {package} {{ #{package} }}", about]
        for name in sorted(module.__all__, key=str.lower):
            if written := entry(package, name, getattr(module, name)):
                parts.append(written)
    return "\n\n".join(parts) + "\n"


def entry(package: str, name: str, value: Any) -> str:
    """Return what is said of a function or a class; nothing of a constant."""
    if not (inspect.isfunction(value) or inspect.isclass(value)):
        return ""
    parts = [f"### {name} {{ #{package}.{name} }}", f"```python\n{package}.{name}{signature(value)}\n```"]
    parts.append(prose(own_docstring(value)))
    if inspect.isclass(value):
        parts += [method(each, found) for each, found in inspect.getmembers(value, inspect.isfunction) if is_own(found)]
    return "\n\n".join(part for part in parts if part)


def is_own(method: Any) -> bool:
    """Return whether a method is one of ours that people call."""
    return not method.__name__.startswith("_") and method.__module__.startswith(
        ("stress", "perturbations", "scenarios")
    )


def method(name: str, value: Any) -> str:
    """Return a method's line: its signature and the first sentence of what it does."""
    first = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return f"- `{name}{signature(value)}` – {prose(first)}"


def own_docstring(value: Any) -> str:
    """Return a docstring; that which dataclasses make of their fields says nothing more than the signature."""
    text = inspect.getdoc(value) or ""
    return "" if text.startswith(f"{value.__name__}(") else text


def signature(value: Any) -> str:
    """Return the parameters of a function or a class, without the types, which the text explains."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(…)"
    bare = [each.replace(annotation=each.empty) for each in found.parameters.values() if each.name != "self"]
    shown = str(found.replace(parameters=bare, return_annotation=found.empty))
    return shown if "<" not in shown else "(" + ", ".join(each.name for each in bare) + ")"
