"""Worlds whose truth is known, and how often a file of rules is wrong in them, wherever one stops.

A world is a file of ``CELLS`` checks on ``COUNT`` observations each. In every other world the truth is at the bar of a
third of the cells (which a rule calls kept), within two points of it in another third, and up to twenty points away in
the rest, on either side; in the others one cell is broken by next to nothing, and all else is kept by far, as only
there a file can pass wrongly. All worlds of a method are drawn and judged at once; the wealth is what ``stress.gate``
computes (held equal by a test).
"""

from dataclasses import dataclass

import numpy as np

COUNT, CELLS, SHARD, LEVEL, HALF = 640, 12, 32, 0.025, 0.5
FAR = np.repeat([0.0, 0.02, 0.2], CELLS // 3)
LOOKS = COUNT // SHARD
METHODS = (
    "rates", "rates, samples shared", "scores", "clusters of 1 to 50", "drop from clean", "retention",
    "drop since a baseline", "perturbations that do nothing",
)  # fmt: skip
STOPS = ("any moment", "all samples", "looks good", "first failure", "all decided")
STRAWS = ("until the 95 % interval is clear", "until it is narrow (± .05)", "the first 100")


@dataclass
class Worlds:
    """Observations (worlds × cells × observations × 4), the number asked for, and the bars (worlds × cells)."""

    kind: str
    rows: np.ndarray
    truth: np.ndarray
    bars: np.ndarray
    most: float = 1.0

    @property
    def worse_above(self):
        """Whether more is worse: a drop."""
        return self.kind in ("drop", "lost")

    @property
    def plain(self):
        """Whether answers are right or wrong, and each stands alone."""
        return self.kind == "rate" and self.most == 1 and bool(np.isin(self.rows[..., 0], (0, 1)).all())

    @property
    def kept(self):
        """Whether the bar is kept in truth."""
        return self.truth <= self.bars if self.worse_above else self.truth >= self.bars


def luck_of(shape, shared, rng):
    """Return numbers in [0, 1), of each cell its own or of all cells the same."""
    return np.broadcast_to(rng.random((shape[0], 1, shape[2])), shape) if shared else rng.random(shape)


def worlds_of(method, count, rng):
    """Return so many worlds of a method."""
    shape = (count, CELLS, COUNT)
    rate = rng.uniform(0.05, 0.99, shape[:2])
    one, zero = np.ones(shape), np.zeros(shape)
    away = FAR * rng.random(shape[:2]) * rng.choice([-1, 1], shape[:2])
    away[::2] = -rng.uniform(0.15, 0.3, away[::2].shape)
    away[::2, 0] = rng.uniform(0, 0.002, len(away[::2]))  # the one that is broken

    def bars(truth, low=0.01, high=0.995, sign=1):
        return np.clip(truth + sign * away, low, high)

    if method.startswith("rates"):
        right = luck_of(shape, "shared" in method, rng) < rate[..., None]
        return Worlds("rate", np.stack([right, one, zero, zero], axis=-1), rate, bars(rate))
    if method == "scores":
        width = rng.uniform(0.5, 20, shape[:2])[..., None]
        score = rng.beta(rate[..., None] * width, (1 - rate[..., None]) * width, shape)
        return Worlds("rate", np.stack([score, one, zero, zero], axis=-1), rate, bars(rate))
    if method.startswith("clusters"):
        return clusters_of(rate, shape, bars, rng)
    before = (luck_of(shape, True, rng) < 0.85) * 1.0  # the clean cell, of all cells the same
    if method == "perturbations that do nothing":
        kind = "retention" if rng.random() < 0.5 else "drop"
        truth = np.full(shape[:2], 1.0 if kind == "retention" else 0.0)
        bar = truth + (-1 if kind == "retention" else 1) * np.abs(away)
        now = np.broadcast_to(before, shape)
        return Worlds(kind, np.stack([now, one, now, one], axis=-1), truth, bar)
    kind = {"drop from clean": "drop", "retention": "retention"}.get(method, "lost")
    gone, won = rng.uniform(0, 0.3, shape[:2]), rng.uniform(0, 0.3, shape[:2])
    luck = rng.random(shape)
    now = np.where(before == 1, luck >= gone[..., None], luck < won[..., None]) * 1.0
    mean = 0.85 * (1 - gone) + 0.15 * won
    truth = mean / 0.85 if kind == "retention" else 0.85 - mean
    bar = bars(truth, -0.9, 1.5, 1 if kind == "retention" else -1)
    return Worlds(kind, np.stack([now, one, np.broadcast_to(before, shape), one], axis=-1), truth, bar)


def clusters_of(rate, shape, bars, rng):
    """Return clusters of 1 to 50 answers that are alike; large clusters are right more often, or less."""
    size = rng.integers(1, 51, shape)
    tilt = rng.uniform(-1, 1, shape[:2]) * np.minimum(rate, 1 - rate)
    own = rate[..., None] + tilt[..., None] * np.where(size > 25, 1.0, -1.0)
    own = np.clip(own, 1e-6, 1 - 1e-6)
    hits = rng.binomial(size, rng.beta(4 * own, 4 * (1 - own)))
    sizes = np.arange(1, 51)
    large = sizes[sizes > 25].sum() / sizes.sum()
    truth = rate + tilt * (2 * large - 1)
    zero = np.zeros(shape)
    return Worlds("rate", np.stack([hits, size, zero, zero], axis=-1).astype(float), truth, bars(truth), 50.0)


def wealth(worlds, bars, above):
    """Return the log wealth of bets that the number is above its bar (or below), after each shard."""
    from stress.gate import Form, Observed
    from stress.records.metric import Metric
    from stress.statistics.betting import STAKES, log_wealth

    flat = worlds.rows.reshape(-1, 4)
    form = Form(worlds.kind, Metric("accuracy", top="score"))
    every = np.repeat(bars.reshape(-1), COUNT)
    gained = Observed(form, flat, np.ones(len(flat)), worlds.most).gains(every, above)
    gained = gained.reshape(-1, SHARD)
    # products of one shard's factors neither overflow nor vanish: their logarithm is taken once
    each = np.stack([np.log(np.multiply.reduce(1 + share * gained, axis=1)) for share in STAKES])
    return log_wealth(np.cumsum(each.reshape(len(STAKES), *bars.shape, LOOKS), axis=-1))


def numbers(worlds):
    """Return what each observation says of the number, scaled to [0, 1], its weight, and the bars so scaled."""
    a, b, c, d = np.moveaxis(worlds.rows, -1, 0)
    bars = worlds.bars[..., None]
    now = a / b
    if worlds.kind == "rate":
        return now, b, worlds.bars
    if worlds.kind == "retention":
        return (now + bars * (1 - c / d)) / (1 + bars), b, worlds.bars / (1 + worlds.bars)
    return (c / d - now + 1) / 2, b, (worlds.bars + 1) / 2


def running(worlds):
    """Return means after each shard, their standard errors, and how far above the bar these are."""
    y, w, bar = numbers(worlds)
    parts = [each.reshape(*y.shape[:2], LOOKS, SHARD).sum(axis=-1).cumsum(axis=-1) for each in (w, w * y, w**2)]
    mean = parts[1] / parts[0]
    more = [each.reshape(*y.shape[:2], LOOKS, SHARD).sum(axis=-1).cumsum(axis=-1) for each in (w**2 * y, (w * y) ** 2)]
    spread = more[1] - 2 * mean * more[0] + mean**2 * parts[2]
    seen = np.arange(1, LOOKS + 1) * SHARD
    error = np.sqrt(np.maximum(spread, 0) * seen / (seen - 1)) / parts[0]
    return mean, error, mean - bar[..., None]


def last_look(worlds, means, errors, far):
    """Return the p values of "kept" and of "broken" by an ordinary look at all samples: exact tails of rates."""
    from scipy.special import stdtr

    from stress.statistics.rates import at_least, at_most

    sign = -1.0 if worlds.worse_above else 1.0
    if worlds.plain:
        hits = worlds.rows[..., 0].sum(axis=-1)
        return np.asarray(at_most(hits, COUNT, worlds.bars)), np.asarray(at_least(hits, COUNT, worlds.bars))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.nan_to_num(sign * far[..., -1] / errors[..., -1], nan=0.0)
    return stdtr(COUNT - 1, z), stdtr(COUNT - 1, -z)


def said(worlds):
    """Return at each look which cells are called broken, and which kept (worlds × cells × looks), as gates do."""
    from stress.statistics.corrections import adjusted_evidence

    broken, kept = (wealth(worlds, worlds.bars, worlds.worse_above == up) for up in (True, False))
    means, errors, far = running(worlds)
    p_kept, p_broken = last_look(worlds, means, errors, far)
    each = LEVEL / CELLS * HALF
    crossed = broken >= -np.log(each)
    first = np.where(crossed.any(axis=-1), crossed.argmax(axis=-1), LOOKS)
    held = np.take_along_axis(broken, np.minimum(np.arange(LOOKS), first[..., None]), axis=-1)
    evidence = HALF * np.exp(np.minimum(held, 690.0))
    evidence[..., -1] += HALF * (p_kept <= each) / each
    bad = np.zeros(evidence.shape, bool)
    for world, look in np.argwhere((evidence >= 1 / LEVEL).any(axis=1)):
        bad[world, :, look] = adjusted_evidence(evidence[world, :, look], "holm") >= (1 - 1e-12) / LEVEL
    good = np.maximum.accumulate(kept >= -np.log(LEVEL * HALF), axis=-1)
    good[..., -1] |= p_broken <= LEVEL * HALF
    return np.maximum.accumulate(bad, axis=-1), good & ~bad, means, errors, far


def stops_of(bad, good, far, worse_above):
    """Return at which look each rule of stopping stops in each world."""
    end = np.full(len(bad), LOOKS - 1)

    def first(there, least=0):
        there = there & (np.arange(LOOKS) >= least)
        return np.where(there.any(axis=-1), there.argmax(axis=-1), end)

    well = far < 0 if worse_above else far > 0
    return {
        "all samples": end,
        "looks good": first(well.all(axis=1), 1),
        "first failure": first(bad.any(axis=1)),
        "all decided": first((bad | good).all(axis=1), 1),
    }


def errors_of(bad, good, kept):
    """Return by world: any cell called broken that is kept; and the file passed although a cell is broken."""
    return (bad & kept).any(axis=1), good.all(axis=1) & ~kept.all(axis=1)


def straws(worlds, means, errors, far):
    """Return (called broken, called kept) of each rule without error control, cell by cell."""
    sign = -1.0 if worlds.worse_above else 1.0
    z, seen = 1.959964, np.arange(1, LOOKS + 1) * SHARD
    middle, half = means, z * errors
    if worlds.plain:  # Wilson's
        middle = (means + z**2 / 2 / seen) / (1 + z**2 / seen)
        half = z / (1 + z**2 / seen) * np.sqrt(means * (1 - means) / seen + z**2 / 4 / seen**2)
    away = sign * (middle - means + far)
    clear = (np.abs(away) > half) & (half > 0)
    found = {}
    for name, ends in zip(STRAWS, (clear, half <= 0.05)):
        at = np.where(ends.any(axis=-1), ends.argmax(axis=-1), LOOKS - 1)[..., None]
        score = np.take_along_axis(away if name == STRAWS[0] else sign * far, at, axis=-1)[..., 0]
        there = np.take_along_axis(ends, at, axis=-1)[..., 0]
        found[name] = (there & (score < 0), there & (score >= 0))
    y, w, bar = numbers(worlds)
    hundred = sign * ((w * y)[..., :100].sum(axis=-1) / w[..., :100].sum(axis=-1) - bar)
    found[STRAWS[2]] = (hundred < 0, hundred >= 0)
    return found


def tally(method, count, seed=0, chunk=50):
    """Return the errors of a method over so many worlds: of each way to stop, and each rule without error control.

    Each is (a cell falsely called broken, a file falsely passed, share of broken cells falsely called kept);
    "sequence" the share of cells whose confidence sequence lost the truth at some look, of 95 %.
    """
    rng = np.random.default_rng([seed, METHODS.index(method)])
    rows, lost = {name: [] for name in (*STOPS, *STRAWS)}, []
    for start in range(0, count, chunk):
        worlds = worlds_of(method, min(chunk, count - start), rng)
        bad, good, means, errors, far = said(worlds)
        kept, number = worlds.kept, np.arange(len(bad))
        ends = stops_of(bad, good, far, worlds.worse_above)
        calls = {name: (bad[number, :, at], good[number, :, at]) for name, at in ends.items()}
        calls |= straws(worlds, means, errors, far)
        for name, (broken, fine) in calls.items():
            rows[name].append([*errors_of(broken, fine, kept), *_false_passes(fine, kept)])
        every = [errors_of(bad[..., at], good[..., at], kept) for at in range(LOOKS)]
        ever = [np.any([each[i] for each in every], axis=0) for i in (0, 1)]
        rows["any moment"].append([*ever, *_false_passes(good.any(axis=-1), kept)])
        out = [wealth(worlds, worlds.truth, above).max(axis=-1) >= -np.log(LEVEL) for above in (True, False)]
        lost.append((out[0] | out[1]).mean(axis=1))
    found = {name: np.array([np.concatenate(each) for each in zip(*parts)]) for name, parts in rows.items()}
    shares = {
        # of the worlds in which it could be: files with cells at their bars, and files with one broken cell
        name: (a[1::2].mean(), b[::2].mean(), c.sum() / max(n.sum(), 1))
        for name, (a, b, c, n) in found.items()
    }
    return shares | {"sequence": float(np.concatenate(lost).mean())}


def _false_passes(fine, kept):
    return (fine & ~kept).sum(axis=1), (~kept).sum(axis=1)


def table(count, seed=0):
    """Yield the lines of a table of all methods."""
    yield f"{count:,} worlds a method, files of {CELLS} rules on {COUNT} observations; promised: at most {LEVEL:.1%}"
    yield ""
    yield "| | stopped | any cell falsely broken | file falsely passed | broken cells passed | sequence lost truth |"
    yield "|---|---|---|---|---|---|"
    for method in METHODS:
        found = tally(method, count, seed)
        for name in (*STOPS, *STRAWS):
            shares = " | ".join(f"{100 * share:.2f} %" for share in found[name])
            first = name == STOPS[0]
            truth = f"{100 * found['sequence']:.2f} % (5 %)" if first else ""
            yield f"| {method if first else ''} | {name} | {shares} | {truth} |"
