"""The study in examples/paper: one call makes every figure and table, a real TeX takes it, and no font is of type 3."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "examples" / "paper" / "study.py"


def module():
    spec = importlib.util.spec_from_file_location("example_study", PATH)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return module().study(tmp_path_factory.mktemp("study") / "paper", limit=24, severities=[5])


@pytest.mark.slow
def test_every_figure_and_table_that_the_paper_names_is_there(made):
    text = made.read_text(encoding="utf-8")
    named = re.findall(r"\\(?:input|includegraphics\[[^]]*\])\{([^}]+)\}", text)
    assert len(named) == 12
    for name in named:
        file = made.parent / name
        assert file.stat().st_size > 300, name
        if name.endswith(".pdf"):
            assert b"/Type3" not in file.read_bytes()
        else:
            assert file.read_text(encoding="utf-8").count("\\midrule") == 1
    methods = (made.parent / "methods.txt").read_text(encoding="utf-8")
    assert all(f"Model demo:{name}" in methods for name in ("early", "intermediate", "late"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")
def test_a_real_tex_compiles_it(made):
    pdf = module().compiled(made)
    assert pdf.read_bytes().startswith(b"%PDF")
    if shutil.which("pdffonts"):
        assert "Type 3" not in subprocess.run(["pdffonts", pdf], capture_output=True, text=True, check=True).stdout
