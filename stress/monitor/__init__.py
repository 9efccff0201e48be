"""Production watched against a run: is it as the run's clean input, how degraded is it, and what accuracy to expect.

>>> from stress.monitor import Monitor, open_history, read_reference
>>> reference = read_reference(stress.open("runs/release"))  # doctest: +SKIP
>>> monitor = Monitor(reference, open_history("monitor.sqlite", writer=True, monitor=True))  # doctest: +SKIP
>>> for event in monitor.watch(arrivals, "inputs.jsonl"): print(event)  # doctest: +SKIP
"""

from stress.monitor._evaluations import Change, add_run, changes
from stress.monitor._history import History, open_history
from stress.monitor._inputs import Arrival, folder_arrivals, line_arrivals, manifest_arrivals
from stress.monitor._item import Item, RefusedError, read_item
from stress.monitor._prometheus import metrics_text, serve_metrics, write_metrics
from stress.monitor._reference import Reference, read_reference
from stress.monitor._severity import Severities, fit_severities
from stress.monitor._watch import Monitor, MonitorOptions
from stress.monitor._webhook import Webhook

__all__ = [
    "Arrival",
    "Change",
    "History",
    "Item",
    "Monitor",
    "MonitorOptions",
    "Reference",
    "RefusedError",
    "Severities",
    "Webhook",
    "add_run",
    "changes",
    "fit_severities",
    "folder_arrivals",
    "line_arrivals",
    "manifest_arrivals",
    "metrics_text",
    "open_history",
    "read_item",
    "read_reference",
    "serve_metrics",
    "write_metrics",
]
