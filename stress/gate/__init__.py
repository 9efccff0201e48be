"""May this model be released? Rules over measures, three outcomes, and a comparison with the last release.

>>> from stress.gate import judge, load_gates
>>> report = judge(stress.open("runs/v2"), load_gates("gates.yaml"))  # doctest: +SKIP
>>> [verdict.message for verdict in report.verdicts if not verdict.passed]  # doctest: +SKIP
"""

from stress.gate._compare import Comparison, compare
from stress.gate._judge import judge
from stress.gate._read import load_gates, loads_gates
from stress.gate._regression import export_regression
from stress.gate._rules import Check, Gates, Report, Rule, Verdict
from stress.gate._suggest import suggest

__all__ = [
    "Check",
    "Comparison",
    "Gates",
    "Report",
    "Rule",
    "Verdict",
    "compare",
    "export_regression",
    "judge",
    "load_gates",
    "loads_gates",
    "suggest",
]
