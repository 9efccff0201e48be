"""95 % intervals hold the truth where each world has a clean cell: robustness, contributions, flips, other runs."""

from functools import partial
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

from stress.measure.between.matching import Matched
from stress.measure.between.reliance import difference_rows
from stress.measure.core.cells import cell_table
from stress.measure.core.shares import share
from stress.measure.tables.breaking import breaking
from stress.measure.tables.cells import CELLS, from_clean_columns
from stress.measure.tables.consistency import consistency_rows
from stress.measure.tables.contributions import _shares, contribution_rows, lost_cells
from stress.measure.tables.cost import ratio_of_calls
from stress.measure.tables.groups import gap_rows
from stress.measure.tables.relative import relative_rows
from stress.measure.tables.robustness import curve_table, robustness_rows
from stress.measure.tables.severities import severity_rows
from stress.measure.tables.stability import flip_table, step_table
from stress.records.pairing import paired
from stress.statistics.bootstrap import clusters
from stress.statistics.robustness import alexnet, area
from stress.statistics.shapley import interaction_weights, shapley_weights
from tests._runs import STREAMS, cell, graded, subsets
from tests.coverage_worlds import WORLDS, Tally, each, nested, rng_of, template, together
from tests.shortest import rare_drop

pytestmark = pytest.mark.slow
RATES = np.array([0.95, 0.92, 0.86, 0.75, 0.6, 0.4])


def speakers(n, groups):
    member = np.arange(n) * groups // n if groups else None
    return member, ({"speaker": member} if groups else {}), ({"cluster": "speaker"} if groups else {})


def from_clean_rows(context):
    parts = [from_clean_columns(context, name) for name in ("drop", "retention")]
    return cell_table(context, parts, CELLS).to_pylist()


def broken_at(rates, share=0.9):
    """Where a curve of true rates crosses 90 % of its start; inf where it does not."""
    first = int(np.argmax(rates < share * rates[0]))
    if not first:
        return np.inf
    return first - 1 + (rates[first - 1] - share * rates[0]) / (rates[first - 1] - rates[first])


@pytest.mark.parametrize("groups", [None, 25])
def test_robustness_and_the_band_of_a_curve(groups):
    """Truth in closed form; ``worst`` is the minimum over five cells, simultaneous, and so on the safe side."""
    n, rng = 250, rng_of(f"robustness {groups}")
    member, named, given = speakers(n, groups)
    kept = RATES[1:].mean()
    truth = {"drop": RATES[0] - kept, "retention": kept / RATES[0], "mmi": 1 - kept / RATES[0]}
    truth |= {"area": area(RATES, range(6)), "relative_robustness": 5 * area(RATES, range(6))}
    truth["breaking_severity"] = broken_at(RATES)
    numbers, cells, safe = Tally(), Tally(), Tally()
    for context in each(template(graded(), n, groups=named), {"score": nested(rng, n, RATES, member=member)}, **given):
        rows = robustness_rows(context)
        numbers.rows(rows, truth, "measure")
        safe.rows(rows, {"worst": RATES.min()}, "measure")
        for row in from_clean_rows(context):
            k = int(row["severity"])
            if k:
                now = RATES[0] - RATES[k] if row["metric"] == "drop" else RATES[k] / RATES[0]
                cells.add(f"{row['metric']} at severity {k}", row["low"], row["high"], now)
        band = curve_table(context, [context.headline]).to_pylist()
        whole = [row["band_low"] <= RATES[k] <= row["band_high"] for k, row in enumerate(band)]
        safe.add("band", 0, 1, 0.5 if all(whole) else 2)
    numbers.holds()
    cells.holds()
    safe.holds(least=0.95, most=1.0)


@pytest.mark.parametrize(
    ("n", "groups", "clean", "last"), [(200, None, 0.999, 0.99), (50, None, 0.999, 0.99), (250, 25, 0.99, 0.97)]
)
def test_models_that_are_hardly_ever_wrong(n, groups, clean, last):
    """A curve from one rate near 1 to another, of one to thirty wrong answers in all: resamples hold 82 to 92 %."""
    rng, rates, tally = rng_of(f"near one {n} {groups}"), np.linspace(clean, last, 6), Tally()
    member, named, given = speakers(n, groups)
    kept = rates[1:].mean()
    truth = {"drop": clean - kept, "retention": kept / clean, "area": area(rates, range(6))}
    run = template(graded(), n, groups=named)
    for context in each(run, {"score": nested(rng, n, rates, member=member)}, **given):
        tally.rows(robustness_rows(context), truth, "measure")
        for row in from_clean_rows(context):
            if row["severity"] == 5:
                now = clean - last if row["metric"] == "drop" else last / clean
                tally.add(f"{row['metric']} at severity 5", row["low"], row["high"], now)
        band = curve_table(context, [context.headline]).to_pylist()
        whole = [row["band_low"] <= rates[k] <= row["band_high"] for k, row in enumerate(band)]
        tally.add("band", 0, 1, 0.5 if all(whole) else 2)
    tally.holds(most=1.0)


