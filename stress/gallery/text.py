"""A sheet of texts: every perturbation, before and after, severity by severity, with the changes marked."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError, Perturbation, Sample, apply, get, names
from perturbations.modality import modality
from perturbations.modality.drawn_text import visible

__all__ = ["SAMPLES", "sheet"]

SAMPLES = (
    (
        "en",
        "On Monday, 3 March 2025 at 2:30 PM, Dr. Anna O'Neil doesn't think their big car ran 26.2 miles for $1,234.50.",
    ),
    ("de", "Am Montag hört man draußen größere Vögel, und der Zug fährt über die Brücke nach Köln."),
    ("vi", "Hôm nay trời đẹp, chúng tôi đi bộ đến chợ."),
    ("ru", "В понедельник учёные объявили об открытии нового способа."),
    ("ar", "أعلن العلماء يوم الاثنين عن أداة جديدة."),
    ("he", "ביום שני הודיעו המדענים על כלי חדש."),
    ("hi", "सोमवार को वैज्ञानिकों ने एक नए उपकरण की घोषणा की।"),
    ("th", "เมื่อวันจันทร์ที่ผ่านมา นักวิทยาศาสตร์ได้ประกาศ"),
    ("zh", "周一，科学家们宣布发明了一种新的诊断工具。"),
    ("ja", "月曜日に、スタンフォード大学の科学者が発表した。"),
    ("ko", "연구진은 지난 월요일 새로운 도구를 개발했다고 밝혔다."),
)
"""Sentences in many scripts; each perturbation is shown on those that it changes."""
_SHOWN = 4
"""Sentences shown for each perturbation, at most, when none is given."""


def sheet(out: Path, names: Sequence[str] | None = None, seed: int = 0, text: str | None = None) -> None:
    """Write an HTML page that shows text perturbations before and after.

    ``names`` are those to show (all where None), ``text`` what to show them on (sentences in eleven languages where
    None). What was added or replaced is marked, and so is where something is gone; characters that cannot be seen
    are shown by their code points. The page is one file, runs no script, and everything shown is escaped. Raises
    InputError for another suffix than .html, an unknown name, or a text that is not valid.
    """
    out = Path(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"gallery: the file must end in .html, got {out.name!r}.")
    if text is not None:
        modality("text").check(text, "gallery: text")
    found = [get(name) for name in (names if names is not None else _all())]
    for perturbation in found:
        if "text" not in perturbation.modalities:
            raise InputError(f"gallery: {perturbation.name} must be a perturbation of texts.")
    page = _page([section for perturbation in found if (section := _section(perturbation, seed, text))])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


def _all() -> tuple[str, ...]:
    return names("text")


def _ways(perturbation: Perturbation) -> list[tuple[str, dict[str, Any]]]:
    """Return what each row is called, and the keywords that make it."""
    if perturbation.axis == "ordinal":
        rows = []
        for severity in range(1, perturbation.top() + 1):
            settings = perturbation.settings(severity)
            values = ", ".join(f"{name} {settings[name]:g}" for name in perturbation.graded)
            rows.append((f"{severity}: {values}", {"severity": severity}))
        return rows
    if perturbation.category is None:
        return [("on", {"severity": 1})]
    row: Any = perturbation.params[perturbation.category]
    options = row.options or (row.default,)
    return [(option, {perturbation.category: option}) for option in options if option]


def _shown_on(perturbation: Perturbation, text: str | None) -> list[tuple[str, str]]:
    if text is not None:
        return [("", text)]
    own = [("", str(perturbation.witness()))] if perturbation.witness else []
    return [*own, *SAMPLES]


def _section(perturbation: Perturbation, seed: int, text: str | None) -> str:
    """Return what is shown of one perturbation; nothing where it needs a file of one's own or a data set."""
    if "alternates" in perturbation.needs:
        return _languages(perturbation)
    ways = [] if perturbation.needs else _ways(perturbation)
    blocks: list[str] = []
    for language, before in _shown_on(perturbation, text):
        results = [(label, apply(perturbation, before, seed=seed, sample="gallery", **keys)) for label, keys in ways]
        changed = any(after != before for _, after in results)
        if results and (text is not None or (changed and len(blocks) < _SHOWN)):
            blocks.append(_table(language, before, results))
    return _titled(perturbation, blocks) if blocks else ""


def _languages(perturbation: Perturbation) -> str:
    """Show a language shift on alternates that these pages bring along: they are not translations of each other."""
    others = dict(SAMPLES)
    sample = Sample("gallery", {"text": others.pop("en")}, alternates={"text": others})
    results = [(to, apply(perturbation, sample, stream="text", to=to).streams["text"]) for to in others]
    rows = "".join(
        f"<tr><th>{html.escape(to)}</th><td dir='auto'>{visible(str(after))}</td></tr>" for to, after in results
    )
    return _titled(perturbation, [f"<table>{rows}</table>"])


def _titled(perturbation: Perturbation, blocks: list[str]) -> str:
    name, summary = html.escape(perturbation.name), html.escape(perturbation.summary)
    meaning = " <em>Changes the meaning.</em>" if perturbation.changes_meaning else ""
    return f"<section id='{name}'><h2>{name}</h2><p>{summary}{meaning}</p>{''.join(blocks)}</section>"


def _table(language: str, before: str, results: list[tuple[str, str]]) -> str:
    attribute = f" lang='{html.escape(language)}'" if language else ""
    rows = [f"<tr><th>before</th><td dir='auto'>{visible(before)}</td></tr>"]
    for label, after in results:
        shown = (
            modality("text").look.draw(after, before, label)
            if after != before
            else "<span class='same'>unchanged</span>"
        )
        rows.append(f"<tr><th>{html.escape(label)}</th><td dir='auto'>{shown}</td></tr>")
    return f"<table{attribute}>{''.join(rows)}</table>"


_STYLE = """body{font:16px/1.5 system-ui,"Noto Sans",sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;
color:#222;background:#fff}h2{margin:2rem 0 0;font-size:1.05rem}p{margin:.1rem 0 .5rem;color:#555}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}th{font-weight:400;font-size:.78rem;color:#666;
text-align:start;vertical-align:top;width:9rem;padding:.25rem .6rem .2rem 0}td{padding:.15rem 0;unicode-bidi:isolate;
overflow-wrap:anywhere}tr+tr{border-top:1px solid #eee}mark{background:#ffe08a;border-radius:2px}
del{color:#b00020;text-decoration:none;font-weight:700}code{font-size:.68em;color:#00518a;border:1px solid #9cc3e0;
border-radius:3px;padding:0 .15em;margin:0 .05em}.same{color:#999}nav{columns:4 11rem;font-size:.85rem}"""


def _page(sections: list[str]) -> str:
    ids = [section.partition("id='")[2].partition("'")[0] for section in sections]
    return "\n".join([
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Text perturbations</title>",
        "<meta name='viewport' content='width=device-width'>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><h1>Text perturbations</h1>",
        "<p>New and replaced characters are <mark>marked</mark>; <del>‸</del> is where something is gone.</p>",
        f"<nav>{''.join(f'<div><a href=#{name}>{name}</a></div>' for name in ids)}</nav>",
        *sections,
        "</body></html>",
        "",
    ])  # fmt: skip
