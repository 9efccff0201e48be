"""Pages read by people who see little, hear little or use no mouse: axe-core finds nothing serious or critical.

``STRESS_AXE`` names axe-core's ``axe.min.js`` (of the package axe-core), ``STRESS_DOCS`` a folder of built documents.
"""

import functools
import json
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stress.report import write_comparison, write_report, write_site
from tests.browser import usable
from tests.report_pages import mixed_run

AXE, DOCS = (os.environ.get(name) for name in ("STRESS_AXE", "STRESS_DOCS"))
READ = ("index", "tutorial", "measures", "gates", "fidelity", "limits")
MADE = (
    "image",
    "audio",
    "text",
    "series",
    "stream",
    "attack",
    "machine",
    "commands",
    "python",
    "tables",
    "signals",
    "suites",
)
PAGES = [f"{name}.html" for name in (*READ, *(f"reference/{name}" for name in MADE))]
SOME = (
    "index.html",
    "tutorial.html",
    "measures.html",
    "reference/image.html",
    "reference/audio.html",
    "reference/python.html",
)

pytestmark = pytest.mark.skipif(not usable(), reason="needs Chromium")
needs_axe = pytest.mark.skipif(not AXE, reason="STRESS_AXE names no axe.min.js")
needs_docs = pytest.mark.skipif(not DOCS, reason="STRESS_DOCS names no built documents")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    one, two = mixed_run(folder / "one"), mixed_run(folder / "two")
    site = write_site([one, two], folder / "site")
    release = next(path for path in sorted(site.parent.rglob("*.html")) if path != site)
    compared = write_comparison([one, two], folder / "compared.html")
    return {"report": write_report(one), "compared": compared, "site": site, "release": release}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def docs():
    """Serve the built documents on this machine alone: their search asks for its index."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=DOCS))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def grave(browser):
    """Return what axe-core finds serious or critical: rule, how many places, the first of them, and why."""
    browser.run(f"{Path(AXE).read_text(encoding='utf-8')};true")
    code = "axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations))"
    answer = browser.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
    found = [each for each in json.loads(answer["result"]["value"]) if each["impact"] in ("serious", "critical")]
    return [
        (each["id"], len(each["nodes"]), each["nodes"][0]["html"][:160], each["nodes"][0]["failureSummary"][:300])
        for each in found
    ]


@needs_axe
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["report", "compared", "site", "release"])
def test_nothing_serious_on_a_page_of_runs(browser, pages, name, dark):
    for width in (400, 1280):
        browser.open(pages[name], width=width, dark=dark)
        assert grave(browser) == [], width


@needs_axe
@needs_docs
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_nothing_serious_in_the_documents(browser, docs, page, dark):
    for width in (400, 1280):
        browser.visit(f"{docs}/{page}", width=width, dark=dark)
        assert grave(browser) == [], width


@needs_docs
@pytest.mark.parametrize("page", SOME)
def test_the_documents_ask_for_nothing_from_elsewhere_and_fit(browser, docs, page):
    for width in (360, 1280):
        browser.visit(f"{docs}/{page}", width=width)
        assert browser.errors == []
        assert browser.requests
        assert [url for url in browser.requests if not url.startswith((f"{docs}/", "blob:"))] == []
        assert browser.run("document.documentElement.scrollWidth <= innerWidth + 1"), width
        assert browser.run("[...document.images].filter((each) => each.complete && !each.naturalWidth).length") == 0
