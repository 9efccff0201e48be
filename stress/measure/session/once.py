"""One question to a run: a table, or the summary, of the session that the run remembers where it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from stress.measure.session.session import Measured, Remembering, measured
from stress.records.source import Source

__all__ = ["session_of", "summary", "table"]


def table(run: Source, name: str, **given: Any) -> pa.Table:
    """Return a table of a run: ``TABLES`` names them and documents their columns.

    Options: ``cluster`` (the group whose samples make one cluster), ``confidence`` (0.95), ``resamples`` (2000),
    ``seed``, ``metric`` (the headline), ``break_at`` (share of clean) or ``bar`` (absolute), ``top_k``, ``bins``,
    ``by`` (groups to slice by), ``small`` (samples under which a group is marked), ``goals``, ``label_error``
    and ``label_matrix`` (wrong labels that are assumed, for ``label_noise``), ``reference`` (a run),
    ``limit`` (4 million): a run of more records is read in blocks of samples and portions of cells, with the same
    weights and results.
    A number that is undefined is null, and the column ``note`` says why. Raises InputError for an unknown table,
    option, group or metric.
    """
    return session_of(run, **given).table(name)


def summary(run: Source, **given: Any) -> Mapping[str, Any]:
    """Return a run's headline numbers as plain data, ready to print, to write or to draw; options are ``table``'s.

    ``task``, ``metric``, ``better``, ``samples``, ``cells``, ``records``; ``clean`` (value, low, high, n, failed);
    ``scenarios``: a row for each curve or ungraded scenario, each measure a mapping with value, low, high, note;
    ``statuses``: how many records ended how; ``errors``: the most frequent messages; ``warnings``: plain sentences.
    """
    return session_of(run, **given).summary()


def session_of(run: Source, **given: Any) -> Measured:
    """Return the session that a run remembers, where it is one that does, or a new one."""
    return run.measured(**given) if isinstance(run, Remembering) else measured(run, **given)
