"""Figures as PGF: a real TeX draws them, no name is ever TeX, and where TeX cannot, one sentence says so."""

import shutil
import subprocess

import matplotlib
import pytest

from perturbations import InputError
from stress.report import save
from stress.report.paper._look import STYLE, paper
from tests.report_pages import mixed_run

HOSTILE = r"\input{/etc/passwd} $x_2$ 50% #1 & {a} <b> \write18{ls}"
DOCUMENT = r"\documentclass{article}\usepackage{pgf}\begin{document}\input{f.pgf}\end{document}"
needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")


def drawn(title):
    with matplotlib.rc_context(STYLE):
        figure = paper()(figsize=(3, 2), layout="constrained")
        place = figure.subplots()
        place.plot([0, 1], [-1, 0.5], label=HOSTILE)
        place.set_title(title)
        place.legend()
    return figure


def compiled(folder):
    """Return the PDF of a document that takes the figure in, and what is read in it."""
    (folder / "d.tex").write_text(DOCUMENT, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "d.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return folder / "d.pdf"


@needs_tex
def test_names_are_printed_and_never_run(tmp_path):
    save(drawn("naïve"), tmp_path / "f.pgf")
    pdf = compiled(tmp_path)
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True).stdout
        assert r"\input{/etc/passwd}" in text
        assert "50% #1 & {a} <b>" in text
        assert "root:" not in text


@needs_tex
@pytest.mark.parametrize("kind", ["curves", "heat", "lost"])
def test_figures_of_a_run_are_equal_files_that_tex_takes_without_type_3(tmp_path, kind):
    run = mixed_run(tmp_path / "run")
    one = save(run.plot(kind), tmp_path / "f.pgf").read_bytes()
    assert save(run.plot(kind), tmp_path / "f.pgf").read_bytes() == one
    pdf = compiled(tmp_path)
    if shutil.which("pdffonts"):
        assert "Type 3" not in subprocess.run(["pdffonts", pdf], capture_output=True, text=True, check=True).stdout


@needs_tex
def test_letters_that_tex_does_not_have_are_refused_and_nothing_is_written(tmp_path):
    figure = drawn("漢字")
    with pytest.raises(InputError, match=r"TeX cannot set '漢字'\. Write a \.pdf instead"):
        save(figure, tmp_path / "f.pgf")
    assert not (tmp_path / "f.pgf").exists()
    assert b"\xe6\xbc\xa2" in save(figure, tmp_path / "f.svg").read_bytes()  # the figure is as it was


def test_without_tex_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"f\.pgf is drawn by pdflatex, which is not installed"):
        save(drawn("a"), tmp_path / "f.pgf")
