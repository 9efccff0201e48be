"""F1, AUROC, WER and calibration errors while a run goes on: looks at fixed counts that hold at all of them at once."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from benchmarks import _ratios as ratios
from stress.gate import judge, loads_gates, looks_of
from stress.statistics.sequences import ASYMPTOTIC_FROM, asymptotic_evidence, asymptotic_reach
from tests.adaptive_world import run, world

N = 1100
RULES = loads_gates(
    {
        "gates": [
            {"metric": "f1_macro", "min": 0.6, "per": "cell", "on": {"scenario": "shift"}},
            {"metric": "mcc", "min": 0.05, "on": {"severity": "<=2"}},
        ]
    }
)


@pytest.fixture(scope="module")
def known():
    return world(N)


@pytest.fixture(scope="module")
def whole(known, tmp_path_factory):
    return run(*known, tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def stopped(known, tmp_path_factory):
    return run(*known, tmp_path_factory.mktemp("stopped") / "run", until=RULES)


def outcomes(report):
    return [(v.rule.title, c.subject, c.outcome) for v in report.verdicts for c in v.checks]


def test_numbers_that_are_no_means_are_decided_early_and_as_by_all_samples(stopped, whole):
    found = judge(stopped, RULES)
    assert outcomes(found) == outcomes(judge(whole, RULES))
    assert {outcome for *_, outcome in outcomes(found)} == {"pass", "fail"}
    about = stopped.info["adaptive"]
    assert about["asked"] < 0.75 * about["of"]
    assert about["whole"] == {}
    assert {each["outcome"] for each in about["questions"]} == {"pass", "fail"}
    for verdict in found.verdicts:
        for check in verdict.checks:
            assert check.method == "asymptotic sequence"
            assert ASYMPTOTIC_FROM <= check.asked[0] < check.asked[1] == N
            assert check.low < check.value < check.high


def test_a_look_is_at_the_beginning_of_the_order_and_longer_than_an_ordinary_interval(stopped, whole):
    from sklearn.metrics import f1_score

    (check, *_) = judge(stopped, RULES).verdicts[0].checks
    count = check.asked[0]
    shard = dict(zip(stopped.samples["order"].to_pylist(), stopped.samples["shard"].to_pylist()))
    ordered = sorted(shard, key=lambda order: shard[order])
    rows = {row["sample"]: row for row in stopped.records(["shift:1"]).to_pylist()}
    assert sorted(rows) == sorted(ordered[: len(rows)])
    there = max(shard[order] for order in rows) + 1
    upto = max(end for end in looks_of(np.arange(N), np.array(list(shard.values()))) if end <= there)
    mine = [order for order in rows if shard[order] < upto]
    targets = dict(zip(stopped.samples["order"].to_pylist(), stopped.samples["target"].to_pylist()))
    expected = f1_score([targets[o] for o in mine], [rows[o]["prediction"] for o in mine], average="macro")
    assert check.value == pytest.approx(expected)
    (plain, *_) = judge(whole, RULES).verdicts[0].checks
    assert check.high - check.low > 1.35 * np.sqrt(N / count) * (plain.high - plain.low)


def test_too_few_samples_are_run_whole(known, tmp_path):
    given, model = known
    rules = loads_gates(
        {"gates": [{"metric": "f1_macro", "min": 0.6, "on": {"severity": 1}}, {"metric": "accuracy", "min": 0.6}]}
    )
    found = run(given[:400], model, tmp_path / "run", until=rules)
    assert list(found.info["adaptive"]["whole"]) == ["shift:1"]


def test_looks_are_at_fixed_counts_of_clusters_and_never_at_all():
    shard = np.repeat(np.arange(100), 32)
    ends = looks_of(np.arange(3200), shard)
    assert ends[0] * 32 >= ASYMPTOTIC_FROM > (ends[0] - 1) * 32
    assert ends[-1] < 100
    assert all(b >= 9 / 8 * a for a, b in zip(ends, ends[1:]))
    assert looks_of(np.arange(3200) // 8, shard) == []  # 400 clusters


@pytest.mark.parametrize("count", [500, 3000])
@pytest.mark.parametrize("z", [-1.0, 2.5, 4.0])
def test_evidence_is_a_mixture_over_half_of_a_normal_law(z, count):
    """Integrated from its definition: exp(λS − λ²n/2) over λ > 0, S = z √n."""
    deviation = np.sqrt(0.011)

    def part(rate):
        return np.exp(rate * z * np.sqrt(count) - rate**2 * count / 2) * 2 * norm.pdf(rate, scale=deviation)

    value = quad(part, 0, 1, points=[max(z, 0) / np.sqrt(count)], limit=200)[0]
    assert asymptotic_evidence(z, count) == pytest.approx(np.log(value), rel=1e-6, abs=1e-8)


def test_a_sequence_ends_where_its_evidence_refutes_and_is_infinite_before():
    assert asymptotic_reach(499, 0.025) == np.inf
    for count in (500, 5000, 10**6):
        reach = asymptotic_reach(count, 0.0125)
        assert asymptotic_evidence(reach, count) == pytest.approx(np.log(80))
        assert 2.24 < reach < 5  # an ordinary interval of this level reaches 2.24


@pytest.mark.parametrize("name", sorted(ratios.WORLDS))
def test_the_truth_is_lost_at_any_look_as_rarely_as_promised(name, request):
    many = 1000 if request.config.getoption("--exhaustive", default=False) else 24
    lost = ratios.lost(name, many, np.random.default_rng(5))
    assert lost <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / many)
