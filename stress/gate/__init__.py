"""May this model be released? Rules over measures, three outcomes, and a comparison with the last release.

>>> from stress.gate import judge, load_gates
>>> report = judge(stress.open("runs/v2"), load_gates("gates.yaml"))  # doctest: +SKIP
>>> [verdict.message for verdict in report.verdicts if not verdict.passed]  # doctest: +SKIP
"""

from stress.gate._asked import Form, Observed, form_of, rests_on
from stress.gate._compare import Change, Comparison, compare, comparison_data, comparison_markdown, headline, notable
from stress.gate._early import check_early, count_checks
from stress.gate._json import report_data, save
from stress.gate._judge import judge
from stress.gate._junit import junit
from stress.gate._labels import load_disputed
from stress.gate._looks import Looks, by_looks, look_of, looks_of
from stress.gate._markdown import markdown
from stress.gate._numbers import parts_of
from stress.gate._read import gates_of, load_gates, loads_gates
from stress.gate._regression import export_regression
from stress.gate._rules import MARKS, Check, Gates, Report, Rule, Verdict, interval, number
from stress.gate._sarif import commands, sarif
from stress.gate._several import Several, Versus, compare_several, letters, several_data, several_markdown, shown
from stress.gate._stopped import cell_sums, clusters_of
from stress.gate._suggest import suggest
from stress.measure import Example, flips, worst_failures

__all__ = [
    "MARKS",
    "Change",
    "Check",
    "Comparison",
    "Example",
    "Form",
    "Gates",
    "Looks",
    "Observed",
    "Report",
    "Rule",
    "Several",
    "Verdict",
    "Versus",
    "by_looks",
    "cell_sums",
    "check_early",
    "clusters_of",
    "commands",
    "compare",
    "compare_several",
    "comparison_data",
    "comparison_markdown",
    "count_checks",
    "export_regression",
    "flips",
    "form_of",
    "gates_of",
    "headline",
    "interval",
    "judge",
    "junit",
    "letters",
    "load_disputed",
    "load_gates",
    "loads_gates",
    "look_of",
    "looks_of",
    "markdown",
    "notable",
    "number",
    "parts_of",
    "report_data",
    "rests_on",
    "sarif",
    "save",
    "several_data",
    "several_markdown",
    "shown",
    "suggest",
    "worst_failures",
]
