"""Records in, numbers with intervals out. Pure: nothing here calls a model, and a new measure needs no new run."""

from stress.measure._compare import COMPARISON, RELIANCE, compare, reliance
from stress.measure._measured import Measured, measured, summary, table
from stress.measure._registry import TABLES

__all__ = ["COMPARISON", "RELIANCE", "TABLES", "Measured", "compare", "measured", "reliance", "summary", "table"]
