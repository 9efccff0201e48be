"""The sheet of a modality that has none of its own: its witness under every perturbation, severity by severity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from perturbations import InputError, Perturbation, apply, get, names
from perturbations.modality import Modality, modality
from stress.testing import witness_sample

__all__ = ["sheet", "ways"]

_STYLE = """body{font:14px/1.4 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
h2{margin:1.6rem 0 0;font-size:1rem}p{margin:.1rem 0 .5rem;color:#555;max-width:60rem}
.row{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0}figcaption{font-size:11px;color:#666;max-width:176px}
svg,img{display:block}.same{opacity:.45}"""


def sheet(of: str, out: Path, chosen: Sequence[str] | None = None, seed: int = 0) -> None:
    """Write an HTML page of a modality's perturbations, every value drawn as the modality draws it.

    ``chosen`` are names of perturbations of that modality (all of its family where None). The page is one file, runs no
    script, and everything shown is escaped. Raises InputError for another suffix than .html, or an unknown name.
    """
    kind, out = modality(of), Path(out)
    if out.suffix.lower() != ".html":
        raise InputError(f"gallery: the file must end in .html, got {out.name!r}.")
    wanted = [get(name) for name in (names(of) if chosen is None else chosen)]
    if foreign := [p.name for p in wanted if of not in p.modalities]:
        raise InputError(f"gallery: {foreign[0]} must be a perturbation of {of}.")
    page = _page(kind, wanted, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


def _page(kind: Modality, wanted: Sequence[Perturbation], seed: int) -> str:
    title = f"{kind.name.capitalize()} perturbations"
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; media-src data:; "
        "style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>Pale: nothing changed.</p>",
    ]
    for perturbation in wanted:
        name, summary = escape(perturbation.name), escape(perturbation.summary)
        figures = "".join(_figures(kind, perturbation, seed))
        parts.append(f"<h2 id='{name}'>{name}</h2><p>{summary}</p><div class='row'>{figures}</div>")
    return "\n".join([*parts, "</body></html>", ""])


def _figures(kind: Modality, perturbation: Perturbation, seed: int) -> Iterator[str]:
    sample, data = witness_sample(kind.name, perturbation.witness() if perturbation.witness else None)
    clean = sample.streams["x"]
    yield _figure(kind, clean, clean, "clean", True)
    for caption, keywords in ways(perturbation):
        given = {**perturbation.examples, **keywords}
        after = apply(perturbation, sample, stream="x", data=data, seed=seed, **given).streams["x"]
        if after is not None:
            yield _figure(kind, after, clean, caption, not kind.same(after, clean))


def ways(perturbation: Perturbation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the caption of each degree or category, and the keywords that make it."""
    if perturbation.category is not None:
        row: Any = perturbation.params[perturbation.category]
        for option in row.options or (row.default,):
            yield option, {perturbation.category: option}
        return
    for severity in range(1, perturbation.top() + 1):
        settings = perturbation.settings(severity, given=perturbation.examples)
        values = [f"{name} {_short(settings[name])}" for name in perturbation.graded]
        yield f"{severity}: {', '.join(values)}" if values else "on", {"severity": severity}


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _figure(kind: Modality, value: Any, clean: Any, caption: str, changed: bool) -> str:
    drawn = kind.look.draw(value, clean, caption)
    return f"<figure{'' if changed else ' class=same'}>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"
