"""The system with its policy: what it would have done is in the records, and a guarded model does the same."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import scenarios
import stress
from perturbations import Audio, InputError, ModelError, Sample, SpecError
from scenarios import expand
from stress import policy as policies
from stress.gate import judge, loads_gates
from stress.models import Batch
from stress.policy._evidence import evidence
from stress.policy._guarantee import calibrated
from stress.policy._judge import chosen
from stress.policy._relative import Clean
from stress.records.answered import Answers, answers_in
from stress.records.frame import Frame
from stress.statistics.risk import too_risky
from stress.tasks import Classification
from tests.test_policy import world

STREAMS = {"image": "image", "audio": "audio"}
OTHER = "tests.test_policy_system:other"
SUITE = """
suite: acts@1
severities: [5]
fallbacks: [drop, each, unimodal, {fill: zeros}, {model: "tests.test_policy_system:other"}]
scenarios:
  dark: {image: low_light}
  night: {image: low_light, audio: white_noise}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""


def shares(digits, sure):
    found = np.full((len(digits), 2), 1 - np.array(sure)[:, None])
    found[np.arange(len(digits)), digits] = sure
    return found


def leaning(batch):
    """Right with a bright picture, wrong and sure with a dark one, right and less sure by the sound alone."""
    digits, sure = [], []
    for k in range(batch.size):
        image, audio = batch["image"][k], batch["audio"][k]
        truth = int(batch.ids[k][1:]) % 2
        dark = image is not None and image.mean() < 40
        wrong = dark or (image is None and audio is None) or (image is None and int(batch.ids[k][1:]) % 7 == 0)
        digits.append(1 - truth if wrong else truth)
        sure.append(0.95 if image is not None else 0.8 + 0.001 * (int(batch.ids[k][1:]) % 50))
    return shares(digits, sure)


leaning.classes = ["a", "b"]


def other(batch):
    """Half right, whatever it is given."""
    return shares([int(i[1:]) % 2 if int(i[1:]) % 4 < 2 else 1 - int(i[1:]) % 2 for i in batch.ids], [0.9] * batch.size)


other.classes = ["a", "b"]


def labels(batch):
    return ["a"] * batch.size


labels.classes = ["a", "b"]