def test_no_interval_of_a_rare_drop_could_be_much_shorter():
    """Not where either end misses at most 3.5 %: 1.35 times as long as what resamples give, and ours is 1.38 times."""
    least, own = rare_drop(200, (1, 0.8, 0.6, 0.4, 0.2), [0.009 / 5] * 5, missed=0.035), []
    run = template(graded(), 200)
    answers = nested(rng_of("short"), 200, np.linspace(0.999, 0.99, 6), worlds=300, own=0.0)
    for context in each(run, {"score": answers}):
        own += [row["high"] - row["low"] for row in robustness_rows(context) if row["measure"] == "drop"]
    assert least == pytest.approx(0.0269, abs=2e-4)
    assert 0.95 < np.mean(own) / least < 1.1


@pytest.mark.parametrize(
    "rates",
    [(0.95, 0.9, 0.84, 0.84, 0.84, 0.84), (0.95, 0.94, 0.92, 0.9, 0.875, 0.84), (0.95, 0.94, 0.93, 0.92, 0.91, 0.9)],
)
def test_breaking_severity(rates):
    """A plateau just under the bar, a crossing near the end of the scale, a model that holds (the truth is beyond)."""
    rng, tally = rng_of(f"breaking {rates}"), Tally()
    for context in each(template(graded(), 250), {"score": nested(rng, 250, rates)}):
        place = np.arange(6)[None], list(range(6))
        severity = partial(breaking, context, context.headline, *place)
        _, found = context.values(context.headline).apply(severity)
        tally.add("breaking_severity", found.low[0], found.high[0], broken_at(np.array(rates)))
    tally.holds(most=0.97 if np.isfinite(broken_at(np.array(rates))) else 1.0)


WORTH = {"": 0.1, "image": 0.7, "audio": 0.45, "text": 0.2, "image+audio": 0.88, "image+text": 0.75}
WORTH |= {"audio+text": 0.5, "image+audio+text": 0.93}


def contributions(worth):
    """True values of the table, by (measure, streams)."""
    v = {frozenset(name.split("+")) - {""}: rate for name, rate in worth.items()}
    full, none = frozenset(STREAMS), frozenset()
    total = v[full] - v[none]
    found = {("total",): total}
    for name in STREAMS:
        one = frozenset([name])
        found |= {("alone", name): v[one], ("lost", name): v[full - one], ("necessity", name): v[full] - v[full - one]}
        found["sufficiency", name] = v[one] - v[none]
        found["shapley", name] = sum(v[s] * w for s, w in shapley_weights(STREAMS, name).items())
        found["shapley_share", name] = found["shapley", name] / total
    for one, other in combinations(STREAMS, 2):
        index = sum(v[s] * w for s, w in interaction_weights(STREAMS, one, other).items())
        signs = {"interaction": index, "net_synergy": max(index, 0), "net_redundancy": max(-index, 0)}
        found |= {(name, one, other): value for name, value in signs.items()}
    return found | {("dominance",): max(found["shapley_share", name] for name in STREAMS)}


def lost_rates(worth):
    return [worth["+".join(s for s in STREAMS if s not in row["lost"])] for row in subsets()]


def test_contributions():
    """A clipped measure (synergy) whose truth is 0 holds it more often; dominance is simultaneous."""
    rng, truth, exact, safe = rng_of("contributions"), contributions(WORTH), Tally(), Tally()
    scores = nested(rng, 250, lost_rates(WORTH))
    for context in each(template(subsets(), 250, streams=STREAMS), {"score": scores}):
        for row in contribution_rows(context):
            names = [row["stream"], row.get("other")] if row["measure"] not in ("total", "dominance") else []
            key = (row["measure"], *(name for name in names if name))
            clipped = key[0] in ("net_synergy", "net_redundancy", "dominance")
            (safe if clipped else exact).add(key, row["low"], row["high"], truth[key])
    exact.holds()
    safe.holds(most=1.0)


