"""Attacks: their order, their budgets to the last step, their independence, and what they say of a model that hides."""

import numpy as np
import pytest

import perturbations
import scenarios
import stress
from perturbations import Audio, InputError, ModelError, SpecError, attack
from perturbations.attack._oracle import log_odds, margin_loss, targeted_ratio
from perturbations.modality import modality
from perturbations.modality.text import edit_distance
from stress.measure import summary, table
from stress.models._gradients import ModelOracle
from tests import worlds
from tests._amount import amount

torch = pytest.importorskip("torch")
from tests import attack_world as world  # noqa: E402 - it needs torch

NAMES = perturbations.names("attack")
SEVERITIES = (1, 2, 3, 4, 5)


def accuracy(name, severity, count=world.HELD, oracle=None, **params):
    images, labels = world.held_out(count)
    found = attack.run(name, {"image": images}, labels, oracle or world.oracle(), severity=severity, **params)
    return float(1 - found.broken.mean())


def survivors(name, severity, **params):
    images, labels = world.held_out()
    return ~attack.run(name, {"image": images}, labels, world.oracle(), severity=severity, **params).broken


@pytest.fixture(scope="module")
def standing():
    """Which held-out digits survive each attack at each severity."""
    names = ("attack.fgsm", "attack.pgd", "attack.apgd", "attack.apgd_dlr", "attack.random")
    params = {"attack.apgd_dlr": {"targets": 3}}
    return {name: [survivors(name, s, **params.get(name, {})) for s in SEVERITIES] for name in names}


@pytest.mark.parametrize("severity", SEVERITIES)
def test_stronger_attacks_leave_fewer_standing(standing, severity):
    fgsm, pgd, apgd, dlr, chance = (rows[severity - 1] for rows in standing.values())
    worst = fgsm & pgd & apgd & dlr
    assert chance.mean() >= fgsm.mean() >= pgd.mean() >= apgd.mean() >= worst.mean()


def test_attacks_bite(standing):
    """The order above must not hold because nothing happens."""
    assert standing["attack.random"][4].mean() > 0.85
    assert standing["attack.apgd"][4].mean() < 0.3
    assert standing["attack.fgsm"][3].mean() > standing["attack.apgd"][3].mean()


def test_a_larger_budget_never_helps_the_model(standing):
    for rows in standing.values():
        means = [row.mean() for row in rows]
        assert all(a >= b - 0.01 for a, b in zip(means, means[1:]))


def test_square_is_stronger_than_random_search():
    for severity in (3, 4, 5):
        square = accuracy("attack.square", severity, 120, calls=150)
        search = accuracy("attack.random_search", severity, 120, calls=150)
        assert square < search, severity


def test_apgd_is_as_strong_as_the_adversarial_robustness_toolbox(standing):
    evasion = pytest.importorskip("art.attacks.evasion")
    from art.estimators.classification import PyTorchClassifier

    images, labels = world.held_out()
    x = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32)
    classifier = PyTorchClassifier(
        world.trained(), torch.nn.CrossEntropyLoss(), (1, 8, 8), 10, clip_values=(0, 255), device_type="cpu"
    )
    np.random.seed(0)
    for severity, epsilon in zip(SEVERITIES, (1, 2, 4, 8, 16)):
        theirs = evasion.AutoProjectedGradientDescent(
            classifier, eps=epsilon, eps_step=2 * epsilon, max_iter=20, nb_random_init=1, batch_size=64,
            loss_type="cross_entropy", verbose=False,
        )  # fmt: skip
        found = theirs.generate(x, labels)
        with torch.no_grad():
            right = world.trained()(torch.from_numpy(found)).argmax(1).numpy() == labels
        assert standing["attack.apgd"][severity - 1].mean() <= right.mean() + 0.02, epsilon


# Budgets


def streams_of(count=6):
    chosen = worlds.samples(40)[:count]
    streams = {name: [sample.streams[name] for sample in chosen] for name in ("image", "audio", "text")}
    streams["image"][0] = None
    streams["audio"][1] = Audio(np.zeros((1, 400), np.float32), 8000)
    streams["audio"][2] = Audio(streams["audio"][2].samples * np.float32(0.0137), 8000)  # quiet, and not in 16 bits
    streams["text"][3] = ""
    return streams, np.array([int(sample.target) for sample in chosen])


