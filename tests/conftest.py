"""What tests share: one dask cluster, for all that ask about records and not about a cluster's own life."""

import logging
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cluster():
    """Return the address of a cluster of two workers; starting one takes far longer than most runs."""
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1"}
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": environment}),
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
