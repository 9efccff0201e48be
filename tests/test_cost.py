"""Cost that was measured: joules to the joule, or null and the reason; never a constant."""

import ctypes
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stress
from perturbations import InputError, RunError
from stress.cli import main
from stress.data import from_samples
from stress.data.demo import load as demo_samples
from stress.engine import _energy, _meter
from stress.engine._energy import Zone, counters, joules
from stress.engine._meter import Meter, Reading
from stress.gate import judge, loads_gates
from stress.models import Replies
from stress.report import write_report

SUITE = {"suite": "cost@1", "severities": [5], "scenarios": {"noise": {"image": "gaussian_noise"}}}
RANGE = 262_143_328_850


def powercap(folder, zones=(("intel-rapl:0", "package-0"), ("intel-rapl:1", "package-1")), at=0, most=RANGE):
    """A folder as Linux shows it: packages, what is part of one, and memory beside one."""
    for place, name in zones:
        (folder / place).mkdir(parents=True)
        (folder / place / "name").write_text(f"{name}\n")
        (folder / place / "energy_uj").write_text(f"{at}\n")
        (folder / place / "max_energy_range_uj").write_text(f"{most}\n")
    return folder


def add(folder, microjoules, zone="intel-rapl:0", most=RANGE):
    """What a processor does: count on, and begin again at the end of the range."""
    path = folder / zone / "energy_uj"
    path.write_text(f"{(int(path.read_text()) + microjoules) % most}\n")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with two packages whose counters begin again during the run, and whose idle power is 30 W."""
    folder = powercap(tmp_path / "powercap", at=RANGE - 3_000_000)
    monkeypatch.setattr(_energy, "POWERCAP", folder)
    monkeypatch.setattr(_energy, "_devices", lambda: ([], None))
    monkeypatch.setattr(_meter, "IDLE_S", 0.05)
    return folder


def spends(folder, joules_of, seen):
    """A model that spends so many joules a call, by the brightness of what it sees."""

    def predict(batch):
        spent = joules_of(seen)
        seen.append(len(batch["image"]))
        add(folder, int(spent * 1e6) // 4 * 3)
        add(folder, int(spent * 1e6) // 4, "intel-rapl:1")
        time.sleep(0.001)
        return ["0"] * len(batch["image"])

    return predict


def run_of(model, out, **more):
    data = from_samples(demo_samples()[:20], "demo")
    return stress.run(model, data, SUITE, out, preflight=False, cost=True, batch_size=5, answers="labels", **more)


def rows_of(run):
    return {(row["cell"], row["metric"]): row for row in run.table("cost").to_pylist()}


def test_energy_is_read_to_the_joule_over_packages_and_wrap_around(machine, tmp_path):
    """Whose calls spend known amounts: what the table says times the samples is their sum, to the microjoule."""
    seen = []
    run = run_of(spends(machine, lambda seen: 0.4 + 0.04 * (len(seen) % 7), seen), tmp_path / "r")
    rows = rows_of(run)
    last = 8  # calls of the grid: two cells of four
    spent = [0.4 + 0.04 * (place % 7) for place in range(len(seen))][-last:]
    cells = {"clean": spent[:4], "noise:5": spent[4:]}
    for cell, calls in cells.items():
        row = rows[cell, "energy_j"]
        assert row["value"] * 20 == pytest.approx(sum(calls), abs=1e-5)
        assert row["low"] <= row["value"] <= row["high"]
        assert row["n"] == 4
        assert row["batch"] == 5
    assert int((machine / "intel-rapl:0" / "energy_uj").read_text()) < 10_000_000  # it began again
    assert run.info["cost"]["energy_sources"] == ["package-0", "package-1"]
    assert run.info["cost"]["energy_reason"] is None
    assert run.info["cost"]["idle_w"] == pytest.approx(0, abs=1e-9)  # nobody counted while it slept
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="cost"' in page
    (verdict,) = judge(run, loads_gates("gates:\n- {metric: energy_j, max: 50}\n")).verdicts
    assert verdict.outcome == "pass"


def test_idle_power_is_measured_first(machine, monkeypatch):
    moments = iter([0.0, 2.0, 2.0])
    found, reason = counters()
    meter = Meter(found, reason, clock=lambda: next(moments))
    before = meter.read()
    add(machine, 60_000_000)
    meter.idle(before)
    assert meter.idle_w == pytest.approx(30)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, RANGE - 1),
    st.lists(st.tuples(st.floats(1e-3, 100), st.floats(0, 400)), min_size=1, max_size=30),
)
def test_wrap_around_adds_up(start, steps):
    """Whatever is spent between readings, the sum of the differences is what was spent in all."""
    zone = Zone(None, "package-0", RANGE / 1e6)
    counter, total, found = start, 0, 0.0
    for seconds, watts in steps:
        spent = int(seconds * watts * 1e6)
        after = (counter + spent) % RANGE
        found += joules(zone, counter / 1e6, after / 1e6, seconds)
        counter, total = after, total + spent
    assert found == pytest.approx(total / 1e6, abs=1e-3)


def test_parts_of_a_package_count_once_and_memory_beside_it_too(tmp_path):
    zones = (
        ("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:0:1", "uncore"),
        ("intel-rapl:0:2", "dram"), ("intel-rapl:1", "psys"),
    )  # fmt: skip
    found, reason = counters(powercap(tmp_path / "p", zones))
    assert reason is None
    assert [counter.name for counter in found] == ["package-0", "dram intel-rapl:0:2"]


def test_a_machine_that_tells_nothing_gives_null_and_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(_energy, "POWERCAP", tmp_path / "nothing")
    monkeypatch.setattr(_energy, "_devices", lambda: ([], None))
    run = run_of(lambda batch: ["0"] * len(batch["image"]), tmp_path / "r")
    row = rows_of(run)["noise:5", "energy_j"]
    assert row["value"] is row["low"] is row["high"] is None
    assert "nothing is not there" in row["note"]
    assert run.info["cost"]["idle_w"] is None
    page = write_report(run).read_text(encoding="utf-8")
    assert "nothing is not there" in page
    (verdict,) = judge(run, loads_gates("gates:\n- {metric: energy_j, max: 50}\n")).verdicts
    assert verdict.outcome == "unjudged"
    assert "nothing is not there" in verdict.message
    assert rows_of(run)["clean", "gpu_peak_mb"]["note"] == "no device was used by torch"


def test_counters_that_cannot_be_read_or_mean_nothing_say_so(tmp_path):
    unreadable = powercap(tmp_path / "a")
    (unreadable / "intel-rapl:1" / "energy_uj").unlink()
    (unreadable / "intel-rapl:1" / "energy_uj").mkdir()
    garbage = powercap(tmp_path / "b")
    (garbage / "intel-rapl:1" / "energy_uj").write_text("many")
    empty = tmp_path / "c"
    empty.mkdir()
    for folder, words in ((unreadable, "cannot be read"), (garbage, "whole number"), (empty, "no counter")):
        found, reason = counters(folder)
        assert not found  # one of two packages would be too low a sum
        assert words in reason


def test_a_counter_that_goes_backwards_is_null_with_the_reason_from_then_on(machine, tmp_path):
    calls = []

    def predict(batch):
        calls.append(1)
        add(machine, 100_000 if len(calls) != 13 else -2_000_000)
        time.sleep(0.001)
        return ["0"] * len(batch["image"])

    run = run_of(predict, tmp_path / "r")
    rows = rows_of(run)
    assert min(rows[cell, "energy_j"]["n"] for cell in ("clean", "noise:5")) < 4
    assert "went from" in run.info["cost"]["energy_reason"]
    for cell in ("clean", "noise:5"):
        row = rows[cell, "energy_j"]
        assert row["value"] is None or row["value"] == pytest.approx(0.02, abs=1e-6)
    with pytest.raises(OSError, match="too long"):
        joules(Zone(None, "package-0", 100.0), 0.0, 1.0, 1000.0)


def test_a_device_is_asked_for_its_energy(monkeypatch, tmp_path):
    """A stand-in for NVIDIA's library: two devices, one call each; a device that does not count gives the reason."""

    answers = {"code": 0}

    def put(reference, value, code=0):
        reference._obj.value = value
        return code

    library = SimpleNamespace(
        nvmlInit_v2=lambda: 0,
        nvmlDeviceGetCount_v2=lambda count: put(count, 2),
        nvmlDeviceGetHandleByIndex_v2=lambda place, handle: put(handle, 100 + place),
        nvmlDeviceGetTotalEnergyConsumption=lambda handle, found: put(
            found, 5_000 * (handle.value - 99), answers["code"]
        ),
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    found, reason = counters(powercap(tmp_path / "p"))
    assert [counter.name for counter in found][2:] == ["GPU 0", "GPU 1"]
    assert [counter.read() for counter in found][2:] == [5.0, 10.0]
    answers["code"] = 3
    found, reason = counters(tmp_path / "p")
    assert not found
    assert "GPU 0" in reason


def test_the_peak_of_memory_is_that_of_the_cell(tmp_path, monkeypatch):
    """A model that needs 300 MB for what is noisy alone."""
    monkeypatch.setattr(_meter, "IDLE_S", 0)

    def predict(batch):
        noisy = max(float(np.abs(np.diff(image.astype(float), axis=0)).mean()) for image in batch["image"]) > 40
        if noisy:
            np.ones(300_000_000, np.uint8).sum()
        return ["0"] * len(batch["image"])

    run = run_of(predict, tmp_path / "r")
    rows = rows_of(run)
    if rows["clean", "peak_mb"]["value"] is None:
        assert rows["clean", "peak_mb"]["note"]
        pytest.skip("this system does not tell")
    assert rows["noise:5", "peak_mb"]["value"] - rows["clean", "peak_mb"]["value"] > 250
    gates = "gates:\n- {metric: peak_mb, on: clean, max: 100000}\n- {metric: peak_mb, on: {scenario: noise}, max: 1}\n"
    assert [verdict.outcome for verdict in judge(run, loads_gates(gates)).verdicts] == ["pass", "fail"]


def test_processor_time_is_what_was_spent(tmp_path):
    def predict(batch):
        begun = time.process_time()
        while time.process_time() - begun < 0.02:
            pass
        return ["0"] * len(batch["image"])

    rows = rows_of(run_of(predict, tmp_path / "r"))
    for cell in ("clean", "noise:5"):
        assert rows[cell, "cpu_s"]["value"] * 5 >= 0.02  # samples of a call
        assert rows[cell, "samples_per_s"]["value"] <= 5 / 0.02


def test_columns_are_there_only_where_cost_was_asked_for(tmp_path):
    def model(batch):
        return ["0"] * len(batch["image"])

    plain = stress.run(
        model, from_samples(demo_samples()[:8], "demo"), SUITE, tmp_path / "p", preflight=False, answers="labels"
    )
    assert not {"energy_j", "cpu_s", "peak_mb"} & set(plain.columns)
    assert plain.table("cost").num_rows == 0
    assert "energy_j" not in plain.measured().metrics
    assert 'id="cost"' not in write_report(plain).read_text(encoding="utf-8")
    measured = run_of(model, tmp_path / "m")
    assert {"energy_j", "cpu_s", "peak_mb"} <= set(measured.columns)
    assert {"energy_j", "peak_mb", "samples_per_s"} <= set(measured.measured().metrics)
    with pytest.raises(RunError):  # records of a folder have one form
        stress.run(
            model, from_samples(demo_samples()[:20], "demo"), SUITE, tmp_path / "m", preflight=False, answers="labels"
        )


def test_a_run_that_is_read_in_blocks_costs_the_same(tmp_path):
    run = run_of(lambda batch: ["0"] * len(batch["image"]), tmp_path / "r")
    assert stress.measure.table(run, "cost").equals(stress.measure.table(run, "cost", limit=1))


def test_cells_done_at_once_cannot_be_told_apart(tmp_path):
    for more in ({"workers": 2}, {"backend": "processes"}, {"cost": 1}):
        with pytest.raises(InputError, match="cost"):
            stress.run("demo", "demo", SUITE, tmp_path / "r", **{"cost": True, **more})
    assert not (tmp_path / "r").exists()
    assert main(["run", "demo", "--cost", "--workers", "2", "--out", str(tmp_path / "r")]) == 2


def test_a_call_whose_rows_have_times_of_their_own_is_spent_once(machine, tmp_path):
    """A model that asks for each sample by itself and says how long that took: no joule counts twice."""

    def predict(batch):
        count = len(batch["image"])
        add(machine, 500_000)
        time.sleep(0.001)
        return Replies(["0"] * count, [{"seconds": 0.001 * (row + 1)} for row in range(count)])

    row = rows_of(run_of(predict, tmp_path / "r"))["noise:5", "energy_j"]
    assert row["value"] * 20 == pytest.approx(4 * 0.5, abs=1e-5)
    assert row["batch"] == 1


def test_what_is_worked_out_when_it_is_looked_at_belongs_to_the_answer(machine, tmp_path):
    """An answer that spends its energy late: when it is made an array."""

    class Late:
        def __init__(self, count):
            self.count = count

        def __array__(self, dtype=None, copy=None):
            if self.count:
                add(machine, 300_000)
                time.sleep(0.001)
            return np.array(["0"] * self.count)

        def __len__(self):
            return self.count

        def __getitem__(self, row):
            return "0"

    def predict(batch):
        return Late(len(batch["image"]))

    row = rows_of(run_of(predict, tmp_path / "r"))["noise:5", "energy_j"]
    assert row["value"] * 20 >= 4 * 0.3 - 1e-5


def test_a_meter_without_counters_reads_time_alone():
    meter = Meter(reason="none here")
    found = meter.since(Reading(0.0, 0.0, None))
    assert found["energy_j"] is None
    assert found["cpu_s"] > 0
    assert json.dumps(meter.says())
