"""What the README says of the demo, made from a run of it: ``python -m benchmarks readme [RUN]``.

Runs the demo (or reads RUN), writes its numbers between the README's marks and draws docs/report.png, which needs
chromium. ``text(run)`` alone is what a test compares with the README.
"""

import io
import re
import shutil
import subprocess
import tempfile
import textwrap
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
    return f"```\n{shown}\n```\n\n{textwrap.fill(finding(run), 118)}\n"


def finding(run):
    """Return what to remember of the demo in three sentences: a stream better dropped, and what falls first."""
    clean = next(r for r in run.table("cells").to_pylist() if (r["cell"], r["metric"]) == ("clean", "accuracy"))
    little, worst, poor = dropped(run)["babble:2"], dropped(run)["babble:5"], widened(run)
    cost = points(little | {"value": -little["value"], "low": -little["high"], "high": -little["low"]})
    fell = {
        row["group"]: f"{100 * before:.1f} % to {100 * row['value']:.1f} %"
        for row in captured(run, poor["cell"])
        for before in (next(r["value"] for r in captured(run, "clean") if r["group"] == row["group"]),)
    }
    return (
        f"**Bad sound is worse than no sound, and in bad light first.** On clean input the model is right "
        f"{share(clean)} of the time, and with a little babble beside the voice (severity 2) the sound still helps: "
        f"unplugging the microphone would cost {cost} points. In the babble of a full restaurant (severity 5) it is "
        f"right {100 * worst['kept']:.1f} % of the time, and unplugging the microphone would make it better by "
        f"{points(worst)} points. What was captured in bad light falls first: with the picture alone from "
        f"{fell['poor']}, and what was captured in good light from {fell['good']}, less by {points(poor)} points."
    )


def captured(run, cell):
    """Return the accuracies of samples captured in a good and in a poor moment."""
    rows = run.table("groups").to_pylist()
    return [row for row in rows if (row["by"], row["metric"], row["cell"]) == ("capture", "accuracy", cell)]


def dropped(run):
    """Return what dropping a degraded stream would buy, by cell."""
    return {row["cell"]: row for row in run.table("dropping").to_pylist()}


def widened(run, by="capture", worse="poor", cell="lost:audio+text"):
    """Return how much more one group loses than another, from clean input to a cell."""
    rows = run.table("gaps").to_pylist()
    row = next(r for r in rows if (r["by"], r["metric"], r["cell"]) == (by, "widening", cell))
    return (
        row
        if row["worst"] == worse
        else row | {k: -row[j] for k, j in zip(("value", "low", "high"), ("value", "high", "low"))}
    )


def share(row):
    """A cell's accuracy in per cent, with its interval."""
    return f"{100 * row['value']:.1f} % ({100 * row['low']:.1f}–{100 * row['high']:.1f})"


def points(row):
    """Percentage points with their interval."""
    low, high = (f"{100 * row[end]:.1f}".replace("-", "−") for end in ("low", "high"))
    return f"{100 * row['value']:.1f} ({low}{' to ' if row['low'] < 0 else '–'}{high})"


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
