"""Records in, numbers with intervals out. Pure: nothing here calls a model, and a new measure needs no new run."""

from stress.measure.between.compare import COMPARISON, RELIANCE, compare, reliance
from stress.measure.session.registry import TABLES
from stress.measure.session.session import Measurable, Measured, MeasureOptions, measured, summary, table

__all__ = [
    "COMPARISON",
    "RELIANCE",
    "TABLES",
    "Measurable",
    "MeasureOptions",
    "Measured",
    "compare",
    "measured",
    "reliance",
    "summary",
    "table",
]