def sample(k):
    rng = np.random.default_rng(k)
    image = np.clip(rng.normal(120, 20, (16, 16, 3)) + k % 5, 0, 255).astype(np.uint8)
    wave = Audio(rng.normal(0, 0.05, (1, 800)).astype(np.float32), 8000)
    return Sample(
        f"s{k}", {"image": image, "audio": wave}, target="ab"[k % 2], groups={"room": str(k // 10)}, time=float(k)
    )


def made(folder, suite=SUITE, model=leaning, count=60, **options):
    data = [sample(k) for k in range(count)]
    return stress.run(model, data, scenarios.loads(suite), folder, preflight=False, workers=1, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("system") / "run", task=Classification(("a", "b"), keep="all"))


SIGNALS = ("image.brightness", "image.noise", "audio.level_dbfs", "answer_confidence", "image.answer_against",
           "image.answer_conflict", "answer_entropy")  # fmt: skip
DARK = {"signal": "image.brightness", "below": 0.25, "then": "drop image", "else": "keep"}
ACTIONS = ("keep", "drop image", "drop audio", "fill image with zeros", f"ask {OTHER}", "abstain")


class TestCells:
    def test_every_action_is_seen_on_clean_and_on_every_degraded_input(self, run):
        known = evidence(run, policies.Costs())
        wanted = {"keep", "drop image", "drop audio", "fill image with zeros", "fill audio with zeros", f"ask {OTHER}"}
        assert set(known.actions) == wanted
        assert not known.lacking
        assert len(known) == 3 * 60

    def test_another_model_answers_in_its_cells_alone(self, run):
        rows = run.records().to_pylist()
        asked = {row["cell"] for row in run.cells.to_pylist() if str(row["fallback"]).startswith("ask")}
        assert len(asked) == 3
        for row in rows:
            if row["cell"] in asked:
                assert row["score"] == float(row["sample"] % 4 < 2)
            elif row["cell"] == "clean":
                assert row["score"] == 1
        assert "fallbacks" in run.info["identity"]["model"]

    def test_a_model_that_answers_in_another_form_is_refused_before_any_work(self, tmp_path):
        with pytest.raises(ModelError, match="must answer in the form of the run's model"):
            made(tmp_path / "x", SUITE.replace(":other", ":labels"))
        assert not (tmp_path / "x").exists()

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("{fill: none}", "fill must be one of"),
            ("{fill: median}", "fill must be one of"),
            ("{model: nothing}", "module:attribute"),
            ("{model: 3}", "model must be a text"),
            ("{model: a:b, fill: mean}", "a fallback must be one of"),
            ("{}", "a fallback must be one of"),
            ("3", "a fallback must be one of"),
        ],
    )
    def test_what_is_no_fallback_is_refused(self, text, says):
        with pytest.raises(SpecError, match=says):
            scenarios.loads(f"suite: x@1\nfallbacks: [{text}]\nscenarios:\n  a: {{image: fog}}\n")

    def test_a_fill_that_the_data_cannot_give_is_refused(self):
        suite = scenarios.loads("suite: x@1\nfallbacks: [{fill: previous}]\nscenarios:\n  a: {image: fog}\n")
        with pytest.raises(SpecError, match="fill with previous, needs samples with a sequence"):
            expand(suite, STREAMS, has={"data"})

    def test_an_action_that_one_scenario_does_not_show_is_named_and_not_chosen(self, tmp_path):
        suite = SUITE.replace("night: {image: low_light, audio: white_noise}",
                              "night: {image: low_light, audio: white_noise, fallbacks: [each]}")  # fmt: skip
        known = evidence(made(tmp_path / "run", suite), policies.Costs())
        assert set(known.actions) == {"keep", "drop image", "drop audio"}
        assert known.lacking[f"ask {OTHER}"] == "night:5"

    def test_abstaining_needs_no_cell(self, tmp_path):
        bare = made(tmp_path / "run", "suite: x@1\nseverities: [5]\nscenarios:\n  dark: {image: low_light}\n")
        assert evidence(bare, policies.Costs(abstain=0.2)).actions == ("keep", "abstain")
        with pytest.raises(InputError, match="no cell in which degraded streams are dropped"):
            evidence(bare, policies.Costs())

    def test_of_one_stream_the_hint_is_another(self, tmp_path):
        data = [Sample(f"s{k}", {"image": sample(k).streams["image"]}, target="ab"[k % 2]) for k in range(20)]
        suite = scenarios.loads("suite: x@1\nseverities: [5]\nscenarios:\n  dark: {image: low_light}\n")
        alone = stress.run(labels, data, suite, tmp_path / "run", preflight=False, workers=1)
        with pytest.raises(
            InputError, match=r"nothing can be dropped: add to the suite `fallbacks: \[\{fill: mean\}\]`"
        ):
            evidence(alone, policies.Costs())


rules = st.recursive(
    st.sampled_from(ACTIONS),
    lambda inner: st.fixed_dictionaries({
        "signal": st.sampled_from(SIGNALS),
        "below": st.sampled_from([0.0, 0.05, 0.2, 0.3, 0.5, 0.81, 0.9, -25.0, -20.0]), "then": inner, "else": inner,
    }),
    max_leaves=5,
)  # fmt: skip


