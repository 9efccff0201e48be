"""The same records from threads, processes and a cluster, and what happens when a worker dies."""

import os
import signal
import socket
import ssl
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import scenarios
import stress
from stress.data import from_samples
from stress.data._packed import pack, unpack
from tests.worlds import CLASSES, SUITE, brightness, samples

pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _found_by_workers(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def world():
    return samples(16)


def many():
    return samples()


def few():
    """Samples of one unit, which costs a worker its life each time it is tried: starting one takes seconds."""
    return samples(2)


def in_order(run):
    return run.records().drop_columns(["seconds"]).to_pylist()


FEW = """
suite: few@1
severities: [1, 3]
scenarios:
  noise: {image: gaussian_noise}
  hiss: {audio: white_noise}
"""

QUIET = """
suite: quiet@1
severities: [3]
scenarios:
  noise: {image: gaussian_noise}
  no-sound: {audio: missing}
"""
DEADLY = {"model": "tests.test_backends:exits_without_sound", "data": "tests.test_backends:few", "suite": QUIET}


def go(out, model="tests.test_backends:instant", data="tests.test_backends:world", suite=SUITE, **settings):
    settings = {"workers": 2, "batch_size": 8, "preflight": False, **settings}
    return stress.run(model, data, scenarios.loads(suite), out, **settings)


def instant(batch):
    return brightness(batch)


def tells_its_threads(batch):
    """Answer the number of threads that the libraries of this worker may use."""
    import cv2
    import torch

    several = cv2.getNumThreads() > 1 or torch.get_num_threads() > 1
    scores = np.zeros((batch.size, 10))
    scores[:, int(several)] = 1
    return scores


tells_its_threads.classes = CLASSES


def exits_without_sound(batch):
    if any(value is None for value in batch["audio"]):
        os._exit(3)
    return brightness(batch)


exits_without_sound.classes = CLASSES


@pytest.mark.parametrize("backend", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
@pytest.mark.parametrize("data", ["named", "given"])
def test_every_backend_leaves_the_same_records(tmp_path, on_backend, backend, data):
    source = "tests.test_backends:world" if data == "named" else samples(16)
    one = go(tmp_path / "threads", data=source)
    other = go(tmp_path / backend, data=source, **on_backend(backend))
    assert in_order(one) == in_order(other)
    assert not (tmp_path / backend / ".data").exists()


@pytest.mark.parametrize("backend", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
def test_a_worker_that_dies_is_a_finding(tmp_path, backend):
    run = go(tmp_path, **DEADLY, backend=backend, workers=2 if backend == "processes" else 1)
    records = run.records().to_pylist()
    died = [row for row in records if row["cell"] == "no-sound"]
    assert {row["status"] for row in died} == {"crash"}
    assert all("worker process died" in row["error"] for row in died)
    assert {row["status"] for row in records if row["cell"] != "no-sound"} <= {"ok", "unchanged"}
    assert run.info["finished"]


@pytest.mark.slow
def test_preflight_outlives_workers_that_die(tmp_path):
    """What it asks them ends them; that is told, and the run begins."""
    run = go(tmp_path, **DEADLY, backend="processes", workers=1, preflight=True)
    assert run.info["finished"]
    assert {row["status"] for row in run.records(cells=["no-sound"]).to_pylist()} == {"crash"}


@pytest.mark.slow
def test_a_cluster_that_has_lost_all_its_workers_ends_the_run(tmp_path, monkeypatch):
    """One error, where the run would wait forever; what was finished is kept."""
    pytest.importorskip("distributed")
    from distributed import Nanny

    from stress.engine import _dask

    async def never(nanny, *_, **__):
        return None

    monkeypatch.setattr(_dask, "_LOOK_S", 0.5)
    monkeypatch.setattr(Nanny, "_on_worker_exit", never)  # who died stays dead
    with pytest.raises(stress.RunError, match="no dask worker is left"):
        go(tmp_path, **DEADLY, backend="dask", workers=1)


@pytest.mark.slow
def test_a_worker_that_takes_its_time_to_come_back_is_waited_for(tmp_path):
    """On a busy machine it takes longer than dask's patience; without nannies, a cluster would wait forever."""
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1ms"}):
        run = go(tmp_path, **DEADLY, backend="dask", workers=1)
        assert dask.config.get("distributed.deploy.lost-worker-timeout") == "1ms"
    assert run.info["finished"]
    assert {row["status"] for row in run.records().to_pylist() if row["cell"] == "no-sound"} == {"crash"}


@pytest.mark.parametrize("backend", ["threads", "processes", pytest.param("dask", marks=pytest.mark.slow)])
def test_a_worker_uses_one_thread(tmp_path, backend, monkeypatch):
    pytest.importorskip("torch")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    given = {"data": "tests.test_backends:few", "suite": QUIET, "workers": 1 if backend == "processes" else 2}
    run = go(tmp_path, model="tests.test_backends:tells_its_threads", backend=backend, **given)
    assert set(run.records()["prediction"].to_pylist()) == {"0"}


def test_an_object_without_a_name_is_refused(tmp_path):
    with pytest.raises(stress.ModelError, match="must be named"):
        go(tmp_path, model=brightness, backend="processes")


def test_a_scheduler_without_dask_is_refused(tmp_path):
    with pytest.raises(stress.InputError, match="scheduler goes with backend dask"):
        go(tmp_path, scheduler="tcp://127.0.0.1:1")


def test_packing_keeps_every_value(tmp_path):
    given = [*samples(10), samples()[11].with_streams({"image": None, "audio": stress.Audio(np.zeros((2, 0)), 8000)})]
    one = from_samples(given)
    other = unpack(pack(one, tmp_path / "packed"))
    assert other.ids == one.ids
    assert other.fingerprint == one.fingerprint
    assert other.index.groups == one.index.groups
    for a, b in zip(one, other, strict=True):
        assert (a.id, a.target, dict(a.groups), a.sequence, a.time) == (
            b.id,
            b.target,
            dict(b.groups),
            b.sequence,
            b.time,
        )
        assert a.alternates == b.alternates
        for name, value in a.streams.items():
            if value is None or isinstance(value, str):
                assert b.streams[name] == value
            elif isinstance(value, stress.Audio):
                np.testing.assert_array_equal(value.samples, b.streams[name].samples)
                assert value.rate == b.streams[name].rate
            else:
                np.testing.assert_array_equal(value, b.streams[name])


def reads_its_weights():
    """A factory whose model is what a file says at the time."""
    shift = int(Path(os.environ["STRESS_TEST_SHARED"], "weights").read_text())
    return lambda batch: np.roll(brightness(batch), shift, axis=1)


@pytest.mark.parametrize("backend", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
def test_a_model_that_was_trained_anew_is_loaded_anew(tmp_path, on_backend, shared, backend):
    weights = shared / "weights"
    found = []
    for shift in (0, 3):
        weights.write_text(str(shift))
        given = {"workers": 1, "suite": QUIET, **on_backend(backend)}
        run = go(tmp_path / str(shift), model="tests.test_backends:reads_its_weights", **given)
        found.append(run.records()["prediction"].to_pylist())
    assert found[0] != found[1]


def notes_where_it_is_loaded():
    """A factory that writes down the process that called it."""
    with open(os.environ["STRESS_TEST_LOADED"], "a") as notes:
        notes.write(f"{os.getpid()}\n")
    return brightness


@pytest.mark.parametrize("backend", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
def test_only_workers_load_the_model_and_each_once(tmp_path, backend, monkeypatch):
    notes = tmp_path / "loaded"
    monkeypatch.setenv("STRESS_TEST_LOADED", str(notes))
    go(tmp_path / "run", model="tests.test_backends:notes_where_it_is_loaded", backend=backend, preflight=True)
    loaded = notes.read_text().split()
    assert str(os.getpid()) not in loaded
    assert 1 <= len(loaded) == len(set(loaded)) <= 2


@pytest.mark.parametrize("backend", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
def test_the_models_module_is_imported_by_workers_alone(tmp_path, backend, monkeypatch):
    name = f"known_to_{backend}_only"
    (tmp_path / f"{name}.py").write_text("from tests.worlds import brightness as predict\n")
    monkeypatch.chdir(tmp_path)
    run = go(tmp_path / "run", model=f"{name}:predict", data=samples(10), suite=QUIET, workers=1, backend=backend)
    assert run.info["finished"]
    assert name not in sys.modules


def cannot_be_made():
    """A factory whose weights are not there."""
    raise FileNotFoundError("weights.safetensors")


def takes_the_worker_down():
    """A factory that ends its process."""
    os._exit(3)


@pytest.mark.parametrize("backend", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cannot_be_made", "the factory .*cannot_be_made raised FileNotFoundError"),
        ("takes_the_worker_down", "takes_the_worker_down cannot be loaded by a worker: "),
        ("is_not_there", "has no 'is_not_there'"),
    ],
)
def test_a_model_that_workers_cannot_load_is_told_at_once(tmp_path, backend, name, says):
    with pytest.raises(stress.StressError, match=says):
        go(tmp_path / "run", model=f"tests.test_backends:{name}", workers=1, backend=backend)
    assert not (tmp_path / "run").exists()


def killed_once(batch):
    """Answer by brightness; the twelfth call of all is killed from outside, as if by an operator."""
    with open(os.environ["STRESS_TEST_LOADED"], "a") as notes:
        notes.write("x")
        notes.flush()
        if notes.tell() == 12:
            os.kill(os.getpid(), signal.SIGKILL)
    return brightness(batch)


@pytest.mark.parametrize("backend", ["processes", pytest.param("dask", marks=pytest.mark.slow)])
def test_a_worker_that_is_killed_once_costs_no_record(tmp_path, backend, monkeypatch):
    notes = tmp_path / "notes"
    notes.write_text("x" * 11)
    monkeypatch.setenv("STRESS_TEST_LOADED", str(notes))
    model = "tests.test_backends:killed_once"
    with pytest.raises(stress.ModelError, match="must answer clean input, but raised"):  # the very first question
        go(tmp_path / "early", model=model, backend=backend)
    notes.write_text("")
    monkeypatch.setattr("stress.engine._execute.canaries", lambda *given: {})
    run = go(tmp_path / backend, model=model, backend=backend)
    assert len(notes.read_text()) > 12
    assert in_order(run) == in_order(go(tmp_path / "threads"))


_leaked = []


def leaks_memory(batch):
    """Answer by brightness, and keep some MB each time; note who answers.

    Where a limit is set, a fresh process is brought to one size whatever its libraries take, and one that has passed
    the limit waits to be ended: what happens then depends on neither the machine nor on who looks how often. (A pool
    of processes looks after an answer, once a second; here after each.)
    """
    import psutil
    from joblib.externals.loky import process_executor

    def size():
        return psutil.Process().memory_info().rss / 2**20

    most = float(os.environ.get("STRESS_TEST_MOST_MB", "inf"))
    if not _leaked and most < float("inf"):
        _leaked.append(np.ones(max(0, int((FRESH_MB - size()) * 2**17))))
    process_executor._MEMORY_LEAK_CHECK_DELAY = 0.0
    _leaked.append(np.ones((100 if most == float("inf") else 10) * 2**17))
    with open(os.environ["STRESS_TEST_LOADED"], "a") as notes:
        notes.write(f"{os.getpid()}\n")
    until = time.monotonic() + 60
    while size() > most and time.monotonic() < until:
        time.sleep(0.05)
    return brightness(batch)


FRESH_MB, MOST_MB = 900, 1250  # the fourth unit of a worker is too much for it


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["processes", "dask"])
def test_a_model_that_leaks_memory_costs_its_workers_but_no_record(tmp_path, backend, monkeypatch):
    """Workers that have grown are ended – by the pool, or by dask at its memory limit – and their units done again."""
    dask = pytest.importorskip("dask")
    system = pytest.importorskip("distributed.system")  # now: its defaults would go with the settings
    notes = tmp_path / "notes"
    monkeypatch.setenv("STRESS_TEST_LOADED", str(notes))
    data = "many" if backend == "dask" else "world"
    given = {"data": f"tests.test_backends:{data}", "suite": FEW, "batch_size": 4}
    whole = go(tmp_path / "threads", **given)
    if backend == "dask":
        monkeypatch.setenv("STRESS_TEST_MOST_MB", str(MOST_MB))
    most = MOST_MB * 2**20 / (system.MEMORY_LIMIT / 2)  # each of two workers is given half of all
    with dask.config.set({"distributed.worker.memory.terminate": most, "distributed.worker.memory.pause": False}):
        run = go(tmp_path / "run", model="tests.test_backends:leaks_memory", backend=backend, **given)
    assert in_order(run) == in_order(whole)
    assert len(set(notes.read_text().split())) > 2


@pytest.mark.slow
def test_a_cluster_that_has_no_worker_yet_is_waited_for(tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        0, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        cluster.adapt(minimum=0, maximum=1)
        run = go(tmp_path / "grown", backend="dask", scheduler=cluster.scheduler_address, workers=None)
    assert in_order(run) == in_order(go(tmp_path / "threads"))


def refused(address, context=None):
    """Whether a scheduler hangs up on who speaks to it in this way, without a word of its own but TLS alerts."""
    host, port = address.split("://")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as plain:
        try:
            if context is None:
                plain.sendall(b"\x08" + bytes(15))
                return plain.recv(1 << 16)[:1] in (b"", b"\x15")  # hung up, or a TLS alert
            with context.wrap_socket(plain) as spoken:  # of TLS 1.3 the other side judges after the handshake
                return spoken.recv(1 << 16) == b""
        except (ssl.SSLError, ConnectionError):
            return True


@pytest.mark.slow
def test_nobody_else_can_speak_to_the_cluster_of_a_run():
    distributed = pytest.importorskip("distributed")
    from stress.engine._dask import _local_cluster

    nameless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nameless.check_hostname, nameless.verify_mode = False, ssl.CERT_NONE
    stranger = distributed.security.Security.temporary().get_connection_args("client")["ssl_context"]
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE  # who lies in wait does not look
    with _local_cluster(1) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://127.0.0.1:")
        assert [refused(address, how) for how in (None, nameless, stranger)] == [True] * 3
        own = cluster.security.get_connection_args("client")["ssl_context"]
        assert not refused(address, own)
        with distributed.Client(cluster) as ours:
            assert ours.submit(abs, -1).result() == 1