def demo_oracle(batch_size=32):
    return ModelOracle(worlds.model("intermediate"), world.CLASSES, "probabilities", batch_size)


def within(name, kind, clean, found, settings):
    """Whether a value is in its real format and within its budget, judged apart from the code that made it."""
    if clean is None:
        return found is None
    modality(kind).check(found, name)
    budget = perturbations.get(name).budgets[kind]
    if kind == "text":
        if budget == "words":
            return sum(a != b for a, b in zip(clean.split(), found.split())) <= settings["words"]
        return edit_distance(clean, found) <= settings["edits"]
    if kind == "image":
        change = found.astype(int) - clean.astype(int)
        if budget == "epsilon":
            return np.abs(change).max() <= settings["epsilon"]
        if budget == "share":
            return np.any(change, axis=2).sum() <= settings["share"] * change.shape[0] * change.shape[1]
        return np.sqrt(np.mean(np.square(change, dtype=float))) <= settings["rms"]
    if np.array_equal(clean.samples, found.samples):
        return True
    steps = found.samples.astype(np.float64) * 32768
    whole = np.array_equal(steps, np.rint(steps)) and steps.min() >= -32768 and steps.max() <= 32767
    return whole and modality("audio").distortion(clean, found)["snr_db"] >= settings["snr_db"]


CHEAP = {"steps": 3, "targets": 2, "calls": 12}


def cheap(name):
    params = perturbations.get(name).params
    return {key: value for key, value in CHEAP.items() if key in params}


@pytest.mark.parametrize("name", NAMES)
def test_budgets_hold_exactly(name):
    streams, labels = streams_of()
    declared = perturbations.get(name)
    for severity in (1, 5):
        found = attack.run(name, streams, labels, demo_oracle(), severity=severity, **cheap(name))
        settings = declared.settings(severity)
        for stream, values in found.values.items():
            for before, after in zip(streams[stream], values):
                assert within(name, stream, before, after, settings), (stream, severity)


class Watched:
    """An oracle that remembers every value that it is asked about."""

    def __init__(self, inner):
        self.inner, self.seen = inner, {"image": [], "audio": [], "text": []}

    classes = property(lambda self: self.inner.classes)
    differentiable = property(lambda self: self.inner.differentiable)

    def scores(self, streams):
        for name, values in streams.items():
            self.seen[name] += values
        return self.inner.scores(streams)

    def gradients(self, streams, wanted, loss):
        for name, values in streams.items():
            self.seen[name] += values
        return self.inner.gradients(streams, wanted, loss)


LOOKING_BEYOND = {
    "attack.hop_skip_jump": ("image", "audio"),
    "attack.character_edits": ("text",),
    "attack.auto": ("text",),
}
"""Searches that look at values beyond their budget and keep none: for the border, or for the words that matter."""


