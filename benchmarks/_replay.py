"""What a run that stops would have asked of a stored whole run, and what it would have said: in orders left to chance.

Questions are those of ``stress run --until``, answered by the records of the run; each cell is asked as far as the
rule that asks most of it, clean as far as any. Rules without bets are run whole.
"""

from dataclasses import dataclass, replace

import numpy as np

from stress.records.blocks import Block

SHARD, FLOOR = 32, 64


@dataclass(frozen=True)
class Alone(Block):
    """A run whose samples each stand alone, whatever it declares; one that is whole, whatever its order was."""

    cluster: str | None = None

    @property
    def info(self):
        identity = {key: value for key, value in self.whole.info["identity"].items() if key != "order"}
        return {**self.whole.info, "cluster": self.cluster, "identity": identity}

    @property
    def cells(self):
        import pyarrow as pa

        found = self.whole.cells  # older runs do not say that each cell was drawn once
        return found if "draws" in found.column_names else found.append_column("draws", pa.array([1] * len(found)))


def whole_of(run, cluster):
    """Return a stored run as one whose samples are alike within a cluster, or stand alone."""
    return Alone(run, np.arange(len(run.samples)), run.records(), cluster)


def questions_of(run, gates):
    """Return (question, rows of its observations), and the cells that are run whole."""
    from stress.adaptive import Question, sides_of
    from stress.gate import cell_sums, clusters_of, form_of, parts_of, rests_on
    from stress.measure import measured

    session = measured(run)
    metrics, members = {m.name: m for m in session.declared}, clusters_of(run, run.info.get("cluster"))
    names = [str(name) for name in run.cells["cell"].to_pylist()]
    sizes, found, whole = np.bincount(members), [], set()

    def sums(metric, cells):
        return [np.bincount(members, each.sum(axis=1)) for each in cell_sums(run, metric, cells)]

    for rule in gates.rules:
        form = form_of(rule, metrics, session.headline)
        for name, part in parts_of(rule, rule.on.cells(run), run).items():
            if isinstance(form, str):
                whole.update(rests_on(rule, part, names))
                continue
            other = sums(form.metric, ["clean"]) if form.pairs else [np.zeros(len(sizes))] * 2
            rows = np.stack([*sums(form.metric, part), *other], axis=1)
            at, most = tuple(map(names.index, part)), float(sizes.max() * len(part))
            beside = (names.index("clean"),) if form.pairs else ()
            found.append((Question(rule, name, tuple(part), at, beside, form, most, len(sizes), sides_of(rule)), rows))
    return found, {names.index(name) for name in whole}


def replayed(run, gates, rng):
    """Return the share of the questions, and each check's outcome by (rule, part), in one order left to chance."""
    from stress.gate import clusters_of, count_checks, parts_of

    found, whole = questions_of(run, gates)
    members = clusters_of(run, run.info.get("cluster"))
    sizes = np.bincount(members)
    order = rng.permutation(len(sizes))
    shards = np.split(order, np.flatnonzero(np.diff(np.cumsum(sizes[order]) // SHARD)) + 1)
    ends = np.cumsum([sizes[shard].sum() for shard in shards])
    checks = sum(count_checks(rule, parts_of(rule, rule.on.cells(run), run), run) for rule in gates.rules)
    asked = np.full(len(run.cells), ends[min(int(np.searchsorted(ends, FLOOR)), len(ends) - 1)])
    said = {}
    for question, rows in found:
        for shard in shards:
            question.add(rows[shard])
            question.judge(checks, gates.correction)
            if question.outcome:
                break
        cells = list(question.cells)
        asked[cells] = np.maximum(asked[cells], ends[question.done - 1])
        said[question.rule.title, question.subject] = question.outcome
    asked[list(whole)] = len(members)
    clean = run.cells["cell"].to_pylist().index("clean")
    asked[clean] = asked.max()
    return asked.mean() / len(members), said


def compared(run, gates, seeds):
    """Return (median share, share of equal verdicts, of opposite ones, checks) against the whole run, over orders."""
    from stress.gate import judge

    checks = {
        (verdict.rule.title, check.subject): (verdict.rule, check)
        for verdict in judge(run, gates).verdicts
        for check in verdict.checks
        if check.outcome != "unjudged"
    }
    shares, equal, opposite = [], [], []
    for seed in range(seeds):
        share, said = replayed(run, gates, np.random.default_rng(seed))
        shares.append(share)
        for key, (rule, check) in checks.items():
            outcome = {"hopeless": "undecided", "": _last(rule, check, len(checks))}.get(*[said.get(key, "same")] * 2)
            outcome = check.outcome if outcome == "same" else outcome
            equal.append(outcome == check.outcome)
            opposite.append({outcome, check.outcome} == {"pass", "fail"})
    return float(np.median(shares)), float(np.mean(equal)), float(np.mean(opposite)), len(checks)


def _last(rule, check, checks):
    """Return what the ordinary look at all samples says, at the half of the error that bets leave it."""
    from stress.statistics.intervals import z_quantile

    level = (1 - rule.confidence) / 4
    if check.p is not None and check.p <= level / checks:
        return "fail"
    longer = z_quantile(1 - 2 * level) / z_quantile(rule.confidence)
    low, high = (check.value + longer * (end - check.value) for end in (check.low, check.high))
    bars = rule.ends or ((rule.bar, np.inf) if rule.kind == "min" else (-np.inf, rule.bar))
    return "pass" if bars[0] <= low and high <= bars[1] else "undecided"


def by_bets(run, gates):
    """Return a gate file without the rules that are run whole."""
    from stress.gate import form_of
    from stress.measure import measured

    session = measured(run)
    metrics = {m.name: m for m in session.declared}
    kept = [rule for rule in gates.rules if not isinstance(form_of(rule, metrics, session.headline), str)]
    return replace(gates, rules=tuple(kept))


def files_of(run, bars):
    """Return gate files for a run: a typical one, one bar for every cell, and the tight ones of ``--suggest``."""
    from stress.gate import loads_gates, suggest

    clean, scenario, drop, kept = bars
    return {
        "typical": loads_gates(
            {
                "gates": [
                    {"metric": "accuracy", "min": clean, "on": "clean"},
                    {"metric": "accuracy", "min": scenario, "per": "scenario"},
                    {"metric": "drop", "max": drop, "per": "scenario"},
                    {"metric": "retention", "min": kept, "per": "scenario", "on": {"severity": "<=2"}},
                    {"metric": "failure_rate", "max": 0.05},
                ]
            }
        ),
        "every cell ≥ .85": loads_gates({"gates": [{"metric": "accuracy", "min": 0.85, "per": "cell"}]}),
        "every cell ≥ .5": loads_gates({"gates": [{"metric": "accuracy", "min": 0.5, "per": "cell"}]}),
        "--suggest": by_bets(run, loads_gates(suggest(run))),
    }


def replay_table(path, seeds, bars, clusters=(None,)):
    """Yield the lines of a table of one stored run; of each way to put samples together."""
    import stress

    run = stress.open(path)
    yield "| | file | checks | share of questions, median | as the whole grid says | opposite |"
    yield "|---|---|---|---|---|---|"
    for cluster in clusters:
        given = whole_of(run, cluster)
        for name, gates in files_of(given, bars).items():
            share, equal, opposite, checks = compared(given, gates, seeds)
            by = f"by {cluster}" if cluster else "by sample"
            yield f"| {by} | {name} | {checks} | {share:.3f} | {100 * equal:.1f} % | {100 * opposite:.2f} % |"
