"""Release gates as tests: fixtures for a run and for each rule of a gate file. Loaded by pytest by itself.

    def test_release(stress_run):                 # pytest --stress-run runs/v2
        assert stress_run.table("cells").num_rows

    def test_gate(stress_gate):                   # pytest --stress-run runs/v2 --stress-gates gates.yaml
        assert stress_gate.passed, stress_gate.message

Options can stand in the configuration too: ``stress_run``, ``stress_gates``, ``stress_against``. Until a fixture is
asked for, only pytest is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stress._face import Run
    from stress.gate import Gates, Report, Verdict

__all__ = ["pytest_addoption", "pytest_generate_tests", "stress_gate", "stress_report", "stress_run"]

_OPTIONS = {
    "stress_run": "folder of the run that is tested",
    "stress_gates": "gate file, or a preset: good, floor",
    "stress_against": "folder of the last release's run, for rules against baseline",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, on the command line and in the configuration file."""
    group = parser.getgroup("stress", "release gates (stress)")
    for name, text in _OPTIONS.items():
        group.addoption(f"--{name.replace('_', '-')}", default=None, metavar="PATH", help=text)
        parser.addini(name, text, default=None)
    group.addoption(
        "--stress-undecided",
        choices=["pass", "fail"],
        default="fail",
        help="what an undecided rule does: fail (default), or pass: it is skipped, with its numbers",
    )


def _setting(config: pytest.Config, name: str) -> str | None:
    found = config.getoption(name) or config.getini(name)
    return str(found) if found else None


def _needed(config: pytest.Config, name: str) -> str:
    found = _setting(config, name)
    if found is None:
        raise pytest.UsageError(f"stress: --{name.replace('_', '-')} must be given: the {_OPTIONS[name]}.")
    return found


def _gates(config: pytest.Config) -> Gates:
    from perturbations import StressError
    from stress.gate import load_gates

    try:
        return load_gates(_needed(config, "stress_gates"))
    except StressError as error:
        raise pytest.UsageError(f"stress: {error}") from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every rule for tests that take ``stress_gate``."""
    if "stress_gate" in metafunc.fixturenames:
        rules = _gates(metafunc.config).rules
        names = [rule.title.encode("ascii", "backslashreplace").decode() for rule in rules]
        metafunc.parametrize("stress_gate", range(len(rules)), ids=names, indirect=True)


@pytest.fixture(scope="session")
def stress_run(pytestconfig: pytest.Config) -> Run:
    """Return the run that is tested."""
    from stress._face import open_run

    return open_run(_needed(pytestconfig, "stress_run"))


@pytest.fixture(scope="session")
def stress_report(pytestconfig: pytest.Config, stress_run: Run) -> Report:
    """Return what came of the whole gate file, judged once."""
    from stress._face import open_run
    from stress.gate import judge

    against = _setting(pytestconfig, "stress_against")
    return judge(stress_run, _gates(pytestconfig), open_run(against) if against else None)


@pytest.fixture
def stress_gate(request: pytest.FixtureRequest, stress_report: Report) -> Verdict:
    """Return the verdict on one rule: ``passed``, ``outcome``, ``message``, ``checks``."""
    number: Any = request.param
    verdict = stress_report.verdicts[number]
    if verdict.outcome == "undecided" and request.config.getoption("stress_undecided") == "pass":
        pytest.skip(f"undecided: {verdict.message}")
    return verdict