@pytest.mark.parametrize("eot", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_the_model_sees_is_beyond_its_budget(name, eot):
    """Of all streams at once, each near the clean value of some sample, whose own it is in all but those that look."""
    streams, labels = streams_of()
    watched = Watched(demo_oracle())
    attack.run(name, streams, labels, watched, severity=3, eot=eot, **cheap(name))
    settings = perturbations.get(name).settings(3)
    for kind in perturbations.get(name).modalities:
        kept = [value for value in watched.seen[kind] if value is not None]
        assert len(kept) > len(labels)
        beyond = [v for v in kept if not any(near(name, kind, c, v, settings) for c in streams[kind] if c is not None)]
        assert not beyond or kind in LOOKING_BEYOND.get(name, ())


def near(name, kind, clean, value, settings):
    if kind == "image" and clean.shape != value.shape:
        return False
    if kind == "audio" and clean.samples.shape != value.samples.shape:
        return False
    return (clean is value) or within(name, kind, clean, value, settings)


@pytest.mark.parametrize("name", NAMES)
def test_attacks_leave_their_input_alone(name):
    streams, labels = streams_of()
    frozen = {n: modality(n).freeze(values) for n, values in streams.items()}
    attack.run(name, frozen, labels, demo_oracle(), severity=5, **cheap(name))
    for stream, values in streams.items():
        for one, other in zip(values, frozen[stream]):
            assert one is other is None or modality(stream).same(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_results_depend_on_the_sample_alone(name):
    """Neither the batch, nor its size, nor the order, nor the neighbours change an attack.

    On some processors the last bits of a network's gradients depend on the batch's size, and a step of the attack may
    go the other way where a gradient is nothing but rounding: audio may then differ by a fiftieth of the change.
    """
    streams, labels = streams_of(12)
    ids = [f"s{i}" for i in range(12)]
    one = attack.run(name, streams, labels, demo_oracle(32), severity=4, ids=ids, **cheap(name))
    order = list(range(12))[::-1]
    if not perturbations.get(name).held_out:  # what is fitted on the others depends on who they are
        order = order[:7]
    turned = {n: [v[i] for i in order] for n, v in streams.items()}
    names = [ids[i] for i in order]
    other = attack.run(name, turned, labels[order], demo_oracle(5), severity=4, ids=names, **cheap(name))
    if perturbations.get(name).held_out:
        return
    for stream, values in other.values.items():
        for place, i in enumerate(order):
            a, b = one.values[stream][i], values[place]
            assert (a is None and b is None) or modality(stream).same(a, b) or nearly(a, b, streams[stream][i]), i
    assert np.array_equal(one.calls[order], other.calls)


def nearly(one, other, clean):
    """Whether two attacked recordings are the same but for rounding inside the network."""
    if not isinstance(one, Audio):
        return False
    return np.abs(one.samples - other.samples).max() <= 0.02 * np.abs(one.samples - clean.samples).max()


def test_another_seed_is_another_attack():
    images, labels = world.held_out(20)
    one, same, other = (
        attack.run("attack.random", {"image": images}, labels, world.oracle(), severity=2, seed=seed)
        for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(one.values["image"], same.values["image"]))
    assert not any(np.array_equal(a, b) for a, b in zip(one.values["image"], other.values["image"]))


# What an attack costs


class Counting:
    """An oracle of two classes over brightness, which counts every sample that it is asked about."""

    classes, differentiable = 2, False

    def __init__(self):
        self.asked = 0

    def scores(self, streams):
        values = streams["image"]
        self.asked += len(values)
        bright = np.array([value.mean() for value in values])
        return np.stack([140 - bright, bright - 100], axis=1)


@pytest.mark.parametrize("name", ["attack.square", "attack.random_search", "attack.random", "attack.auto"])
def test_calls_are_counted_and_kept(name):
    oracle = Counting()
    images = [np.full((6, 7, 3), level, np.uint8) for level in (90, 118, 119, 200)]
    params = {"calls": 25} if "calls" in perturbations.get(name).params else {}
    found = attack.run(name, {"image": images}, [0, 0, 0, 0], oracle, severity=2, **params)
    assert oracle.asked == found.calls.sum()
    assert found.calls.max() <= 25
    assert list(found.wrong_before) == [False, False, False, True]
    assert found.calls[3] == 1
    assert found.values["image"][3] is images[3]


def test_losses_have_the_derivatives_they_say():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(5, 6)) * 3, np.array([0, 1, 2, 3, 4])
    aims = np.array([1, 2, 3, 4, 5])
    for loss in (log_odds(labels), margin_loss(labels), targeted_ratio(labels, aims)):
        _, slopes = loss(scores)
        for place in np.ndindex(scores.shape):
            step = np.zeros_like(scores)
            step[place] = 1e-6
            rise = (loss(scores + step)[0] - loss(scores - step)[0])[place[0]] / 2e-6
            assert slopes[place] == pytest.approx(rise, abs=1e-5)


def test_a_sure_model_is_attacked_as_well():
    """Logits a thousand times larger leave no gradient in float32; the attack must not be taken in."""
    nets = (world.Net(world.trained(), scale) for scale in (1.0, 1000.0))
    plain, sure = (accuracy("attack.apgd", 4, oracle=world.oracle(net)) for net in nets)
    assert sure <= plain + 0.1


def test_anything_with_a_pullback_can_be_attacked():
    """A linear model in numpy: the best change of an image is known in closed form."""
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(12, 2))

    class Linear:
        classes = ("a", "b")

        def __call__(self, batch):
            return np.stack([value.reshape(-1) for value in batch["image"]]) @ weights

        def loss_gradient(self, batch, streams, loss):
            scores = self(batch)
            slopes = loss(scores)[1] @ weights.T
            return scores, {"image": [row.reshape(2, 2, 3) for row in slopes]}

    image = np.full((2, 2, 3), 128, np.uint8)
    label = int(Linear()({"image": [image]}).argmax())
    oracle = ModelOracle(Linear(), ("a", "b"), "logits")
    found = attack.run("attack.fgsm", {"image": [image]}, [label], oracle, epsilon=3)
    uphill = np.sign(weights[:, 1 - label] - weights[:, label]).reshape(2, 2, 3)
    assert np.array_equal(found.values["image"][0].astype(int) - 128, 3 * uphill)


