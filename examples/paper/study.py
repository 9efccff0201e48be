"""A short study of three ways to fuse streams, from the runs to the page: python examples/paper/study.py OUT.

It runs one suite on the demo's early, intermediate and late fusion, writes every figure and table of the paper and
the paper itself, and compiles it where pdflatex is installed. Run it again, and only what is missing is run; the
figures and tables are the same bytes.
"""

import argparse
import shutil
import subprocess
from pathlib import Path

import stress
from stress.report import methods_of, plot, save, table_text

MODELS = ("early", "intermediate", "late")
FIGURES = ("curves", "compare", "contributions", "lost", "heat", "reliability", "groups", "timeline")
TABLES = {"scenarios": {}, "robustness": {}, "contributions": {}, "calibration": {"metrics": ["ece"]}}
SUITE = {
    "suite": "fusion@1",
    "severities": [1, 3, 5],
    "scenarios": {
        "babble": {"audio": "babble"},
        "fog": {"image": "fog"},
        "both": {"audio": "babble", "image": "fog"},
        "crossed": {"audio": "babble", "image": "fog", "grid": "product", "severities": [1, 5]},
        "ramp": {"audio": "babble", "timeline": {"shape": "ramp", "severity": 5}},
        "missing": {"all": "missing", "grid": "subsets"},
    },
}


def study(out: Path, limit: int | None = None, severities: list[int] | None = None) -> Path:
    """Write the paper's folder and return the file that LaTeX takes."""
    out.mkdir(parents=True, exist_ok=True)
    suite = SUITE if severities is None else {**SUITE, "severities": severities}
    runs = [stress.run(f"demo:{m}", "demo", suite, out / "runs" / m, limit=limit, examples=0) for m in MODELS]
    for kind in FIGURES:
        options = {"scenarios": ["both"]} if kind in ("reliability", "groups") else {}
        save(plot(runs[0], kind, others=runs[1:], columns=3, **options), out / f"{kind}.pdf")
    for name, options in TABLES.items():
        (out / f"{name}.tex").write_text(table_text(runs, name, **options), encoding="utf-8")
    (out / "methods.txt").write_text("\n\n".join(map(methods_of, runs)) + "\n", encoding="utf-8")
    paper = out / "paper.tex"
    paper.write_text(written(), encoding="utf-8")
    return paper


def written() -> str:
    """Return the paper."""
    lines = [r"\documentclass{article}", r"\usepackage{booktabs,graphicx}", r"\usepackage[margin=2.5cm]{geometry}"]
    lines += [r"\begin{document}"]
    lines += [r"\title{Three ways to fuse streams under stress}\author{}\date{}\maketitle"]
    for name in TABLES:
        body = rf"\resizebox{{\ifdim\width>\linewidth\linewidth\else\width\fi}}{{!}}{{\input{{{name}.tex}}}}"
        lines += [r"\begin{table}[htbp]\centering", body, rf"\caption{{{name.capitalize()}.}}", r"\end{table}"]
    for kind in FIGURES:
        body = rf"\includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]{{{kind}.pdf}}"
        lines += [r"\begin{figure}[htbp]\centering", body, rf"\caption{{{kind.capitalize()}.}}", r"\end{figure}"]
    return "\n".join([*lines, r"\end{document}", ""])


def compiled(paper: Path) -> Path | None:
    """Return the paper as PDF; nothing where LaTeX is not installed. Ends with LaTeX's own words where it refuses."""
    if shutil.which("pdflatex") is None:
        return None
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", paper.name]
    done = subprocess.run(command, cwd=paper.parent, capture_output=True, check=False)
    if done.returncode:
        said = done.stdout.decode(errors="replace")
        raise SystemExit(f"pdflatex: {paper} was refused:\n{said[said.find('!') :][:2000]}")
    return paper.with_suffix(".pdf")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, help="Samples of each run.")
    given = parser.parse_args()
    made = study(given.out, given.limit)
    print(compiled(made) or f"{made} (pdflatex is not installed)")
