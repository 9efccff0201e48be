"""For a paper: figures and tables of one run or of several."""

from stress.report.paper._card import card_data, card_text
from stress.report.paper._curves import shared_curves
from stress.report.paper._figures import plot, save
from stress.report.paper._text import table_text

__all__ = ["card_data", "card_text", "plot", "save", "shared_curves", "table_text"]