# Several streams


def test_two_streams_together_are_weaker_than_each_alone():
    chosen = worlds.samples(40)
    streams = {name: [sample.streams[name] for sample in chosen] for name in ("image", "audio", "text")}
    labels = [int(sample.target) for sample in chosen]
    left = {}
    for on in (["image"], ["audio"], ["image", "audio"]):
        found = attack.run("attack.apgd", streams, labels, demo_oracle(), on=on, severity=5, steps=10)
        left["+".join(on)] = 1 - found.broken.mean()
        assert set(found.values) == set(on)
    assert left["image+audio"] < min(left["image"], left["audio"])


@pytest.mark.slow
@pytest.mark.parametrize("on", ["image", "audio"])
def test_the_demo_model_gives_way_in_the_same_order(on):
    """With the other streams lost, so that the attacked one decides."""
    chosen = worlds.samples(40)
    streams = {name: [s.streams[name] if name == on else None for s in chosen] for name in ("image", "audio", "text")}
    labels = [int(sample.target) for sample in chosen]
    for severity in amount(SEVERITIES[::4], SEVERITIES):
        standing = {
            name: ~attack.run(name, streams, labels, demo_oracle(), on=[on], severity=severity).broken
            for name in ("attack.fgsm", "attack.pgd", "attack.apgd")
        }
        fgsm, pgd, apgd = standing.values()
        means = [fgsm.mean(), pgd.mean(), apgd.mean(), (fgsm & pgd & apgd).mean()]
        assert means == sorted(means, reverse=True), (severity, means)
    assert apgd.mean() < 0.7  # alone and unharmed, each stream is right on more than .9


def test_a_universal_pattern_is_one_for_all_and_fitted_on_others():
    images, labels = world.held_out()
    found = attack.run("attack.universal", {"image": images}, labels, world.oracle(), severity=5)
    moved = ~found.wrong_before
    half_of = attack.halves_of([str(i) for i in range(len(images))])
    halves = np.array([half_of[str(i)] for i in range(len(images))])
    for half in (0, 1):
        rows = np.flatnonzero(moved & (halves == half))
        inner = [images[i].astype(int) for i in rows]
        change = np.array([found.values["image"][i].astype(int) - a for i, a in zip(rows, inner)])
        free = np.array([(a >= 16) & (a <= 239) for a in inner])
        pattern = np.where(free, change, 0).sum(0) / np.maximum(free.sum(0), 1)
        assert np.allclose(np.where(free, change, pattern), pattern, atol=1)
    assert found.broken.mean() > 3 * (1 - accuracy("attack.random", 5))


# In the grid

SUITE = """
suite: small@1
severities: [3, 5]
scenarios:
  noise:  {image: gaussian_noise}
  fgsm:   {image: attack.fgsm}
  apgd:   {image: {name: attack.apgd, steps: 8}}
  square: {image: {name: attack.square, calls: 60}}
"""


def run_of(tmp_path, net, suite=SUITE, count=80, **settings):
    loaded = scenarios.loads(suite)
    return stress.run(net, world.samples(count), loaded, tmp_path / "run", **{"workers": 1, **settings})


