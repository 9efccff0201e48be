"""What tests share: how much is tried, and one dask cluster for all that do not ask about a cluster's own life."""

import gc
import logging
import os
import sys
from itertools import chain, islice
from pathlib import Path

import hypothesis
import pytest

# Tests start hundreds of processes, each of which would compile the whole package for itself.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from perturbations import _registry  # noqa: E402
from stress.records import metric  # noqa: E402
from tests import _amount  # noqa: E402
from tests.browser import Browser  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--exhaustive", action="store_true", help="try everything that the usual run tries a share of")


def pytest_configure(config):
    _amount.EXHAUSTIVE = config.getoption("--exhaustive")
    hypothesis.settings.register_profile(
        "usual",
        deadline=None,  # an example takes as long as the machine is busy
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        derandomize=not _amount.EXHAUSTIVE,  # the same examples each time; new ones where everything is tried
    )
    hypothesis.settings.load_profile("usual")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Let every process begin with its part of the slow tests: one that is begun last is waited for by all others.

    ``--dist worksteal`` gives each process a stretch of the list, as long for one as for another, before any steals.
    The slow tests of a file are in one stretch: what they share would be made in every process.
    """
    count = getattr(config, "workerinput", {}).get("workercount", 1)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow"):
            files.setdefault(item.path, []).append(item)
    quick = iter([item for item in items if not item.get_closest_marker("slow")])
    ends = [len(items) * k // count for k in range(count + 1)]
    stretches = [[*chain(*[*files.values()][k::count])] for k in range(count)]
    for stretch, start, end in zip(stretches, ends, ends[1:], strict=False):
        stretch += islice(quick, max(0, end - start - len(stretch)))
    items[:] = [*chain(*stretches), *quick]


def pytest_collection_finish():
    """Spare the collector of garbage the many thousand tests, which stay: it would look at all of them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _registries():
    """Forget what a module's tests have registered from files of their own: tests of others would meet it."""
    yield
    own = ("stress.", "perturbations.", "tests.")
    for (module, name), _ in list(metric._KNOWN.items()):
        if not module.startswith(own):
            del metric._KNOWN[module, name]
            sys.modules.pop(module, None)
    for name, perturbation in list(_registry._known.items()):
        module = perturbation.function.__module__
        if not module.startswith(own):
            del _registry._known[name]
            sys.modules.pop(module, None)
    metric.range_of.cache_clear()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a headless browser."""
    found = Browser(tmp_path_factory.mktemp("browser"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Return a folder that tests and the workers of all their runs know: by it a model is told something else."""
    folder = tmp_path_factory.mktemp("shared")
    os.environ["STRESS_TEST_SHARED"] = str(folder)
    yield folder
    del os.environ["STRESS_TEST_SHARED"]


@pytest.fixture(scope="session")
def cluster(shared):
    """Return the address of a cluster of two workers; starting one takes far longer than most runs.

    It is idle most of the time, and does not look at its own stacks and clocks: that takes a fifth of a processor.
    """
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1"}
    environment["STRESS_TEST_SHARED"] = str(shared)
    quiet = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "1s"}
    quiet["distributed.admin.system-monitor.interval"] = "10s"
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": environment, **quiet}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as found,
    ):
        yield found.scheduler_address


@pytest.fixture
def on_backend(request):
    """Return what makes the settings of a run on a backend: of dask, on the cluster that all tests share."""

    def settings(backend):
        more = {"scheduler": request.getfixturevalue("cluster")} if backend == "dask" else {}
        return {"backend": backend, **more}

    return settings
