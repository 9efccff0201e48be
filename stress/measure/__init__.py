"""Records in, numbers with intervals out. Pure: nothing here calls a model, and a new measure needs no new run."""

from stress.measure._compare import COMPARISON, RELIANCE, compare, reliance
from stress.measure._registry import TABLES, table
from stress.measure._summary import summary

__all__ = ["COMPARISON", "RELIANCE", "TABLES", "compare", "reliance", "summary", "table"]
