"""The hook of mkdocs: pages that are made from the code join those that are written, and none of them is kept."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from docs.hooks import catalogue, commands, tables, verbs  # noqa: E402 - the checkout's, wherever it is built from
from perturbations import FAMILIES  # noqa: E402

_LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")
_BESIDE = {"scenarios/README.md": "reference/suites.md", "CHANGELOG.md": "reference/changes.md"}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the reference, and what they show."""
    from mkdocs.structure.files import File

    for place, content in made():
        files.append(File.generated(config, place, content=content))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Give the search its name and let blocks of code be scrolled without a mouse, which the theme leaves out."""
    search = 'data-md-component="search" role="dialog"'
    named = output.replace(search, f'{search} aria-label="Search"')
    return re.sub(r"<pre(?=[^>]*>(?:<span></span>)?<code)", '<pre tabindex="0"', named)


def made() -> Iterator[tuple[str, str | bytes]]:
    """Return the place of every page, picture and sound that is made, with its content."""
    for family in FAMILIES:
        page, media = catalogue.family_page(family)
        yield f"reference/{family}.md", page
        for name, content in media.items():
            yield f"reference/{name}", content
    yield "reference/signals.md", catalogue.signals_page()
    yield "reference/commands.md", commands.page()
    yield "reference/python.md", verbs.page()
    yield "reference/tables.md", tables.page()
    for source, place in _BESIDE.items():
        yield place, moved((ROOT / source).read_text(encoding="utf-8"), source)


def moved(text: str, source: str) -> str:
    """Return a page that lies beside the documents, with its links as they are from ``reference/``.

    Raises ValueError for a link to what is no page: it would lead nowhere.
    """

    def led(match: re.Match[str]) -> str:
        target, _, place = match.group(1).partition("#")
        found = (ROOT / source).parent.joinpath(target).resolve().relative_to(ROOT).as_posix()
        known = {**_BESIDE, **{f"docs/{page.name}": page.name for page in (ROOT / "docs").glob("*.md")}}
        if found not in known:
            raise ValueError(f"{source}: a link must lead to a page of the documents, got {match.group(1)}.")
        return f"](../{known[found]}{f'#{place}' if place else ''})"

    return _LINK.sub(led, text)
