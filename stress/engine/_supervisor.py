"""A process that stands beside a run and ends it when a call of the model lets nothing else run.

It is started as a script, imports nothing of this package, and hears at each beat how many seconds the calls that are
under way may take; 0: none is, -1: the run is over. Where no beat comes for longer than that, it says so, and sends
the signal that has the number of the exit status that the run is to end with.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

_LEAVE_S = 3.0
"""Seconds that a process has to end after it was asked to."""


def main(parent: int, spare: float, says: str) -> None:
    """Listen on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends them to all processes of a command
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    limit, doubted = 0.0, False
    while True:
        wait = None if not limit else spare if doubted else limit + spare
        if select.select([0], [], [], wait)[0]:
            heard = os.read(0, 65536)
            if not heard:
                return
            limit, doubted = float(heard.split()[-1]), False
            if limit < 0:  # the run is over; what the model left running may hold the pipe open
                return
        elif not doubted or _stopped(parent):  # all of us may have been stopped: who goes on, beats
            doubted = True
        else:
            _end(parent, says.format(limit=limit))
            return


def _stopped(process: int) -> bool:
    """Return whether a process is suspended, where the system shows that."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False


def _end(process: int, says: str) -> None:
    cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar hides it
    os.write(2, f"{cursor}\n{says}\n".encode())
    os.kill(process, signal.SIGQUIT)
    time.sleep(_LEAVE_S)
    if os.getppid() == process:
        os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