def attack_flags(run):
    """Return what is said of the attacks beside their numbers: by preflight in run.json, and with the results."""
    checks = [f"{c['name']}: {c['says']}" for c in run.info["preflight"] if c["outcome"] != "ok"]
    return [line for line in (*checks, *summary(run)["warnings"]) if "attack" in line]


def test_the_grid_holds_noise_and_malice(tmp_path):
    run = run_of(tmp_path, world.Net(world.trained()))
    curves = table(run, "curves").to_pandas()
    drawn = curves[curves.metric == "accuracy"].set_index(["scenario", "severity"]).value
    assert drawn["apgd", 5] < drawn["noise", 5]
    found = table(run, "attacks").to_pandas().set_index(["attack", "severity"])
    for severity in (3, 5):
        worst = found.loc["worst case", severity]
        assert worst.value <= min(found.loc[name, severity].value for name in ("attack.apgd", "attack.square"))
        assert worst.low <= worst.value <= worst.high
        assert found.loc["plain chance", severity].value >= found.loc["attack.fgsm", severity].value
        assert found.loc["attack.square", severity].calls > found.loc["attack.fgsm", severity].calls >= 2
    curve = curves[curves.scenario == "worst case (epsilon)"].set_index("severity").value
    assert list(curve.index) == [0, 3, 5]
    assert curve[3] == found.loc["worst case", 3].value
    assert attack_flags(run) == []


def test_records_do_not_depend_on_workers_or_batches(tmp_path):
    one = run_of(tmp_path / "a", world.Net(world.trained()), count=40)
    other = run_of(tmp_path / "b", world.Net(world.trained()), count=40, workers=2, batch_size=7)
    for column in ("score", "attack.calls", "attack.random", "distortion.image.psnr_db"):
        assert one.records()[column].to_pylist() == other.records()[column].to_pylist(), column


def test_natural_change_comes_before_the_attack(tmp_path):
    suite = """
suite: mixed@1
severities: [5]
scenarios:
  noise: {image: gaussian_noise}
  both: {image: [gaussian_noise, attack.fgsm]}
"""
    run = run_of(tmp_path, world.Net(world.trained()), suite)
    scores = run.records().to_pandas().groupby("cell", observed=True).score.mean()
    assert scores["both:5"] <= scores["noise:5"]
    assert table(run, "attacks").num_rows == 0  # no budget says how far such a cell may go


@pytest.mark.parametrize(
    ("net", "flag"),
    [
        (lambda: world.spoiled(world.Quantised()), "zero gradients"),
        (lambda: world.spoiled(world.Quantised()), "black-box is stronger than white-box"),
        (lambda: world.spoiled(world.Jittering()), "random model"),
        (lambda: world.spoiled(torch.nn.Dropout(0.3).train()), None),
        (lambda: world.Net(torch.nn.Sequential(world.trained(), torch.nn.Softmax(1))), "probabilities where logits"),
    ],
    ids=["zero", "masked", "random", "evaluated", "softmax"],
)
def test_models_that_hide_are_told(tmp_path, net, flag):
    flags = attack_flags(run_of(tmp_path, net(), count=80))
    assert any(flag in line for line in flags) if flag else flags == []


def test_training_mode_is_told(tmp_path):
    net = world.spoiled(torch.nn.Dropout(0.3))
    net.module.train()
    assert any("training mode" in line for line in attack_flags(run_of(tmp_path, net, count=20)))


# Bad input


def test_a_model_without_gradients_is_told_what_to_do_instead(tmp_path):
    net = world.BlackBox(world.Net(world.trained()))
    with pytest.raises(ModelError, match=r"attack\.fgsm.*gradients.*attack\.square"):
        run_of(tmp_path, net)
    assert net.asked == 0
    assert run_of(tmp_path, net, SUITE.replace("attack.fgsm", "attack.random").replace("apgd, steps: 8", "random"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 10], r"labels must be in \[0, 9\].*got 10"),
        ([0, -1, 1], r"labels must be in \[0, 9\].*got -1"),
        ([0, 1], "labels must be as many as the values of image, 3, got 2"),
        ([0.0, 1.0, 2.0], "labels must be whole numbers"),
        (["0", "1", "2"], "labels must be whole numbers"),
    ],
)
def test_labels_are_checked(labels, message):
    with pytest.raises(InputError, match=message):
        attack.run("attack.fgsm", {"image": world.held_out(3)[0]}, labels, world.oracle(), severity=1)


