"""Long recordings through every codec, on the main thread and on worker threads with small stacks.

    python -m benchmarks codecs [--seconds 60 600] [--rate 44100] [--codecs NAME …]

Each cell is a process of its own, so that an encoder that ends its process is seen: ``threads`` are two threads of 256
KiB of stack (half of what threads have where they have least) that code one recording each at the same time. Printed
are processor seconds, the process's peak memory, and whether length, both ends and the middle came back with sound.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

CODECS = ("a_law", "adpcm", "gsm", "mp3", "mu_law", "opus", "vorbis")
IN_A_PROCESS = """
import json, resource, sys, threading, time
import numpy as np
from perturbations import Audio, apply, get

name, seconds, rate, where = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
p = get(f"audio.{name}")
draws = np.random.default_rng(0).standard_normal((1, round(seconds * rate)), np.float32)
draws *= np.float32(0.1)
clip = Audio(draws.clip(-1, 1, out=draws), rate)
done, start = [], time.process_time()

def coded():
    after = apply(p, clip, p.top() if p.graded else None)
    assert after.samples.shape == clip.samples.shape and after.rate == rate
    middle = clip.frames // 2
    spans = (after.samples[0, :rate], after.samples[0, middle : middle + rate], after.samples[0, -rate:])
    assert all(float(np.square(span).mean()) > 1e-4 for span in spans)
    done.append(threading.current_thread())

if where == "main":
    coded()
else:
    threading.stack_size(256 * 1024)
    workers = [threading.Thread(target=coded) for _ in range(2)]
    [w.start() for w in workers]
    [w.join() for w in workers]
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"coded": len(set(done)), "cpu_s": time.process_time() - start, "peak_mib": memory}))
"""


def coded_in_a_process(name: str, seconds: float, rate: int, where: str) -> dict[str, float]:
    """Return what a process says that codes a recording; raises RuntimeError where it ended early or coded too few."""
    command = [sys.executable, "-c", IN_A_PROCESS, name, str(seconds), str(rate), where]
    done = subprocess.run(command, capture_output=True, text=True)
    wanted = 1 if where == "main" else 2
    found: dict[str, float] = json.loads(done.stdout) if done.returncode == 0 else {}
    if found.get("coded") != wanted:
        raise RuntimeError(f"{name} of {seconds} s on {where} ended with {done.returncode}: {done.stderr[-2000:]}")
    return found


def main(argv: list[str]) -> None:
    """Print a row for each codec, length and kind of thread."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks codecs", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", nargs="+", type=float, default=[60, 600])
    parser.add_argument("--rate", type=int, default=44_100)
    parser.add_argument("--codecs", nargs="+", default=list(CODECS), choices=CODECS)
    options = parser.parse_args(argv)
    print(f"{'codec':10}{'seconds':>9}{'where':>10}{'cpu s':>10}{'peak MiB':>10}   at {options.rate} Hz")
    failed = 0
    for seconds in options.seconds:
        for name in options.codecs:
            for where in ("main", "threads"):
                try:
                    found = coded_in_a_process(name, seconds, options.rate, where)
                except RuntimeError as error:
                    failed += 1
                    print(f"{name:10}{seconds:9g}{where:>10}   FAILED: {error}", flush=True)
                    continue
                print(
                    f"{name:10}{seconds:9g}{where:>10}{found['cpu_s']:10.1f}{found['peak_mib']:10.0f}   whole",
                    flush=True,
                )
    print(f"{failed} failed" if failed else "all came back whole")
