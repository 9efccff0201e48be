"""What befalls the machine: deadlines, memory, threads, batches, weights and late inputs, on no stream."""

import os
import sys
from itertools import pairwise

import numpy as np
import pytest

import perturbations
import scenarios
import stress
from perturbations import InputError, ModelError, Sample, SpecError
from perturbations.machine import Terms, terms_of
from stress.data import from_samples
from stress.engine import Settings, execute, plan_run
from stress.engine._ask import Answered
from stress.engine._machine import judged, waits
from stress.gate._read import selection_of
from stress.models import Replies
from tests.worlds import CLASSES, brightness, samples

STREAMS = {"image": "image", "audio": "audio", "text": "text"}
LONG, SHORT = 1e8, 0.0
"""Deadlines in ms that every answer keeps, and that none does: no load of a machine changes what comes of them."""


def suite(**named):
    return {"suite": "own@1", "severities": [2], "scenarios": named}


def records(run):
    """Records by cell, sample and draw, but for what a clock says."""
    rows = run.records().to_pylist()
    rows.sort(key=lambda row: (row["cell"], row["sample"], row["draw"]))
    return [str({name: value for name, value in row.items() if name != "seconds"}) for row in rows]


def statuses(run):
    found = {}
    table = run.records(None, ["cell", "status"]).to_pylist()
    for row in table:
        found.setdefault(row["cell"], {}).setdefault(row["status"], 0)
        found[row["cell"]][row["status"]] += 1
    return found


# -- what is declared, and what becomes of it in a grid


@pytest.mark.parametrize("name", perturbations.names("machine"))
def test_every_level_changes_the_terms_and_no_stream(name):
    declared = perturbations.get(name)
    assert declared.kind == "machine"
    assert declared.modalities == ()
    levels = range(1, declared.top() + 1) if declared.graded else [None]
    found = [terms_of([(name, declared.settings(level))]) for level in levels]
    assert all(one != Terms() for one in found)
    assert all(one != other for one, other in pairwise(found))
    with pytest.raises(InputError, match="changes no value, but how a model may answer"):
        perturbations.apply(name, "a text", 1)


def test_levels_grow_harder():
    def of(name, field):
        declared = perturbations.get(name)
        return [getattr(terms_of([(name, declared.settings(s))]), field) for s in range(1, declared.top() + 1)]

    assert of("machine.deadline", "deadline_ms") == sorted(of("machine.deadline", "deadline_ms"), reverse=True)
    assert of("machine.memory", "headroom_mb") == sorted(of("machine.memory", "headroom_mb"), reverse=True)
    assert of("machine.batch", "batch") == sorted(of("machine.batch", "batch"))
    assert of("machine.slow_input", "delay_ms") == sorted(of("machine.slow_input", "delay_ms"))


def planned(**named):
    return scenarios.expand(scenarios.loads(suite(**named)), STREAMS).cells


def test_a_machine_crosses_with_a_stream_in_the_same_grid():
    cells = planned(x={"machine": {"name": "weights", "to": ["int8", "bf16"]}, "image": "fog", "severities": [1, 3]})
    assert {(c.axes["severity"], c.axes["to"]) for c in cells[1:]} == {(s, t) for s in (1, 3) for t in ("int8", "bf16")}
    assert all(
        c.streams == ("image",) and [m.perturbation for m in c.machine] == ["machine.weights"] for c in cells[1:]
    )
    night = planned(x={"machine": "deadline", "image": ["low_light", "shot_noise"], "grid": "each"})
    assert [c.streams for c in night[1:]] == [(), ("image",), ("image",)]
    subsets = planned(
        x={"machine": {"name": "threads", "count": 2}, "image": "fog", "audio": "babble", "grid": "subsets"}
    )
    assert [(c.streams, len(c.machine)) for c in subsets[1:]] == [
        (("image",), 1), (("audio",), 1), (("image", "audio"), 1)
    ]  # fmt: skip


def test_a_cell_is_another_one_where_its_machine_is():
    """What the model is given is the same, and its answers are not: nothing may be asked once for both."""
    fog = {"image": "fog"}
    plain, two, four, again = planned(
        a=fog,
        b={**fog, "machine": {"name": "threads", "count": 2}},
        c={**fog, "machine": {"name": "threads", "count": 4}},
        d={**fog, "machine": {"name": "threads", "count": 2}},
    )[1:]
    contents = [scenarios.content(cell) for cell in (plain, two, four, again)]
    assert len(set(contents)) == 3
    assert contents[1] == contents[3]
    alone = planned(a={"machine": "deadline"})[1]
    assert scenarios.content(alone) != scenarios.content(scenarios.CLEAN)