class TestGuardedAndReplayed:
    @settings(max_examples=8, deadline=None)
    @example(rule="drop image", threshold=0.82)  # unsure of most of the first samples: it abstains on them
    @given(rule=rules, threshold=st.sampled_from([None, 0.5, 0.82, 0.95]))
    def test_a_guarded_model_is_the_replay_record_by_record(self, run, rule, threshold, tmp_path_factory):
        reads = {"classes": ["a", "b"], "answers": "probabilities"}
        policy = policies.Policy(rule, ACTIONS, SIGNALS, answer_from=threshold, reads=reads)
        replay = policies.replayed(run, policy)
        guarded = policies.guard(leaning, policy)
        out = tmp_path_factory.mktemp("guarded") / "run"
        again = Frame(made(out, model=guarded, only=["dark", "night"], skip=["*~*", "drop:*", "fill*"]))
        scores = np.where(again.failed, 0.0, again.column("score"))
        seen = {(again.ids[c], s): score for c, s, score in zip(again.cell, again.sample, scores)}
        frame = replay.frame
        for record, right in zip(replay.record, replay.right):
            assert seen[frame.ids[frame.cell[record]], frame.sample[record]] == right

    def test_the_system_has_every_metric_of_a_run(self, run):
        policy = policies.Policy({**DARK, "else": "abstain"}, ACTIONS, ("image.brightness",))
        whole = policies.system(run, policy)
        replay = policies.replayed(run, policy)
        found = stress.measure.measured(whole).metric("accuracy")
        assert set(found) == {"clean", "dark:5", "night:5"}
        for name, number in found.items():
            mine = np.array(replay.frame.ids)[replay.cell] == name
            assert number.value == pytest.approx(replay.right[mine].mean())
            assert number.failed == (~replay.answered[mine]).sum()
        assert found["clean"].value == 0
        assert found["dark:5"].value > 0.8

    def test_a_gate_judges_the_system(self, run, tmp_path):
        policies.save(policies.Policy(DARK, ACTIONS, ("image.brightness",)), tmp_path / "policy.json")
        rule = "metric: accuracy, on: {scenario: dark}, min: 0.6"
        gates = loads_gates(f"gates:\n- {{{rule}}}\n- {{policy: policy.json, {rule}}}\n", folder=tmp_path)
        alone, guarded = judge(run, gates).verdicts
        assert alone.outcome != "pass" == guarded.outcome
        assert alone.worst.value < 0.6 < guarded.worst.value
        assert "policy.json" in guarded.rule.title
        with pytest.raises(SpecError, match=r"policy\.json"):
            loads_gates(f"gates:\n- {{policy: policy.json, {rule}}}\n", folder=tmp_path / "elsewhere")
        with pytest.raises(SpecError, match="policy goes with min, max or within"):
            loads_gates(
                "gates:\n- {policy: policy.json, metric: accuracy, against: baseline, max_drop: .1}\n", folder=tmp_path
            )

    def test_the_report_shows_the_system(self, run):
        policies.save(policies.Policy(DARK, ACTIONS, ("image.brightness",)), run.path / "policy.json")
        page = run.report().read_text(encoding="utf-8")
        (run.path / "policy.json").unlink()
        assert "When a stream degrades" in page
        assert "The system with its policy, from the records" in page

    @pytest.mark.parametrize(
        ("rule", "says"),
        [
            ("fill image with mean", r"fallbacks: \[\{fill: mean\}\]"),
            ("ask a.b:c", r"fallbacks: \[\{model: a.b:c\}\]"),
            ({**DARK, "signal": "image.haze"}, "--signals all"),
        ],
    )
    def test_what_the_run_does_not_show_is_named(self, run, rule, says):
        actions = (*ACTIONS, "fill image with mean", "ask a.b:c")
        with pytest.raises(InputError, match=says):
            policies.replayed(run, policies.Policy(rule, actions, ("image.haze",)))

    def test_a_policy_that_fills_from_data_must_be_given_them(self):
        policy = policies.Policy("fill image with mean", ("keep", "fill image with mean"), ())
        with pytest.raises(InputError, match="data must be given"):
            policies.guard(leaning, policy)
        data = [sample(k) for k in range(4)]
        mean = np.mean([s.streams["image"] for s in data], axis=0)
        seen = []
        guarded = policies.guard(lambda batch: seen.append(batch["image"]) or leaning(batch), policy, data)
        guarded(Batch.of(data[:2]))
        assert np.abs(seen[0][0] - mean).max() <= 1