def test_the_dominant_stream_of_equals():
    """All streams are worth the same, so that the largest is always chosen by luck: the interval allows for it."""
    size = {0: 0.2, 1: 0.5, 2: 0.8, 3: 0.9}
    worth = {name: size[len(name.split("+")) if name else 0] for name in WORTH}
    rng, tally = rng_of("dominance"), Tally()
    scores = nested(rng, 250, lost_rates(worth))
    for context in each(template(subsets(), 250, streams=STREAMS), {"score": scores}):
        present = {frozenset(STREAMS) - gone: place for gone, place in lost_cells(context)["zeros"].items()}
        rows = _shares(context, context.values(context.headline), present, 1.0, STREAMS, None)
        tally.rows(rows, {"dominance": 1 / 3}, "measure")
    tally.holds(least=0.94, most=1.0)


@pytest.mark.parametrize("rates", [(0.8, 0.6), (0.7, 0.7, 0.7, 0.7), (0.95, 0.8, 0.5)])
def test_spread_of_severities(rates):
    """How much more the harshest scenario costs: chosen by its value, so that the lower end allows for all pairs."""
    rng, n, tally = rng_of(f"spread {rates}"), 250, Tally()
    cells = [cell(), *(cell(f"s{k}-3", f"s{k}", 3.0) for k in range(len(rates)))]
    right = nested(rng, n, [0.96, *rates])
    for context in each(template(cells, n), {"score": right}):
        for row in severity_rows(context):
            tally.add("spread", row["low"], row["high"], max(rates) - min(rates))
    tally.holds(most=0.97 if len(rates) == 2 else 1.0)


def test_cost_of_a_sample():
    """Energy is of a call and calls are of several sizes: a ratio of sums, with Student's t over the calls."""
    rng, tally, calls = rng_of("cost"), Tally(), 60
    for _ in range(WORLDS):
        batch = rng.choice([8, 16, 32], calls).astype(float)
        energy = batch * 2.0 * rng.gamma(9.0, 1 / 9.0, calls)
        tally.add("energy_j", *ratio_of_calls(energy, batch, 0.95)[1:], 2.0)
    tally.holds(least=0.925)


def test_reliance():
    """Two models that lean on the streams differently, on the same samples."""
    rng, tally = rng_of("reliance"), Tally()
    other = WORTH | {"image": 0.6, "audio": 0.6, "image+text": 0.7, "audio+text": 0.65}
    ours, theirs = contributions(WORTH), contributions(other)
    run = template(subsets(), 250, streams=STREAMS)
    both = nested(rng, 250, [*lost_rates(WORTH), *lost_rates(other)])
    sides = ({"score": both[:, :8]}, {"score": both[:, 8:]})
    pair = paired(run, run)
    for one, two in zip(*(each(run, side) for side in sides)):
        for row in difference_rows(Matched(pair, one, two)):
            key = (row["measure"], *row["stream"].split("+"))
            tally.add(key, row["low"], row["high"], ours[key] - theirs[key])
    tally.holds()


def test_relative_to_alexnet_and_to_a_run(monkeypatch):
    rng, n, tally, facts = rng_of("relative"), 250, Tally(), alexnet()
    names = ("fog", "snow")
    cells = [cell()] + [cell(f"{p}-{s}", p, float(s), perturbation=f"image.{p}") for p in names for s in range(1, 6)]
    ours = np.array([*RATES, 0.93, 0.9, 0.8, 0.7, 0.5])
    theirs = 0.9 * ours
    truth = {}
    for k, name in enumerate(names):
        at, reference = slice(1 + 5 * k, 6 + 5 * k), np.array(facts.corruptions[name])
        errors, lead = 1 - ours[at], ours[at] - theirs[at] - (ours[0] - theirs[0])
        truth |= {("error", name): errors.mean(), ("ce", name): errors.sum() / reference.sum()}
        truth["relative_ce", name] = (errors - (1 - ours[0])).sum() / (reference - facts.clean).sum()
        truth |= {("rra", name): ours[at].sum() / theirs[at].sum() - 1, ("effective_robustness", name): lead.sum()}
    for mean, one in (("mean_error", "error"), ("mce", "ce"), ("relative_mce", "relative_ce")):
        truth[mean, None] = np.mean([truth[one, name] for name in names])
    run = template(cells, n, ("score", "prediction"))
    sides = [{"score": x, "prediction": 1 - x} for x in (nested(rng, n, ours), nested(rng, n, theirs))]
    large = [nested(rng, 200_000, rates, 1)[..., 0] for rates in (ours, theirs)]
    flips = [(x != x[:, :1]).mean(axis=0) for x in large]
    for k, name in enumerate(names):
        at = slice(1 + 5 * k, 6 + 5 * k)
        truth["flip_rate_ratio", name] = flips[0][at].sum() / flips[1][at].sum()
    pair = paired(run, run)
    monkeypatch.setattr("stress.measure.tables.relative._same_samples", lambda *runs: pair)
    for one, other in zip(each(run, sides[0], reference=run), each(run, sides[1])):
        monkeypatch.setattr("stress.measure.tables.relative._other", lambda context, reference, other=other: other)
        for row in relative_rows(one):
            key = row["measure"], row.get("scenario")
            tally.add(key, row["low"], row["high"], truth[key])
    tally.holds()


