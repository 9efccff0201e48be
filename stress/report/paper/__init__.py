"""For a paper: figures and tables of one run or of several."""

from stress.report.paper._figures import plot, save
from stress.report.paper._text import table_text

__all__ = ["plot", "save", "table_text"]
