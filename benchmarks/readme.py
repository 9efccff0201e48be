"""What the README says of the demo, made from a run of it: ``python -m benchmarks readme [RUN]``.

Runs the demo (or reads RUN), writes its numbers between the README's marks and draws docs/report.png, which needs
chromium. ``text(run)`` alone is what a test compares with the README.
"""

import io
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README, PICTURE = ROOT / "README.md", ROOT / "docs" / "report.png"
BEGIN, END = "<!-- made by: python -m benchmarks readme -->", "<!-- made so far -->"
PIXELS = (1120, 2400)


def text(run):
    """Return what the README says of a run of the demo: what the terminal shows, and the finding in three sentences."""
    from rich.console import Console

    from stress.report import print_summary

    out = io.StringIO()
    print_summary(Console(file=out, width=100, color_system=None), run)
    shown = "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines() if not line.startswith("note"))
    return f"```\n{shown}\n```\n\n{finding(run)}"


def finding(run):
    """Return what to remember of the demo: which stream is better dropped, from where on, and who falls first."""
    rows = [row for row in run.table("dropping").to_pylist() if row["stream"] == "audio"]
    worst = max(rows, key=lambda row: row["value"])
    babble = [row for row in rows if row["scenario"] == worst["scenario"] and row["low"] > 0]
    since = min(babble, key=lambda row: row["severity"])
    groups = {(row["group"], row["cell"]): row for row in run.table("groups").to_pylist() if row["by"] == "speaker"
              and row["metric"] == "accuracy"}  # fmt: skip
    gaps = {
        row["cell"]: row for row in run.table("gaps").to_pylist() if row["by"] == "speaker" and row["metric"] == "gap"
    }
    alone = gaps["lost:image+text"]
    return (
        f"**Bad sound is worse than no sound.** Under {worst['scenario']} at severity {worst['severity']:.0f} the model is "
        f"right {share(worst['kept'])} of the time, and {share(worst['without'])} with the microphone unplugged: dropping the "
        f"stream is better by {points(worst)} points. Already at severity {since['severity']:.0f} it is better by "
        f"{points(since)}. And who was not in the data to learn from – one voice of 36 is a woman's – falls first: where only "
        f"the sound is left, {share(groups['female', 'lost:image+text']['value'])} of what women say is understood and "
        f"{share(groups['male', 'lost:image+text']['value'])} of what men say, {points(alone)} points less.\n"
    )


def share(value):
    """In per cent."""
    return f"{100 * value:.1f} %"


def points(row):
    """Percentage points with their interval."""
    return f"{100 * row['value']:.1f} ({100 * row['low']:.1f}–{100 * row['high']:.1f})"


def said():
    """Return what the README says now."""
    page = README.read_text(encoding="utf-8")
    return page[page.index(BEGIN) + len(BEGIN) : page.index(END)].strip() + "\n"


def draw(run, picture):
    """Take a picture of the report's curves as a person sees them."""
    browser = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("readme: the picture needs chromium on the path")
    page = run.report().read_text(encoding="utf-8")
    curves = page[page.index('<div class="panels">') : page.index('<h2 id="missing">')]
    head = page[: page.index("<body>")]
    with tempfile.TemporaryDirectory() as folder:
        few, shot = Path(folder) / "curves.html", Path(folder) / "curves.png"
        few.write_text(f"{head}<body><main>{curves}</main></body></html>", encoding="utf-8")
        size = ",".join(map(str, PIXELS))
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={shot}",
                        f"--window-size={size}", few.as_uri()], check=True, capture_output=True)  # fmt: skip
        _trim(shot, picture)


def _trim(shot, picture):
    """Cut off what is white below, and keep 64 colours: a picture for a page."""
    import cv2
    import numpy as np

    seen = cv2.imread(str(shot))
    used = np.flatnonzero((seen < 250).any(axis=(1, 2)))
    seen = seen[: min(len(seen), used[-1] + 24)]
    cv2.imwrite(str(picture), seen, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def main(arguments):
    """Write README.md's part and docs/report.png."""
    import stress

    with tempfile.TemporaryDirectory() as folder:
        run = stress.open(arguments[0]) if arguments else stress.run("demo", "demo", "demo", Path(folder) / "demo")
        page = README.read_text(encoding="utf-8")
        made = f"{BEGIN}\n{text(run)}{END}"
        README.write_text(re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: made, page, flags=re.S), "utf-8")
        draw(run, PICTURE)
    print(f"wrote {README} and {PICTURE}")
