"""One entry a perturbation: what it is in the world, its parameters, what it does to an input, how far, and whence."""

from __future__ import annotations

import inspect
from html import escape
from math import isfinite

from docs.hooks.shown import Media, curve, shown
from docs.hooks.words import prose, row
from perturbations import Choice, Param, Perturbation, citation, get, names
from perturbations.modality import MODALITIES, arrivals, modality
from stress.records.answered import ANSWERED

TITLES = {
    "image": "Perturbations of images",
    "audio": "Perturbations of audio",
    "text": "Perturbations of text",
    "series": "Perturbations of series",
    "stream": "Faults of streams",
    "attack": "Attacks",
    "machine": "Conditions of the machine",
}
INTRODUCTIONS = {
    "image": "Each row shows the picture as it is and at severities 1, 3 and 5.",
    "audio": "Waveform (full scale ±1) above spectrogram (0 Hz to half the rate, 90 dB), and the sound to play.",
    "text": "What was added or replaced is <mark>marked</mark>; <del>‸</del> is where something is gone.",
    "series": "Each row shows the series as it is and at severities 1, 3 and 5; new values are marked.",
    "stream": "What can go wrong with a whole stream, shown on one modality that it befalls. Faults may look at other "
    "samples: at the one before, or at those of another target.",
    "attack": "An attack needs the model, so that nothing can be shown here: `stress show RUN SAMPLE CELL` draws what "
    "it made of a sample. When a number under one can be believed: [Attacks](../attacks.md).",
    "machine": "They befall no stream, so that nothing can be shown: they say under which terms the model answers. A "
    "suite names them under `machine:`, alone or beside steps on streams.",
}


def family_page(family: str) -> tuple[str, Media]:
    """Return the page of a family, and the pictures and sounds that it shows, by their place beside it."""
    found, media = [get(name) for name in names(family)], {}
    listed = " · ".join(f"[{short(p.name)}](#{p.name})" for p in found)
    parts = [f"# {TITLES[family]}", f"{len(found)} of them. {INTRODUCTIONS[family]}", listed]
    for perturbation in found:
        parts.append(entry(perturbation, media))
    return "\n\n".join(parts) + "\n", media


def short(name: str) -> str:
    """Return a perturbation's name without its family."""
    return name.partition(".")[2]


def axis(perturbation: Perturbation) -> str:
    """Return how a perturbation is graded, in words."""
    if perturbation.axis == "ordinal":
        return f"severities 1–{perturbation.top()}"
    return "a cell a category" if perturbation.axis == "categorical" else "on or off"


def entry(perturbation: Perturbation, media: Media) -> str:
    """Return the section of one perturbation; what it shows is added to ``media``."""
    of = f" of {', '.join(perturbation.modalities)}" if perturbation.modalities else ""
    parts = [f"## {short(perturbation.name)} {{ #{perturbation.name} }}"]
    parts.append(
        f"`{perturbation.name}` · {perturbation.kind}{of} · {axis(perturbation)} · version {perturbation.version}"
    )
    parts.append(prose(inspect.getdoc(perturbation.function) or ""))
    if perturbation.kind not in ("attack", "machine"):
        found = shown(perturbation)
        parts += [found.drawn(media), curve(perturbation, found)]
    parts.append(parameters(perturbation))
    notes = [f"Not monotone in severity: {reason}" for reason in falls(perturbation)]
    if perturbation.cost:
        notes.append(f"Cost: {perturbation.cost}.")
    if perturbation.changes_meaning:
        notes.append("Changes the meaning: the right answer may be another one afterwards.")
    parts += [prose(note) for note in notes]
    if perturbation.cite:
        parts.append(
            f'??? "Source: {", ".join(perturbation.cite)}"\n\n' + fenced(citation([perturbation.name]), "bibtex")
        )
    return "\n\n".join(part for part in parts if part)


def falls(perturbation: Perturbation) -> list[str]:
    """Return why distortion may fall as severity rises, where it may, each reason once."""
    return list(dict.fromkeys(filter(None, map(perturbation.may_fall, perturbation.profiles))))


def fenced(text: str, language: str) -> str:
    """Return a text as a block of code inside a folded part."""
    return "\n".join(f"    {line}" for line in [f"```{language}", *text.splitlines(), "```"])


def parameters(perturbation: Perturbation) -> str:
    """Return the table of a perturbation's parameters; nothing where it has none."""
    if not perturbation.params:
        return ""
    lines = ["| parameter | meaning | range | levels, or default |", "|---|---|---|---|"]
    for name, each in perturbation.params.items():
        lines.append(row(f"`{name}`", each.meaning, span(each), levels(each)))
    return "\n".join(lines)


def span(each: Param | Choice) -> str:
    """Return what a parameter may be."""
    if isinstance(each, Choice):
        return ", ".join(each.options) if each.options else "a value of one's own"
    clean = "" if each.clean is None else f"; {each.clean:g} changes nothing"
    return f"{each.low:g} to {each.high:g} {each.unit}, {each.scale}{clean}"


def levels(each: Param | Choice) -> str:
    """Return a parameter's level tables, by profile, or its default."""
    if isinstance(each, Param) and each.tables:
        return "<br>".join(f"{name}: {', '.join(map(str, table))}" for name, table in each.tables.items())
    if each.default is None:
        return "must be given"
    return f"{each.default:g}" if isinstance(each, Param) else str(each.default)


def signals_page() -> str:
    """Return the page of the signals: what tells a degraded stream without its clean form."""
    parts = [
        "# Signals of quality",
        "What is measured of a stream without the clean one and without a model. Those marked ● are recorded beside "
        "every answer, the others with `--signals all`. Policies and the monitor read them.",
    ]
    for of in MODALITIES:
        lines = ["| signal | | meaning | unit | source |", "|---|---|---|---|---|"]
        for each in modality(of).signals.all.values():
            lines.append(row(f"`{each.name}`", "●" if each.cheap else "", each.meaning, unit(each), each.source or ""))
        parts += [f"## {of.capitalize()}", "\n".join(lines)]
    head = ["| signal | meaning | unit | source |", "|---|---|---|---|"]
    lines = [row(f"`{each.name}`", each.meaning, unit(each), each.source or "") for each in arrivals.all.values()]
    parts += ["## Any stream of data that come in sequences", "\n".join([*head, *lines])]
    lines = [*head, *(row(f"`{each.name}`", each.meaning, unit(each), each.source or "") for each in ANSWERED)]
    parts += ["## The model's own answers", "Worked out from a run's records.", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def unit(each: object) -> str:
    """Return a signal's unit, and between which ends it lies."""
    ends = [(word, getattr(each, word)) for word in ("low", "high")]
    said = [f"{'from' if word == 'low' else 'to'} {end:g}" for word, end in ends if isfinite(end)]
    return escape(", ".join([str(each.unit), *said]))
