"""How batches reach a device, and what runs beside what: told by the order of events, on a device that is none."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

import stress
from perturbations import Sample
from stress.data import from_samples
from stress.models.adapters._copies import Copies


class Device:
    """Notes what is asked of it as torch and a GPU would be: which stream it was asked on, and in which order."""

    def __init__(self):
        self.events, self.made = [], 0
        self.inner = threading.local()
        self.compute = SimpleNamespace(name="compute", wait_stream=lambda other: self.note("compute waits", other.name))
        self.cuda = SimpleNamespace(
            stream=self._on, Stream=self._stream, current_stream=lambda place: getattr(self.inner, "on", self.compute)
        )

    def note(self, *event):
        self.events.append(event)

    def _stream(self, place):
        self.made += 1
        return SimpleNamespace(name=f"lane {self.made}")

    @contextmanager
    def _on(self, stream):
        self.inner.on = stream
        yield
        del self.inner.on

    def from_numpy(self, array):
        assert array.flags.c_contiguous
        return Tensor(self, array)


class Tensor:
    def __init__(self, device, array, pinned=False):
        self.device, self.array, self.pinned = device, array, pinned

    def pin_memory(self):
        return Tensor(self.device, self.array.copy(), True)

    def to(self, place, non_blocking=False):
        if place.type == "cuda":
            assert non_blocking == self.pinned  # a copy from other memory would not be one that waits for nobody
            self.device.note("copy", self.device.cuda.current_stream(place).name)
        return Tensor(self.device, self.array)

    def record_stream(self, stream):
        self.device.note("kept for", stream.name)


GPU, CPU = SimpleNamespace(type="cuda"), SimpleNamespace(type="cpu")


def test_copies_go_on_a_stream_of_their_own_and_what_computes_waits_for_them():
    device = Device()
    moved = Copies(device, GPU)({"image": np.arange(12.0).reshape(3, 4).T, "sound": np.ones(2)})
    assert list(moved) == ["image", "sound"]
    assert np.array_equal(moved["image"].array, np.arange(12.0).reshape(3, 4).T)
    assert device.events == [
        ("copy", "lane 1"), ("copy", "lane 1"), ("compute waits", "lane 1"),
        ("kept for", "compute"), ("kept for", "compute"),
    ]  # fmt: skip


def test_each_thread_has_one_stream_and_keeps_it():
    device, copies = Device(), None
    copies = Copies(device, GPU)

    def twice():
        copies({"x": np.ones(1)})
        copies({"x": np.ones(1)})

    for _ in range(2):
        thread = threading.Thread(target=twice)
        thread.start()
        thread.join()
    assert [event[1] for event in device.events if event[0] == "copy"] == ["lane 1", "lane 1", "lane 2", "lane 2"]


def test_where_there_is_no_gpu_nothing_is_pinned():
    device = Device()
    assert np.array_equal(Copies(device, CPU)({"x": np.ones(3)})["x"].array, np.ones(3))
    assert device.events == []


class Overlapping:
    """A model of which one call returns only when another batch has been perturbed meanwhile."""

    classes = ("a", "b")
    reads_only = True

    def __init__(self, waits):
        self.waits, self.lock = waits, threading.Lock()
        self.inside = self.most = self.made = 0
        self.made_since = threading.Event()

    def perturbed(self):
        with self.lock:
            self.made += 1
            if self.inside:
                self.made_since.set()

    def __call__(self, batch):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            mine = self.waits and self.made > 0
            self.waits = self.waits and not mine
        if mine:
            assert self.made_since.wait(60), "nothing was perturbed while the model was answering"
        with self.lock:
            self.inside -= 1
        return ["ab"[len(text) % 2] for text in batch["text"]]


@pytest.fixture
def noticed(monkeypatch):
    """Have every stream's work within a unit told to the models that are named; checks before the run have none."""
    from stress.engine import _unit

    whole, records, told, begun = _unit.work_on, _unit.Job.records, [], threading.Event()

    def work_on(cell, *rest):
        found = whole(cell, *rest)
        for model in told if begun.is_set() else ():
            model.perturbed()
        return found

    def noted(self, *what):
        begun.set()
        return records(self, *what)

    monkeypatch.setattr(_unit, "work_on", work_on)
    monkeypatch.setattr(_unit.Job, "records", noted)
    return told


def records(model, folder, workers):
    rows = [Sample(f"s{i}", {"text": f"Sentence number {i} is read aloud."}, target="ab"[i % 2]) for i in range(8)]
    suite = {"suite": "own@1", "severities": [1, 2, 3], "scenarios": {"typos": {"text": "keyboard_typos"}}}
    run = stress.run(
        model, from_samples(rows), suite, folder, workers=workers, batch_size=4, preflight=False, signals="none"
    )
    table = run.records().to_pandas().sort_values(["cell", "sample"]).reset_index(drop=True)
    return table.drop(columns=[name for name in table if "seconds" in name or "latency" in name])


def test_the_next_batch_is_perturbed_while_the_model_answers(tmp_path, noticed):
    """By the order of events: a model that waits for it comes back. The records are those of one after the other."""
    both = Overlapping(waits=True)
    noticed.append(both)
    beside = records(both, tmp_path / "two", workers=2)
    assert not both.waits
    assert both.made_since.is_set()
    assert set(beside["status"]) == {"ok"}
    assert both.most <= 2  # two batches are under way at most
    plain = records(Overlapping(waits=False), tmp_path / "one", workers=1)
    assert beside.equals(plain)