def test_budgets_are_checked():
    images, labels = world.held_out(3)
    with pytest.raises(InputError, match=r"epsilon .* must be in \[0, 255\] .* got -1"):
        attack.run("attack.fgsm", {"image": images}, labels, world.oracle(), epsilon=-1)
    with pytest.raises(SpecError, match="epsilon"):
        scenarios.loads("suite: a\nscenarios: {x: {image: {name: attack.fgsm, epsilon: -1}}}")
    with pytest.raises(InputError, match="needs a model"):
        perturbations.apply("attack.fgsm", images[0], severity=1)
    with pytest.raises(InputError, match="must be an attack"):
        attack.run("image.gaussian_noise", {"image": images}, labels, world.oracle(), severity=1)


def test_no_budget_changes_nothing():
    images, labels = world.held_out(10)
    for name in ("attack.fgsm", "attack.apgd", "attack.square"):
        found = attack.run(name, {"image": images}, labels, world.oracle(), epsilon=0, **cheap(name))
        assert all(a is b for a, b in zip(images, found.values["image"]))


def test_a_model_that_fails_under_attack_is_a_finding(tmp_path):
    """Whatever it chokes on is kept, and the record says so."""

    def choosy(batch):
        if any(value.max() > 66 for value in batch["image"]):
            raise ValueError("too bright")
        return world.Net(world.trained())(batch)

    choosy.classes = world.CLASSES
    suite = "suite: a\nseverities: [4]\nscenarios: {s: {image: {name: attack.random_search, calls: 5}}}"
    found = run_of(tmp_path, choosy, suite, count=24).records(["s:4"]).to_pandas()
    assert (found.status == "crash").mean() > 0.5


@pytest.mark.parametrize("other", ["a lexicon that is not there"])
def test_a_lexicon_must_exist(other):
    with pytest.raises(InputError, match="lexicon: a lexicon that is not there cannot be read"):
        attack.run("attack.word_substitution", {"text": ["one"]}, [0], Reading(), severity=1, lexicon=other)


class Reading:
    """An oracle that takes exclamations for the second class, the more so the more words are long."""

    classes, differentiable = 2, False

    def scores(self, streams):
        return np.array([[2.5 - text.count("e"), text.count("x")] for text in streams["text"]], float)


def test_substitutes_keep_case_and_punctuation(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("big\texcellent\texxexxe\n", encoding="utf-8")
    found = attack.run("attack.word_substitution", {"text": ["Big, dog."]}, [0], Reading(), words=1, lexicon=str(path))
    assert found.values["text"] == ["Exxexxe, dog."]
    assert found.broken.all()


# Where no text needs to exist


def test_the_embedding_bound_lies_below_every_edit():
    from stress.models._embedding import embedding_bound

    chosen = worlds.samples(60)
    model = worlds.model("intermediate")
    texts = {"image": [None] * 60, "audio": [None] * 60, "text": [sample.streams["text"] for sample in chosen]}
    labels = np.array([int(sample.target) for sample in chosen])
    broken = embedding_bound(model, texts, labels, shares=(0.0, 0.1, 0.3, 1.0), steps=10)
    clean = model(texts).argmax(axis=1) != labels
    assert np.array_equal(broken[0], clean)
    assert (np.diff(broken.astype(int), axis=0) >= 0).all()
    edited = attack.run("attack.character_edits", texts, labels, demo_oracle(), severity=1, calls=100).broken
    assert broken[-1].mean() > edited.mean() > clean.mean()
    assert np.array_equal(model(texts).argmax(axis=1) != labels, clean)  # nothing stays behind in the model


def test_the_embedding_bound_needs_an_embedding():
    from stress.models._embedding import embedding_bound

    with pytest.raises(ModelError, match=r"one embedding .* got 0.*character_edits"):
        embedding_bound(world.Net(world.trained()), {"image": world.held_out(2)[0]}, [0, 1])