def test_word_errors_relative_to_a_run(monkeypatch):
    """WERD and NWERD of three severities, from word counts; the truth is a ratio of expectations."""
    rng, n, tally = rng_of("werd"), 250, Tally()
    rates, theirs = np.array([0.05, 0.1, 0.2, 0.35]), np.array([0.08, 0.15, 0.3, 0.5])
    run = template(graded(severities=(1, 2, 3)), n, ("word_errors", "words"), task={"task": "transcription"})
    words = rng.integers(5, 20, (n, 1, 1)) * np.ones((1, 4, WORLDS))

    def errors(rate):
        hard = np.exp(0.3 * rng.normal(size=(n, 1, WORLDS)) - 0.045)  # mean 1: what is hard is hard in all cells
        return rng.binomial(words.astype(int), np.clip(rate[None, :, None] * hard, 0, 1)).astype(float)

    sides = [{"word_errors": errors(rate), "words": words} for rate in (rates, theirs)]
    truth = {
        "werd": (rates[1:] - rates[0]).mean(),
        "nwerd": (rates[1:] - rates[0]).sum() / (theirs[1:] - theirs[0]).sum(),
    }
    pair = paired(run, run)
    monkeypatch.setattr("stress.measure.tables.relative._same_samples", lambda *runs: pair)
    for one, other in zip(each(run, sides[0], reference=run), each(run, sides[1])):
        monkeypatch.setattr("stress.measure.tables.relative._other", lambda context, reference, other=other: other)
        tally.rows(relative_rows(one), truth, "measure")
    tally.holds()


@pytest.mark.parametrize("groups", [None, 25])
def test_flips(groups):
    """Answers change step by step, at 10, 15 and 20 %, to any of three others: a Markov chain in closed form."""
    rng, n, steps, tally = rng_of(f"flips {groups}"), 300, (0.1, 0.15, 0.2), Tally()
    rare = Tally()
    member, named, given = speakers(n, groups)
    said = np.zeros((n, 4, WORLDS), int)
    said[:, 0] = rng.integers(0, 4, (n, WORLDS))
    away, truth = [0.0], {}
    for k, step in enumerate(steps, 1):
        moved = together(rng, (n, WORLDS), member) < step
        said[:, k] = np.where(moved, (said[:, k - 1] + rng.integers(1, 4, (n, WORLDS))) % 4, said[:, k - 1])
        away.append(away[-1] * (1 - step / 3) + (1 - away[-1]) * step)
        truth |= {("step_flip_rate", k): step, ("flip_rate", k): away[k], ("lost", k): away[k]}
        truth["gained", k] = away[k] / 3
    left = 1 - 0.9 * 0.85  # of those that were ever away: at home at 2, and away at 2 but back at 3
    back = (0.1 * 0.05 * 0.8 + (left - 0.1 * 0.05) * 0.2 / 3) / left
    run = template(graded(severities=(1, 2, 3)), n, ("score", "prediction"), groups=named)
    for context in each(run, {"score": (said == 0) * 1.0, "prediction": said}, **given):
        for row in [*flip_table(context).to_pylist(), *step_table(context).to_pylist()]:
            key = row["metric"], int(row["severity"])
            if key in truth:
                few = groups and key[0] in ("lost", "gained")
                (rare if few else tally).add(key, row.get("low"), row.get("high"), truth[key])
            if key == ("returned", 3):
                rare.add(key, row.get("low"), row.get("high"), back)
    tally.holds(missing=0.01)
    # Rare shares of few clusters are on the safe side: a handful of answers lost, gained or returned says little
    # of how alike those of a cluster are, so that they are drawn towards one answer a cluster. Seen: 96.2 to 99.3 %.
    rare.holds(most=0.995 if groups else 0.985, missing=0.01)