def test_answers_tell_which_stream_is_the_odd_one_out():
    """Of three streams the first contradicts the other two, who agree; then all agree; then one is lost."""
    label = np.array([[1, 0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 1], [0, -1, 0, 2, 0, 2, 0]])
    sure = np.where(label < 0, np.nan, 0.5 + 0.05 * np.arange(7))
    found = answers_in(Answers(("a", "b", "c"), label, sure, np.empty((*label.shape, 0))), each=True)
    assert found["a.answer_agreement"].tolist()[:2] == [0.0, 1.0]
    assert found["b.answer_agreement"].tolist()[:2] == [0.5, 1.0]
    assert found["answer_agreement"][:2] == pytest.approx([1 / 3, 1])
    assert found["answer_agreement"][2] == 0
    assert np.isnan(found["a.answer_agreement"][2])
    assert found["a.answer_against"][:2] == pytest.approx([0.7, 0.0])
    assert np.isnan(found["a.answer_against"][2])
    assert "answer_entropy" not in found
    assert "a.answer_conflict" not in found


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(2, 3), st.integers(0, 10**6))
def test_conflict_is_how_often_two_draws_differ(classes, streams, seed):
    """Drawn from what a stream says alone and from what the others say: counted over all pairs of classes."""
    rng = np.random.default_rng(seed)
    names = ("a", "b", "c")[:streams]
    shares = rng.dirichlet(np.full(classes, 0.3), (4, 1 + 2 * streams))
    shares[0, 1], shares[0, 1 + streams] = np.eye(classes)[0], np.eye(classes)[-1]
    shares[1, 1] = np.nan
    nothing = np.full(shares.shape[:2], np.nan)
    found = answers_in(Answers(names, shares.argmax(axis=2), nothing, shares), each=True)
    for k, name in enumerate(names):
        value = found[f"{name}.answer_conflict"]
        alone, others = shares[:, 1 + k], shares[:, 1 + streams + k]
        pairs = [sum(alone[i, x] * others[i, y] for x in range(classes) for y in range(classes) if x != y)
                 for i in range(4)]  # fmt: skip
        assert value == pytest.approx(pairs, abs=1e-12, nan_ok=True)
    assert found["a.answer_conflict"][0] == 1


def test_a_rule_is_made_for_the_scenarios_that_are_expected(run, tmp_path):
    """Weights of a scenario's inputs are its share; one that never comes is worth nothing."""
    known = evidence(run, policies.Costs(scenarios={"dark": 3}), 0.4)
    share = {name: known.weight[known.scenario == i].sum() for i, name in enumerate(known.scenarios)}
    assert share == pytest.approx({"clean": 0.4, "dark": 0.45, "night": 0.15})
    with pytest.raises(InputError, match=r"'drak' is no scenario of the run. Did you mean dark"):
        evidence(run, policies.Costs(scenarios={"drak": 1}))
    with pytest.raises(InputError, match="at least one scenario must be expected"):
        evidence(run, policies.Costs(scenarios={"dark": 0, "night": 0}))
    with pytest.raises(InputError, match="not for the calls that signals"):
        evidence(run, policies.Costs(second=1), asking="answer")
    (tmp_path / "costs.yaml").write_text("second: 2\nscenarios: {dark: 3}\n")
    assert policies.load_costs(tmp_path / "costs.yaml") == policies.Costs(scenarios={"dark": 3.0}, second=2.0)


def test_a_slow_action_costs_what_its_time_does(run):
    """The other model is asked in cells of its own: its mean time there, by hand from the records."""
    plain, timed = evidence(run, policies.Costs(abstain=0.3)), evidence(run, policies.Costs(abstain=0.3, second=7))
    more = timed.loss - plain.loss
    rows = run.records().to_pylist()
    for k, action in enumerate(plain.actions[:-1]):
        took = [rows[i]["seconds"] / rows[i]["batch"] for i in plain.position[:, k]]
        assert more[:, k] == pytest.approx(7 * np.mean(took)), action
    assert (more[:, -1] == 0).all()


def test_a_cluster_that_would_span_parts_is_refused(tmp_path):
    """Of the same speaker in two rooms, a rule made in one room would be judged in the other."""
    data = stress.data.from_samples(
        [Sample(s.id, s.streams, s.target, {"room": s.groups["room"], "floor": f"{k // 30}", "speaker": f"{k // 15}"})
         for k, s in ((k, sample(k)) for k in range(60))], cluster="speaker"
    )  # fmt: skip
    run = stress.run(leaning, data, scenarios.loads(SUITE), tmp_path / "run", preflight=False, workers=1)
    with pytest.raises(InputError, match="speaker '0' in room '0' and in room '1'"):
        policies.fit(run, cluster="room")
    assert evidence(run, policies.Costs(), cluster="floor").clustered == "floor"
    assert evidence(run, policies.Costs()).clustered == "speaker"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 10), st.floats(-50, 50), st.floats(-1, 2))
