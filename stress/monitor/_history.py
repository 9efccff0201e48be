"""The history: one SQLite file that survives being killed, is read while it is written, and has one writer."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perturbations import RunError
from perturbations.errors import named_keywords, short

__all__ = ["FORMAT", "History", "open_history"]

FORMAT = 2
"""Version of the file's tables."""
_REMEMBERED = 1_000_000
"""Items whose ids, and whose answers, are remembered: what comes again is dropped, a late label finds its answer."""
_DETAILED = 20_000
"""Windows of which every signal is kept."""

_RECALL = 'SELECT prediction, "window", labelled FROM seen WHERE id = ?'
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
  id INTEGER PRIMARY KEY, n INTEGER, blocks INTEGER, first_item TEXT, last_item TEXT, begin REAL, "end" REAL,
  closed REAL, expected REAL, low REAL, high REAL, scenario TEXT, severity REAL, severity_low REAL, severity_high REAL,
  clean REAL, unlike INTEGER, distance REAL, action TEXT, action_share REAL, seen REAL, labelled INTEGER,
  named TEXT, scenarios TEXT);
CREATE TABLE IF NOT EXISTS signals (
  "window" INTEGER, signal TEXT, mean REAL, clean REAL, ks REAL, wasserstein REAL, psi REAL, undefined REAL,
  evidence REAL, PRIMARY KEY ("window", signal));