def test_fallbacks_of_a_machine_keep_it():
    cells = planned(
        x={"machine": "deadline", "image": "fog", "fallbacks": ["drop"]}, y={"machine": "memory", "fallbacks": ["drop"]}
    )
    dropped = [cell for cell in cells if cell.fallback]
    assert [cell.id for cell in dropped] == ["x:2~drop:image"]
    assert [c.perturbation for c in dropped[0].machine] == ["machine.deadline"]
    assert scenarios.perturb(dropped[0], samples(1)[0], None, 0).streams["image"] is None


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        ({"image": "deadline"}, "machine.deadline befalls no stream: it stands under machine:"),
        ({"image": "machine.deadline"}, "machine.deadline: must stand under machine:, got image"),
        ({"machine": ["deadline", {"name": "deadline", "limit_ms": 3}]}, "machine.deadline must stand once in a cell"),
        ({"machine": {"name": "threads", "count": 0}}, r"must be in \[1, 4096\] threads, got 0"),
        ({"machine": {"name": "threads", "count": 1.5}}, "must be a whole number of threads"),
        ({"machine": {"name": "weights", "to": "int4"}}, "must be one of bf16, int8, got 'int4'"),
        ({"machine": "deadlin"}, "Did you mean machine.deadline"),
        ({"machine": {"name": "deadline", "key": "storm"}}, "key must not be given: no stream shares it"),
        ({"machine": "weights", "image": "attack.fgsm"}, "machine.weights must not stand beside attack.fgsm"),
        ({"machine": "deadline", "grid": "subsets"}, "must touch a stream, got the machine alone"),
        (
            {"machine": "deadline", "image": "fog", "timeline": {"shape": "ramp"}},
            "a timeline moves streams: give it a severity of its own",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_where_it_stands(scenario, says):
    with pytest.raises(SpecError, match=says):
        scenarios.loads(suite(x=scenario))


# -- deadlines and late inputs, by a clock that is stated


def told(seconds, batch):
    count = len(seconds)
    status, scores = ["ok"] * count, {"score": np.ones(count)}
    return Answered(status, {}, scores, np.array(seconds, float), np.array(batch, np.int32))


def test_an_answer_counts_by_the_time_of_its_call():
    found = judged(told([0.2, 0.2, 0.04, 0.06], [2, 2, 1, 1]), Terms(deadline_ms=50), np.zeros(4))
    assert found.status == ["late", "late", "ok", "late"]
    assert set(found.errors.values()) == {"the answer came after the deadline of 50 ms"}
    assert list(found.failed) == [True, True, False, True]
    exact = judged(told([0.05], [1]), Terms(deadline_ms=50), np.zeros(1))
    assert exact.status == ["ok"]


def test_a_batch_waits_for_the_last_of_its_inputs():
    late_by = np.array([0.0, 0.3, 0.1])
    together = judged(told([1.0] * 3, [3] * 3), Terms(), late_by)
    alone = judged(told([1.0] * 3, [1] * 3), Terms(), late_by)
    assert together.seconds.tolist() == [1.3, 1.3, 1.3]
    assert alone.seconds.tolist() == [1.0, 1.3, 1.1]


def test_a_failure_is_no_late_answer():
    one = told([9.0, 9.0], [1, 1])
    one.status[0] = "crash"
    assert judged(one, Terms(deadline_ms=1), np.zeros(2)).status == ["crash", "late"]


def test_jitter_is_exponential_and_one_draw_at_all_levels():
    names = [f"s{i}" for i in range(4000)]

    def of(severity, seed=0, draw=0):
        cell = planned(x={"machine": {"name": "slow_input", "severity": severity}})[1]
        return waits(cell, names, seed, draw)

    low, high = of(1), of(5)
    mean = perturbations.get("machine.slow_input").settings(5)
    assert np.allclose((low - 0.020) / 0.005, (high - 0.500) / 0.100)
    luck = (high - mean["delay_ms"] / 1e3) / (mean["jitter_ms"] / 1e3)
    assert luck.min() >= 0
    assert abs(luck.mean() - 1) < 4 / np.sqrt(len(names))  # mean and deviation of the exponential are equal
    assert abs((luck > np.log(2)).mean() - 0.5) < 4 * 0.5 / np.sqrt(len(names))
    assert not np.array_equal(of(1, draw=1), low)
    assert not np.array_equal(of(1, seed=1), low)
    assert np.array_equal(waits(planned(x={"machine": "slow_input"})[1], names[7:9], 0, 0), low[7:9] * 0 + of(2)[7:9])


def stated(batch):
    """A model that says how long each answer took: as many ms as its text has characters."""
    took = [{"seconds": len(text) / 1e3} for text in batch["text"]]
    return Replies([["0", "1"][len(text) % 2] for text in batch["text"]], took)


stated.classes = ["0", "1"]


def sentences():
    texts = ["x" * (3 * i + 2) for i in range(20)]
    return from_samples([Sample(f"s{i}", {"text": t}, target=str(len(t) % 2)) for i, t in enumerate(texts)])


def test_a_stated_time_decides_sample_by_sample(tmp_path):
    own = suite(d={"machine": {"name": "deadline", "levels": {"limit_ms": [100, 40, 20]}}, "severities": [1, 2, 3]})
    run = stress.run(model=stated, data=sentences(), suite=own, out=tmp_path / "run", preflight=False)
    lengths = np.array([3 * i + 2 for i in range(20)])
    assert {c: s.get("late", 0) for c, s in statuses(run).items()} == {
        "clean": 0, "d:1": 0, "d:2": (lengths > 40).sum(), "d:3": (lengths > 20).sum()
    }  # fmt: skip
    accuracy = {r["cell"]: r["value"] for r in run.table("cells").to_pylist() if r["metric"] == "accuracy"}
    assert accuracy == pytest.approx(
        {"clean": 1, "d:1": 1, "d:2": (lengths <= 40).mean(), "d:3": (lengths <= 20).mean()}
    )
    planned = plan_run(stated, sentences(), scenarios.loads(own), None, Settings(preflight=False))
    again = execute(planned, tmp_path / "run")
    assert again.failed == 0  # what came too late was answered: it is not asked again
    assert again.reused == len(planned.units)


# -- in threads and in processes

UNEVEN = {"name": "slow_input", "delay_ms": 0, "jitter_ms": 1e7}
MIXED = suite(
    deadline={"machine": {"name": "deadline", "levels": {"limit_ms": [LONG, SHORT]}}, "severities": [1, 2]},
    night={"machine": {"name": "deadline", "limit_ms": LONG}, "image": "low_light"},
    uneven={"machine": [UNEVEN, {"name": "deadline", "limit_ms": 5e6}, {"name": "batch", "size": 1}]},
    large={"machine": {"name": "batch", "size": 64}},
)  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    told = {"model": "demo", "data": "demo", "suite": MIXED, "limit": 16, "batch_size": 8, "preflight": False}
    return (
        stress.run(**told, out=folder / "threads", workers=2),
        stress.run(**told, out=folder / "processes", workers=2, backend="processes"),
    )


def test_deadlines_on_the_demo_are_equal_on_threads_and_processes(pair):
    threads, processes = pair
    assert records(threads) == records(processes)
    found = statuses(threads)
    assert found["deadline:1"] == {"ok": 16}
    assert found["deadline:2"] == {"late": 16}
    assert found["night:2"] == {"ok": 16}
    assert set(found["uneven"]) == {"ok", "late"}


def test_late_by_chance_is_by_the_samples_own_draw(pair):
    """The margin is seconds, of jitter whose mean is hours: no load of this machine changes which answers are late."""
    run, _ = pair
    names = dict(zip(run.samples["order"].to_pylist(), run.samples["id"].to_pylist()))
    cell = scenarios.expand(scenarios.loads(MIXED), STREAMS).cells
    late_by = waits(next(c for c in cell if c.id == "uneven"), list(names.values()), 0, 0)
    assert np.abs(late_by - 5e3).min() > 10
    rows = run.records(["uneven"], ["sample", "status"]).to_pylist()
    assert {names[r["sample"]]: r["status"] == "late" for r in rows} == dict(zip(names.values(), late_by > 5e3))


def test_a_batch_is_as_large_as_the_machine_says(pair):
    run, _ = pair
    sizes = {c: set(run.records([c], ["batch"])["batch"].to_pylist()) for c in ("clean", "uneven", "large")}
    assert sizes == {"clean": {8}, "uneven": {1}, "large": {16}}


def test_a_machine_is_a_family_of_its_own_in_every_table(pair):
    run, _ = pair
    rows = {row["cell"]: row for row in run.cells.to_pylist()}
    assert rows["deadline:2"]["modality"] == "machine"
    assert rows["deadline:2"]["streams"] == []
    assert rows["night:2"]["modality"] == "image+machine"
    curves = {(r["scenario"], r["modality"]) for r in run.table("curves").to_pylist()}
    assert curves == {("deadline", "machine"), ("night", "image+machine")}
    names = "cells robustness stability signals severities cost latency contributions dropping distortion failures"
    for name in names.split():
        found = run.table(name).to_pylist()
        assert all(r.get("modality") in (None, "", "machine", "image+machine") for r in found)
    for term, cells in {
        "image": set(),
        "machine": {"deadline:1", "deadline:2", "uneven", "large"},
        "image+machine": {"night:2"},
    }.items():
        assert set(selection_of(f"{{modality: {term}}}").cells(run)) == cells
    assert selection_of("{stream: image}").cells(run) == []


def test_the_report_has_a_panel_for_the_machine(pair):
    from stress.report import write_report

    run, _ = pair
    text = write_report(run).read_text(encoding="utf-8")
    assert ">Machine<" in text
    assert "machine.deadline" in text


# -- memory


def hungry(batch):
    """A model that asks for a gigabyte for every dark picture, at once and unused."""
    for value in batch["image"]:
        if value is not None and value.mean() < 40:
            np.empty(2**30, np.uint8)
    return brightness(batch)


hungry.classes = CLASSES


def dies(batch):
    """A model whose library ends the process where there is no memory."""
    try:
        return hungry(batch)
    except MemoryError:
        os._exit(1)


dies.classes = CLASSES

SMALL = suite(
    small={"machine": {"name": "memory", "headroom_mb": 256}, "image": {"name": "low_light", "severity": 5}},
    room={"machine": {"name": "memory", "headroom_mb": 1e6}, "image": {"name": "low_light", "severity": 5}},
    light={"machine": {"name": "memory", "headroom_mb": 256}},
    after={"image": {"name": "low_light", "severity": 5}},
)


def dark_and_light():
    """Pictures of which only some are dark at the highest severity."""
    found = []
    for i, sample in enumerate(samples(12)):
        level = 250 if i % 3 else 90
        found.append(sample.with_streams({"image": np.full((16, 16, 3), level, np.uint8)}))
    return from_samples([Sample(s.id, s.streams, target=s.target) for s in found])


@pytest.mark.skipif(sys.platform != "linux", reason="a process's size is told by Linux alone")
@pytest.mark.parametrize("model", ["hungry", "dies"])
def test_too_little_memory_is_a_crash_and_the_worker_lives_on_or_is_replaced(tmp_path, model):
    run = stress.run(
        model=f"tests.test_machine:{model}", data=dark_and_light(), suite=SMALL, out=tmp_path / "run",
        workers=1, backend="processes", preflight=False, batch_size=4,
    )  # fmt: skip
    found = statuses(run)
    crashed = {"crash": 4, "ok": 8} if model == "hungry" else {"crash": 12}  # a dead worker takes its unit along
    assert found["small"] == crashed
    assert found["room"] == found["light"] == found["after"] == {"ok": 12}
    says = [r["error"] for r in run.records(["small"], ["status", "error"]).to_pylist() if r["status"] == "crash"]
    assert all(
        "Unable to allocate 1.00 GiB" in s if model == "hungry" else "the worker process died" in s for s in says
    )


# -- what is not to be here


class Fixed:
    """Not a torch module."""

    classes = CLASSES

    def __call__(self, batch):
        return brightness(batch)


@pytest.mark.parametrize(
    ("machine", "how", "says"),
    [
        ("memory", {}, r"x:2: machine.memory needs workers in processes of their own \(--backend processes\)"),
        ({"name": "threads", "count": 1}, {"workers": 2}, r"machine.threads needs one worker, or workers in processes"),
        (
            {"name": "threads", "count": 4096},
            {"workers": 1},
            "count must be at most .*, the processors of this machine",
        ),
        ({"name": "weights", "to": "int8"}, {}, "machine.weights int8 is not for Fixed: it shows no torch module"),
        ({"name": "weights", "to": "bf16"}, {}, "machine.weights bf16 is not for Fixed: it shows no torch module"),
    ],
)
def test_what_these_workers_or_this_model_cannot_show_is_refused_before_any_work(tmp_path, machine, how, says):
    with pytest.raises((InputError, ModelError), match=says):
        stress.run(
            model=Fixed(), data="demo", suite=suite(x={"machine": machine}), out=tmp_path / "run", limit=8, **how
        )
    assert not (tmp_path / "run").exists()


def test_the_built_in_suite_says_what_it_left_out():
    plan = plan_run(Fixed(), "demo", "machine", None, Settings(workers=2)).plan
    reasons = dict(plan.left_out)
    assert set(reasons) == {"small-memory", "two-threads", "int8", "bf16", "int8-night"}
    assert "no torch module" in reasons["int8"]
    assert {c.scenario for c in plan.cells} == {"clean", "deadline", "large-batches", "late-inputs", "late-babble"}


def test_threads_are_those_of_the_cell(tmp_path):
    pools = pytest.importorskip("threadpoolctl")
    import cv2

    seen = []

    def counting(batch):
        seen.append((cv2.getNumThreads(), {p["num_threads"] for p in pools.threadpool_info()}))
        return brightness(batch)

    counting.classes = CLASSES
    own = suite(one={"machine": {"name": "threads", "count": 1}})
    before = cv2.getNumThreads()
    stress.run(model=counting, data="demo", suite=own, out=tmp_path / "run", limit=8, workers=1, preflight=False)
    assert seen[-1] == (1, {1})
    assert cv2.getNumThreads() == before