def test_consistency():
    """Streams that are right alone at .7, .45 and .2, and follow luck else; truth from 400,000 samples."""
    rng, n, tally = rng_of("consistency"), 300, Tally()
    alone = [row for row in subsets() if len(row["lost"]) in (0, 2)]
    rates = [WORTH["+".join(s for s in STREAMS if s not in row["lost"])] for row in alone]

    def said(count, worlds):
        right = nested(rng, count, rates, worlds) > 0
        return np.where(right, 0, rng.integers(1, 4, right.shape))

    def numbers(answer, place):
        alone = {s: answer[:, place["+".join(t for t in STREAMS if t != s)]] for s in STREAMS}
        found = {}
        for one, other in combinations(STREAMS, 2):
            apart = alone[one] != alone[other]
            found["pair_agreement", one, other], found["conflict_rate", one, other] = 1 - apart.mean(), apart.mean()
            for a, b in ((one, other), (other, one)):
                found["follows", a, b] = (answer[:, 0] == alone[a])[apart].mean()
            third = (answer[:, 0] != alone[one]) & (answer[:, 0] != alone[other])
            found["follows_neither", *sorted((one, other))] = third[apart].mean()
        return found | {("agreement", s, None): (answer[:, 0] == alone[s]).mean() for s in STREAMS}

    place = {"+".join(row["lost"]): k for k, row in enumerate(alone)}
    truth = numbers(said(400_000, 1)[..., 0], place)
    run = template(alone, n, ("score", "prediction"), streams=STREAMS)
    answers = said(n, WORLDS)
    for context in each(run, {"score": (answers == 0) * 1.0, "prediction": answers}):
        for row in consistency_rows(context):
            key = row["metric"], row["one"], row.get("other")
            if row["cell"] == "clean":
                tally.add(key, row.get("low"), row.get("high"), truth[key])
    tally.holds()


def test_shares_over_draws():
    """Four draws of each of 200 samples, of which some samples flip in all: what ``draw_flip_rate`` rests on."""
    rng, tally, where = rng_of("shares"), Tally(), np.repeat(np.arange(200), 4)
    context = SimpleNamespace(
        clusters=clusters([str(i) for i in range(200)], None), options=SimpleNamespace(confidence=0.95)
    )
    flips = rng.random((800, WORLDS)) < rng.beta(1, 4, (200, WORLDS))[where]
    for w in range(WORLDS):
        row = share(context, flips[:, w] * 1.0, np.ones(800), where)
        tally.add("draw_flip_rate", row.low, row.high, 0.2)
    tally.holds()


@pytest.mark.parametrize(
    ("clean", "now", "groups"),
    [((0.9, 0.9), (0.8, 0.7), None), ((0.95, 0.9, 0.85), (0.9, 0.8, 0.6), True), ((0.8,) * 4, (0.8,) * 4, None)],
)
def test_widening_of_a_gap(clean, now, groups):
    """The two groups are chosen by their values: with more than two the interval allows for that."""
    rng, n, count, tally = rng_of(f"widening {clean} {groups}"), 200 * len(clean), len(clean), Tally()
    ward = np.arange(n) % count
    member = np.arange(n) // count // 8 * count + ward if groups else None
    luck = together(rng, (n, 1, WORLDS), member)
    luck = np.where(rng.random((n, 2, WORLDS)) < 0.3, rng.random((n, 2, WORLDS)), luck)
    right = (luck < np.stack([np.array(clean)[ward], np.array(now)[ward]], axis=1)[..., None]) * 1.0
    named = {"ward": ward} | ({"speaker": member} if groups else {})
    run = template(graded(severities=(1,)), n, groups=named)
    for context in each(run, {"score": right}, by=["ward"], **({"cluster": "speaker"} if groups else {})):
        for row in gap_rows(context):
            if row["cell"] == "noise-1" and row["metric"] == "widening":
                best, worst = int(row["best"]), int(row["worst"])
                truth = now[best] - now[worst] - (clean[best] - clean[worst])
                tally.add("widening", row["low"], row["high"], truth)
    tally.holds(most=0.97 if count == 2 else 1.0)