def test_a_place_among_clean_values_moves_with_them(seed, scale, shift, position):
    """Of values that another microphone scales and shifts, the place is the same; and it grows with the value."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=200)
    one, two = Clean.of(values), Clean.of(values * scale + shift)
    assert one is not None
    assert two is not None
    assert two.value(position) == pytest.approx(one.value(position) * scale + shift, rel=1e-6, abs=1e-6)
    assert one.position(np.array([one.value(position)]))[0] == pytest.approx(position, abs=1e-6)
    grid = one.position(np.linspace(-6, 6, 500))
    assert (np.diff(grid) >= 0).all()
    assert Clean.of(np.zeros(100)) is None
    assert Clean.of(values[:19]) is None


def test_a_rule_by_places_carries_over_to_a_room_that_it_has_not_seen(tmp_path):
    """Rooms that are lit differently: a threshold in one is wrong in another, its place among clean pictures is not."""

    def lit(k):
        one, room = sample(k), k // 40
        image = (one.streams["image"] * (0.35 + 0.25 * room)).astype(np.uint8)
        return Sample(one.id, {**one.streams, "image": image}, one.target, groups={"room": str(room)})

    def model(batch):
        rooms = [int(i[1:]) // 40 for i in batch.ids]
        dark = [v is not None and v.mean() < 120 * (0.35 + 0.25 * r) * 0.75 for v, r in zip(batch["image"], rooms)]
        truth = [int(i[1:]) % 2 for i in batch.ids]
        blind = [v is None and int(i[1:]) % 3 == 0 for v, i in zip(batch["image"], batch.ids)]
        return shares([1 - t if d or b else t for t, d, b in zip(truth, dark, blind)], [0.9] * len(dark))

    model.classes = ["a", "b"]
    suite = SUITE.replace(', {model: "tests.test_policy_system:other"}', "").replace(
        "severities: [5]", "severities: [2]"
    )
    data = [lit(k) for k in range(120)]
    run = stress.run(model, data, scenarios.loads(suite), tmp_path / "run", preflight=False, workers=1)
    gains = {}
    for by in (None, "room"):
        known = evidence(run, policies.Costs(), relative_to=by, cluster="room")
        lost = []
        for room in range(3):
            from stress.policy._tree import taken

            rule, mine = chosen(known.of(known.member != room), safe=False), known.of(known.member == room)
            lost.append(mine.loss[:, 0].mean() - mine.loss[np.arange(len(mine)), taken(rule, mine.values)].mean())
        gains[by] = min(lost)
    assert gains["room"] > 0.2
    assert gains["room"] >= gains[None]
    fitted = policies.fit(run, relative="room", cluster=None)
    assert fitted.policy.relative
    clean = [policies.signals_of(s.streams) for s in data[:40]]
    moved = policies.anchored(fitted.policy, clean)
    assert json.dumps(moved.rule) != json.dumps(fitted.policy.rule)
    with pytest.raises(InputError, match="at least 20 clean inputs"):
        policies.anchored(moved, clean[:5])
    with pytest.raises(InputError, match="fitted with relative"):
        policies.anchored(policies.Policy(DARK, ACTIONS, ("image.brightness",)), clean)


class TestOverTime:
    def test_hysteresis_and_dwell_only_ever_calm(self):
        rng = np.random.default_rng(0)
        policy = policies.Policy(DARK, ACTIONS, ("image.brightness",), spread={"image.brightness": 0.1})
        values = 0.25 + 0.05 * np.sin(np.arange(400) / 30) + rng.normal(size=400) * 0.02

        def switches(**calm):
            steady = policies.Steady(policy, **calm)
            taken = [steady.decide({"image.brightness": float(v)}) for v in values]
            return taken, sum(a != b for a, b in zip(taken, taken[1:]))

        plain, often = switches()
        assert plain == [policy.decide({"image.brightness": float(v)}) for v in values]
        for calm in ({"after": 3}, {"dwell": 10}, {"band": 0.3}):
            taken, fewer = switches(**calm)
            assert 0 < fewer < often
            if "dwell" in calm:
                changes = np.flatnonzero([a != b for a, b in zip(taken, taken[1:])])
                assert (np.diff(changes) >= 10).all()
            if "band" in calm:  # it leaves an action only beyond the band
                for v, a, b in zip(values[1:], taken, taken[1:]):
                    assert a == b or abs(v - 0.25) >= 0.3 * 0.1 - 1e-12
        for wrong in ({"after": 0}, {"dwell": 1.5}, {"band": -1}):
            with pytest.raises(InputError):
                policies.Steady(policy, **wrong)

    def test_a_timeline_is_replayed_in_its_order(self, tmp_path):
        suite = """
