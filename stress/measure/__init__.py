"""Records in, numbers with intervals out. Pure: nothing here calls a model, and a new measure needs no new run.

For people: ``table``, ``summary``, ``compare``, ``reliance``. For code that decides (gates, policies, reports): a
session (``measured``) gives a ``Number`` for each cell, ``match`` the records that two runs share, ``change`` a
``Difference`` between them.
"""

from stress.measure.between.changes import change, comparable, gap_change
from stress.measure.between.compare import COMPARISON, RELIANCE, compare, reliance
from stress.measure.between.difference import Difference
from stress.measure.between.examples import Example, flips, worst_failures
from stress.measure.between.matching import Matched, match
from stress.measure.between.reliance import reliance_changes
from stress.measure.between.trend import Trend, trend
from stress.measure.core.context import MeasureOptions
from stress.measure.core.number import Number
from stress.measure.session.once import summary, table
from stress.measure.session.registry import TABLES
from stress.measure.session.session import Gap, Measurable, Measured, measured

__all__ = [
    "COMPARISON",
    "RELIANCE",
    "TABLES",
    "Difference",
    "Example",
    "Gap",
    "Matched",
    "Measurable",
    "MeasureOptions",
    "Measured",
    "Number",
    "Trend",
    "change",
    "comparable",
    "compare",
    "flips",
    "gap_change",
    "match",
    "measured",
    "reliance",
    "reliance_changes",
    "summary",
    "table",
    "trend",
    "worst_failures",
]