CREATE TABLE IF NOT EXISTS alerts (
  id INTEGER PRIMARY KEY, "window" INTEGER, look INTEGER, kind TEXT, name TEXT, says TEXT, item TEXT, time REAL,
  raised REAL, detail TEXT, sent INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS collect ("window" INTEGER, item TEXT, why TEXT, scenario TEXT, value REAL);
CREATE TABLE IF NOT EXISTS exceptions (kind TEXT PRIMARY KEY, count INTEGER, first TEXT, last TEXT);
CREATE TABLE IF NOT EXISTS seen (
  id BLOB PRIMARY KEY, number INTEGER, prediction TEXT, "window" INTEGER, labelled INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_number ON seen (number);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS evaluations (
  run TEXT, started TEXT, suite TEXT, model TEXT, data TEXT, scenario TEXT, cell TEXT, stream TEXT, severity REAL,
  metric TEXT, value REAL, low REAL, high REAL, n INTEGER, PRIMARY KEY (run, cell, metric));
"""


def digest(name: str) -> bytes:
    """Return what an id is remembered by."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12).digest()


class History:
    """A history that is open; ``write`` makes changes that happen together or not at all."""

    def __init__(self, path: Path, database: sqlite3.Connection, lock: sqlite3.Connection | None) -> None:
        self.path, self.database, self._lock = path, database, lock

    def close(self) -> None:
        """Close it, and let another monitor write."""
        self.database.close()
        if self._lock is not None:
            self._lock.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Give a transaction: all that is done in it is kept, or nothing is, whenever the process ends."""
        try:
            self.database.execute("BEGIN IMMEDIATE")
            yield self.database
            self.database.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self.database.execute("ROLLBACK")
            raise RunError(f"history: {self.path} cannot be written: {error}.") from None
        except BaseException:
            with suppress(sqlite3.Error):
                self.database.execute("ROLLBACK")
            raise

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return rows of a table as mappings."""
        try:
            found = self.database.execute(question, values)
            names = [each[0] for each in found.description]
            return [dict(zip(names, row)) for row in found.fetchall()]
        except sqlite3.Error as error:
            raise RunError(f"history: {self.path} cannot be read: {error}.") from None

    def meta(self, key: str) -> str | None:
        """Return something that was noted."""
        found = self.rows("SELECT value FROM meta WHERE key = ?", [key])
        return str(found[0]["value"]) if found else None

    def note(self, key: str, value: str) -> None:
        """Note something, inside a transaction."""
        self.database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    def insert(self, table: str, row: Mapping[str, Any]) -> int:
        """Write a row, inside a transaction, and return its number; one with the same key is replaced."""
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        values = [_plain(value) for value in row.values()]
        done = self.database.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608 - ours
        return int(done.lastrowid or 0)

    def count(self, kind: str, first: str, last: str, times: int) -> None:
        """Count what could not be used, inside a transaction; the first and the last are kept."""
        self.database.execute(
            "INSERT INTO exceptions VALUES (?, ?, ?, ?) ON CONFLICT (kind) DO UPDATE SET "
            "count = count + excluded.count, last = excluded.last",
            [_plain(kind), times, _plain(first), _plain(last)],
        )

    def remember(self, taken: Mapping[str, tuple[int, str | None, int]]) -> None:
        """Remember inputs (number, answer, window) by name, inside a transaction."""
        rows = [(digest(name), number, _plain(said), window) for name, (number, said, window) in taken.items()]
        self.database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, 0)", rows)
        if rows:
            self.database.execute("DELETE FROM seen WHERE number < ?", [rows[-1][1] - _REMEMBERED])

    def recalled(self, name: str) -> dict[str, Any] | None:
        """Return what is remembered of an input: its answer, its window, and whether its label came."""
        try:
            row = self.database.execute(_RECALL, (digest(name),)).fetchone()
        except sqlite3.Error as error:
            raise RunError(f"history: {self.path} cannot be read: {error}.") from None
        return None if row is None else dict(zip(("prediction", "window", "labelled"), row))

    def thin(self, window: int) -> None:
        """Leave of the signals of windows long ago one in twenty, inside a transaction; windows and alerts stay."""
        if window % 100 == 0:
            old = window - _DETAILED
            self.database.execute('DELETE FROM signals WHERE "window" <= ? AND "window" % 20 != 0', [old])
            self.database.execute('DELETE FROM collect WHERE "window" <= ?', [old])

    def labelled(self, name: str, score: float, window: int | None) -> None:
        """Write the score of an input whose label came, inside a transaction; ``window`` where that has ended."""
        self.database.execute("UPDATE seen SET labelled = 1 WHERE id = ?", [digest(name)])
        self.database.execute(
            "UPDATE windows SET seen = (coalesce(seen, 0) * coalesce(labelled, 0) + ?) / (coalesce(labelled, 0) + 1), "
            "labelled = coalesce(labelled, 0) + 1 WHERE id = ?",
            [score, window],
        )

    def unsent(self) -> list[dict[str, Any]]:
        """Return the latest alerts that no webhook took."""
        return self.rows("SELECT * FROM alerts WHERE sent = 0 ORDER BY id DESC LIMIT 100")[::-1]

    def sent(self, numbers: Sequence[int]) -> None:
        """Note that alerts arrived where they were sent."""
        if numbers:
            with self.write():
                self.database.executemany("UPDATE alerts SET sent = 1 WHERE id = ?", [(each,) for each in numbers])

    def keep(self, key: str, arrays: Mapping[str, Any]) -> None:
        """Keep arrays, inside a transaction."""
        written = BytesIO()
        np.savez(written, **arrays)
        self.database.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", [key, written.getvalue()])

    def kept(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays that were kept."""
        found = self.database.execute("SELECT value FROM state WHERE key = ?", [key]).fetchone()
        if found is None:
            return None
        with np.load(BytesIO(found[0])) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair is no text to SQLite
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping | list | tuple) else value


@named_keywords
def open_history(path: str | Path, *, writer: bool = False, monitor: bool = False) -> History:
    """Open a history; ``writer`` makes it where there is none, ``monitor`` is the one that no second may join.

    Raises RunError for what is none, for one of another format, and where another monitor writes to it: the lock is
    the system's, and gone when its holder is.
    """
    path = Path(path).resolve()  # one lock for a file, whatever it is called
    if not writer and not path.is_file():
        raise RunError(f"history: {path} does not exist. `stress monitor RUN INPUT` writes one.")
    lock = None
    try:
        if writer:
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(path) if monitor else None
        database = sqlite3.connect(path, timeout=30, isolation_level=None)
        _ours(database, path)
        if writer:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA cache_size = -32768")  # 32 MB: ids are looked up anywhere in a million
            database.executescript(_TABLES)
        history = History(path, database, lock)
        _agree(history, writer)
    except (sqlite3.Error, OSError) as error:
        if lock is not None:
            lock.close()
        raise RunError(f"history: {path} cannot be used as a history: {error}.") from None
    except BaseException:
        if lock is not None:
            lock.close()
        raise
    return history


def _ours(database: sqlite3.Connection, path: Path) -> None:
    """Raise RunError for the database of somebody else, before a table is added to it."""
    names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if names and not {"meta", "windows", "evaluations"} <= names:
        raise RunError(f"history: {path} must be a history, got a database with {short(', '.join(sorted(names)))}.")


def _agree(history: History, writer: bool) -> None:
    found = history.meta("format")
    if found is None and writer:
        with history.write():
            history.note("format", str(FORMAT))
            history.note("begun", f"{time.time():.3f}")
    elif found != str(FORMAT):
        raise RunError(f"history: {history.path} must be of format {FORMAT}, got {short(found)}.")


def _locked(path: Path) -> sqlite3.Connection:
    """Return a lock that the system gives back when this process ends, however it ends."""
    beside = path.with_name(f"{path.name}.lock")
    lock = sqlite3.connect(beside, timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        lock.close()
        raise RunError(
            f"history: {path} is being written by another monitor. Give this one a history of its own (--history), or "
            "end the other."
        ) from None
    return lock