suite: drive@1
fallbacks: [drop, each]
scenarios:
  dusk: {image: low_light, timeline: {points: [[0, 0], [0.4, 0], [0.41, 5], [1, 5]]}}
  lost: {all: {name: missing, fill: none}, grid: subsets, fallbacks: []}
"""
        run = made(tmp_path / "run", suite)
        policy = policies.Policy(DARK, ACTIONS, ("image.brightness",))
        (over,) = policies.over_time(run, policy)
        assert over.switches == 1
        assert over.hours == pytest.approx(59 / 3600)
        assert over.per_hour == pytest.approx(3600 / 59)
        assert over.without[0] == over.within[0] == 1
        assert over.without[-1] < over.within[-1]
        assert over.share["drop image"] == pytest.approx(0.6, abs=0.03)
        with pytest.raises(InputError, match="follows no timeline"):
            policies.over_time(made(tmp_path / "plain"), policy)


class TestPromises:
    def test_p_values_of_single_answers_are_those_of_an_independent_implementation(self):
        """Of yes-or-no losses Hoeffding–Bentkus is the exact binomial tail, which is never above Hoeffding's."""
        found = json.loads((Path(__file__).parent / "published" / "mapie_p_values.json").read_text(encoding="utf-8"))
        for n, wrong, risk, p in found["rows"]:
            losses = (np.arange(n) < wrong).astype(float)
            mine = too_risky(losses, np.ones(n), np.arange(n), risk, 0.1, alone=True)
            assert mine == pytest.approx(p, abs=1e-9)
        assert len(found["rows"]) == 100

    def test_safe_and_a_promise_together(self):
        """Where no rule is safe the promise is of doing nothing, and says what that came to."""
        known = world(np.random.default_rng(1), clusters=300, confidence=lambda r, wrong: r.random(wrong.shape))
        known.values[:, 0] = np.where(known.scenario == 0, 0.0, 2.0)
        known.right[:] = np.random.default_rng(3).random(known.right.shape) >= 1 / (
            1 + np.exp(6 * known.confidence - 1)
        )
        known.loss[:] = np.where(known.scenario[:, None] == 2, [[0.2, 0.5]], known.loss)
        assert chosen(known, safe=True) == 0
        promise = calibrated(known, 0, 0.2, 0.1)
        assert promise.threshold is not None
        for family, error in zip(promise.families, promise.error):
            rows = known.scenario == known.scenarios.index(family)
            given = known.confidence[rows, 0] >= promise.threshold
            assert error <= 0.2
            assert (1 - known.right[rows, 0])[given].mean() == pytest.approx(error, abs=0.1)

    @pytest.mark.slow
    @pytest.mark.parametrize("each", [1, 5])
    def test_promises_are_broken_no_more_often_than_they_say(self, each):
        from benchmarks.promises import DELTA, broken

        repeats = 60
        given, failed, outside = broken(1000, 0.1, each, repeats)
        assert given > repeats / 2
        assert failed / repeats <= DELTA + 3 * np.sqrt(DELTA * (1 - DELTA) / repeats)
        assert outside > failed
