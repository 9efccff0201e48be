"""The house itself: imports run one way, exports exist, files stay readable, nothing heavy or unsafe slips in."""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("perturbations", "scenarios", "stress")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HIGHER = {"perturbations": ("scenarios", "stress"), "scenarios": ("stress",), "stress": ()}
WRAPPED = ("albumentations", "audiomentations", "nlpaug", "torchaudio")
FLOORS = (  # of stress, from the ground up: what stands higher may import what stands lower
    ("stress.statistics", "stress._import", "stress._needed", "stress._processors"),
    ("stress.records", "stress.data"),
    ("stress.tasks", "stress.models", "stress.gallery", "stress.testing", "stress.maite"),
    ("stress.engine", "stress.measure.core"),
    ("stress.measure.tables",),
    ("stress.measure.session",),
    ("stress.measure.between",),
    ("stress.measure",),
    ("stress.gate", "stress.policy", "stress.audit", "stress.calibrate", "stress.examples"),
    ("stress.monitor", "stress.adaptive", "stress.attribute"),
    ("stress.report",),
    ("stress.evidence", "stress.trackers"),
    ("stress._face",),
    ("stress.benchmarks",),
    ("stress", "stress._pytest"),
    ("stress.cli",),
    ("stress.__main__",),
)
ABOVE = (
    *("stress.gate", "stress.policy", "stress.monitor", "stress.calibrate", "stress.adaptive", "stress.attribute"),
    *("stress.report", "stress.evidence", "stress.trackers", "stress.benchmarks", "stress.cli", "stress._face"),
    "stress._pytest",
)
"""What asks measures by their public face alone."""
BESIDE = {("stress.measure", "stress.engine")}
"""Rooms that know nothing of each other although one stands higher: measures are made of records alone."""


def name(path):
    return str(path.relative_to(ROOT))


@cache
def text(path):
    return path.read_text(encoding="utf-8")


@cache
def nodes(path):
    """All nodes of a file: each is read and walked once, whatever is asked of it."""
    return tuple(ast.walk(ast.parse(text(path))))


@cache
def imports(path):
    return tuple(node for node in nodes(path) if isinstance(node, ast.Import | ast.ImportFrom))


def imported(path):
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node


def each(files):
    """Hold a law of one file to these; whatever breaks it is told of all of them."""

    def over_all(law):
        def test():
            broken = []
            for path in files:
                try:
                    law(path)
                except AssertionError as error:
                    broken.append(str(error).partition("\n")[0] or name(path))
            assert files
            assert not broken, "\n".join(broken)

        return test

    return over_all


@each(FILES)
def test_imports_run_down(path):
    package = path.relative_to(ROOT).parts[0]
    for module, node in imported(path):
        root = module.partition(".")[0]
        assert root not in HIGHER[package], f"{name(path)}:{node.lineno} imports {module}"
        if root in WRAPPED:
            assert path.parent.name == "adapters" or root == "torchaudio", (
                f"{name(path)}:{node.lineno} imports {module}"
            )


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {dotted(path): path for path in FILES}


def arrows(path):
    """The modules of the house that a file imports, wherever in it, and the line."""
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((each if each in MODULES else node.module, node.lineno) for each in inner)


def floor(module):
    found = [
        (len(room), level)
        for level, rooms in enumerate(FLOORS)
        for room in rooms
        if module == room or module.startswith(f"{room}.")
    ]
    assert found, f"{module} stands on no floor"
    return max(found)[1]


@each([p for p in FILES if p.is_relative_to(ROOT / "stress")])
def test_arrows_inside_stress_point_down(path):
    here = dotted(path)
    for module, line in arrows(path):
        if module.startswith("stress"):
            assert floor(module) <= floor(here), f"{name(path)}:{line} imports {module}, which stands higher"
            for upper, other in BESIDE:
                assert not (here.startswith(upper) and module.startswith(other)), f"{name(path)}:{line}: {module}"


@each(FILES)
def test_what_is_private_stays_in_its_package(path):
    home = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    for module, line in arrows(path):
        package, _, last = module.rpartition(".")
        if last.startswith("_") and last != "__main__":
            assert home == package or home.startswith(f"{package}."), f"{name(path)}:{line} imports {module}"


@each([p for p in FILES if dotted(p).startswith(ABOVE)])
def test_measures_are_asked_by_their_face(path):
    for module, node in imported(path):
        assert not module.startswith("stress.measure."), f"{name(path)}:{node.lineno} imports {module}"


PROSE = re.compile(
    r"""\b(method|note)\b["'\])]*( or "")?\)*\.(startswith|endswith|partition|rpartition|split|find|replace)\("""
    r"""|\b(method|note)\b["'\])]* (==|!=) ["']|["'] in [\w.\["']*\b(method|note)\b"""
)


@each([p for p in FILES if p.is_relative_to(ROOT / "stress")])
def test_nothing_is_derived_from_the_wording_of_a_method_or_note(path):
    for number, line in enumerate(text(path).splitlines(), 1):
        assert not PROSE.search(line), f"{name(path)}:{number}: {line.strip()}"


@pytest.mark.parametrize(
    "line",
    [
        'few = (check.method or "").startswith("few clusters")',
        'trials = check.n if check.method == "mid-p" else 0',
        'if str(breaking["note"] or "").startswith("holds"):',
        'return row["note"].rpartition(" ")[2]',
        'if "holds" in row["note"]:',
    ],
)
def test_wording_is_found_where_it_is_read(line):
    assert PROSE.search(line)


def test_no_circle_of_imports():
    left = {module: {target for target, _ in arrows(path)} - {module} for module, path in MODULES.items()}
    while free := {module for module, needs in left.items() if not needs & left.keys()}:
        left = {module: needs for module, needs in left.items() if module not in free}
    assert not left, f"these import each other in a circle, or what does: {', '.join(sorted(left))}"


@each(FILES)
def test_files_fit_in_a_sitting(path):
    assert len(text(path).splitlines()) <= 300, name(path)


@each(FILES)
def test_functions_fit_on_a_screen(path):
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef):
            start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            assert node.end_lineno - start <= 40, f"{name(path)}:{node.lineno} {node.name}"


@each(FILES)
def test_what_is_exported_exists(path):
    if path.name == "__main__.py":
        return
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    for each in getattr(module, "__all__", ()):
        assert hasattr(module, each), f"{name(path)}: __all__ names {each}"


GLOBAL_DRAW = re.compile(
    r"np\.random\.(seed|rand|randn|randint|normal|uniform|choice)\(|^\s*(import random\b|from random)", re.MULTILINE
)
UNSAFE = re.compile(
    r"pickle\.load|yaml\.(unsafe_)?load\(|torch\.load\((?!.*weights_only)|allow_pickle=True|(?<![.\w])(eval|exec)\("
)


@each([p for p in FILES if p.name != "testing.py"])
def test_no_hidden_randomness_and_no_code_from_files(path):
    if path.parent.name != "adapters":  # which save and restore the generators of what they wrap
        assert not GLOBAL_DRAW.search(text(path)), name(path)
    assert not UNSAFE.search(text(path)), name(path)
