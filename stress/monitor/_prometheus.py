"""What a monitor knows now, as Prometheus reads it: a file that is replaced whole, and an endpoint on loopback."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from perturbations import InputError, RunError
from perturbations.errors import named_keywords, short
from stress.monitor._history import History

__all__ = ["metrics_text", "serve_metrics", "write_metrics"]

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@named_keywords
def metrics_text(history: History) -> str:
    """Return the state of a history in Prometheus' text format 0.0.4."""
    lines: list[str] = []
    last = (history.rows("SELECT * FROM windows ORDER BY id DESC LIMIT 1") or [{}])[0]
    total = history.rows("SELECT count(*) AS windows, coalesce(sum(n), 0) AS inputs FROM windows")[0]
    _add(lines, "windows_total", "counter", "Windows that ended.", [({}, total["windows"])])
    _add(lines, "inputs_total", "counter", "Inputs in them.", [({}, total["inputs"])])
    for name, says, table in (
        ("alerts_total", "Alerts by kind.", "SELECT kind, count(*) AS count FROM alerts GROUP BY kind"),
        ("exceptions_total", "What could not be used, by kind.", "SELECT kind, count FROM exceptions"),
    ):
        _add(lines, name, "counter", says, [({"kind": row["kind"]}, row["count"]) for row in history.rows(table)])
    bounds = [({"bound": name}, last.get(name)) for name in ("expected", "low", "high")]
    _add(lines, "expected_score", "gauge", "Score to expect in the last window, and its interval.", bounds)
    scenario = {"scenario": last.get("scenario") or ""}
    _add(
        lines, "equivalent_severity", "gauge", "Severity of the likeliest scenario.", [(scenario, last.get("severity"))]
    )
    for column, says in (
        ("clean", "Probability that the last window is clean."),
        ("unlike", "Whether it is unlike anything in the run."),
        ("distance", "How far from the run, over what its scenarios are apart."),
        ("seen", "Score by labels of inputs in the last window."),
    ):
        _add(lines, f"window_{column}", "gauge", says, [({}, last.get(column))])
    _add(lines, "policy_action", "gauge", "Share of inputs with the policy's commonest action.",
         [({"action": last.get("action") or ""}, last.get("action_share"))])  # fmt: skip
    rows = history.rows('SELECT signal, evidence, mean FROM signals WHERE "window" = ?', [last.get("id")])
    for column, says in (("evidence", "Evidence against clean input; 1 is an alarm."), ("mean", "Mean of the signal.")):
        _add(lines, f"signal_{column}", "gauge", says, [({"signal": row["signal"]}, row[column]) for row in rows])
    return "".join(f"{line}\n" for line in lines)


def _add(lines: list[str], name: str, kind: str, says: str, samples: Iterable[tuple[Mapping[str, str], Any]]) -> None:
    known = [(labels, float(value)) for labels, value in samples if value is not None]
    if not known:
        return
    lines += [f"# HELP stress_monitor_{name} {says}", f"# TYPE stress_monitor_{name} {kind}"]
    for labels, value in known:
        listed = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        number = (
            repr(value) if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
        )
        lines.append(f"stress_monitor_{name}{f'{{{listed}}}' if listed else ''} {number}")


def _escaped(text: str) -> str:
    kept = text.encode("utf-8", "replace").decode()
    return kept.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@named_keywords
def write_metrics(path: Path, text: str) -> None:
    """Replace a file by a text, so that who reads it sees the old one or the new one. Raises RunError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"monitor: {path} cannot be written: {error.strerror}.") from None


@named_keywords
def serve_metrics(port: int, text: Callable[[], str]) -> ThreadingHTTPServer:
    """Serve what ``text()`` returns at 127.0.0.1:PORT/metrics, by a thread; ``shutdown`` ends it.

    Requests that name another host are refused: a page in a browser may not read it under a name of its own.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise InputError(f"monitor: serve must be a port from 0 (any) to 65535, got {short(port)}.")

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "stress", ""

        def do_GET(self) -> None:
            named = (self.headers.get("Host") or "").rsplit(":", 1)[0]
            status = 403 if named not in _HOSTS else 200 if self.path.partition("?")[0] == "/metrics" else 404
            body = text().encode() if status == 200 else b""
            self.send_response(status)
            self.send_header("Content-Type", _TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise RunError(f"monitor: 127.0.0.1:{port} cannot be served: {error.strerror}.") from None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
