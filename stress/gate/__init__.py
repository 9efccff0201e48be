"""May this model be released? Rules over measures, three outcomes, and a comparison with the last release."""

from stress.gate._judge import judge
from stress.gate._read import load_gates, loads_gates
from stress.gate._rules import Check, Gates, Report, Rule, Verdict

__all__ = ["Check", "Gates", "Report", "Rule", "Verdict", "judge", "load_gates", "loads_gates"]
