"""Suite files: read strictly, checked at once, expanded for a data set."""

import pytest

import scenarios
from perturbations import SpecError
from scenarios import expand, load, loads

TRIMODAL = {"image": "image", "audio": "audio", "text": "text"}


def suite(body, head=""):
    indented = "\n".join(f"  {line}" for line in body.splitlines())
    return loads(f"suite: try@1\n{head}\nscenarios:\n{indented}\n", "try.yaml")


def ids(plan):
    return [cell.id for cell in plan.cells]


def test_the_demo_fits_the_trimodal_demo():
    plan = expand(load("demo"), TRIMODAL)
    assert plan.cells[0] is scenarios.CLEAN
    assert 35 <= len(plan.cells) <= 60
    assert plan.left_out == ()
    assert {cell.severity for cell in plan.cells if cell.scenario == "night"} == {1, 2, 3, 4, 5}
    assert next(c for c in plan.cells if c.id == "night:3").streams == ("image", "audio")


def test_a_built_in_suite_leaves_out_what_does_not_fit_and_says_why():
    plan = expand(load("demo"), {"camera": "image", "speech": "audio"})
    assert "typos" in dict(plan.left_out)
    assert {"gaussian-noise", "night", "lost"} <= {cell.scenario for cell in plan.cells}
    assert "no text stream" in dict(plan.left_out)["typos"]


def test_scalars_are_read_strictly():
    text = "suite: x@1\nscenarios: {a: {image: {name: gaussian_noise, sigma: 1e-3}}}\nabout: no\n"
    read = loads(text)
    assert read.about == "no"
    assert read.scenarios[0].steps[0].given == {"sigma": 0.001}
    assert loads("suite: x@1\nabout: 2024-01-01\nscenarios: {a: {image: low_light}}").about == "2024-01-01"


BAD = {
    "misspelt": ("a: {image: gausian_noise}", "try.yaml:4:14: a: ", "Did you mean image.gaussian_noise?"),
    "severity 7": ("a: {image: low_light, severities: [1, 7]}", "4:14: a: ", "severity must be in [0, 5]", "got 7"),
    "fixed severity 7": ("a: {image: {name: low_light, severity: 7}}", "4:14: a: ", "must be in [0, 5]"),
    "duplicate scenario": ("a: {image: low_light}\na: {audio: reverb}", "5:3: a: must be given once", "4:3"),
    "duplicate stream": ("a: {image: low_light, image: low_light}", "4:25: image: must be given once"),
    "grid": ("a: {image: low_light, grid: jiont}", "4:31: a: grid must be one of joint", "Did you mean joint?"),
    "misspelt key": ("a: {image: low_light, sevrities: [1]}", "4:37: a: ", "Did you mean severities?"),
    "parameter": ("a: {image: {name: low_light, gian: 1}}", "4:14: a: ", "unknown parameter 'gian'", "gain"),
    "parameter range": ("a: {image: {name: low_light, gain: 3}}", "4:14: a: ", "must be in [0, 1]", "got 3"),
    "parameter and severity": (
        "a: {image: {name: gaussian_noise, sigma: 0.1, severity: 2}}",
        "4:14: a: ",
        "severity must not be given beside sigma",
    ),
    "choice": ("a: {image: {name: missing, fill: [none, zeroes]}}", "4:14: a: ", "got 'zeroes'. Did you mean zeros?"),
    "list of numbers": ("a: {audio: {name: white_noise, snr_db: [1, 2]}}", "4:42: a: ", "levels: {snr_db: …}"),
    "other modality": ("a: {image: audio.white_noise}", "4:14: a: ", "stream must be audio, got image"),
    "profile": ("a: {image: {name: low_light, profile: cifar}}", "4:14: a: ", "profile must be one of default"),
    "scenario profile": (
        "a: {image: gaussian_noise, profile: cifar}",
        "4:39: a: ",
        "profile must be one of imagenet-c",
    ),
    "own levels out of range": (
        "a: {image: {name: gaussian_noise, levels: {sigma: [0.1, 9]}}}",
        "4:14: a: ",
        "must be in [0, 1]",
    ),
    "contradicting levels": (
        "a: {audio: {name: reverb, levels: {rt60_s: [1, 2], direct_db: [1]}}}",
        "4:37: a: ",
        "equally many values for each parameter",
    ),
    "missing level": ("a: {audio: {name: reverb, levels: {rt60_s: [1, 2]}}}", "4:14: a: ", "got no direct_db"),
    "levels and profile": (
        "a: {image: {name: gaussian_noise, profile: imagenet-c, levels: {sigma: [1]}}}",
        "4:46: a: ",
        "profile must not be given beside levels",
    ),
    "lockstep": (
        "a: {image: {name: low_light, severity: [1, 2]}, audio: reverb, severities: [1, 3, 5]}",
        "4:14: a: ",
        "one value for each of the scenario's 3, got 2",
    ),
    "severities of nothing": ("a: {image: missing, severities: [1]}", "4:3: a: ", "no step is graded"),
    "severity of a fault": ("a: {image: {name: missing, severity: 2}}", "4:14: a: ", "has no severities"),
    "same severity twice": ("a: {image: low_light, severities: [1, 1.0]}", "4:41: a: ", "must differ"),
    "only severity 0": ("a: {image: low_light, severities: [0]}", "4:3: a: ", "above 0"),
    "infinite severity": ("a: {image: low_light, severities: [.inf]}", "4:38: a: ", "a number from 0 up"),
    "severity as text": ("a: {image: low_light, severities: ['1']}", "4:38: a: ", "a number from 0 up"),
    "one severity": ("a: {image: low_light, severities: 3}", "4:37: a: ", "must be a list"),
    "between levels": ("a: {image: defocus_blur, severities: [1.5]}", "4:14: a: ", "must be a whole number"),
    "below the first": ("a: {audio: white_noise, severities: [0.5]}", "4:14: a: ", "no clean value"),
    "nothing": ("a: {}", "4:3: a: must name a stream"),
    "reserved": ("clean: {image: low_light}", "4:3: ", "got 'clean'"),
    "odd name": ("'a b': {image: low_light}", "4:3: ", "letters, digits"),
    "fallback": ("a: {image: low_light, fallbacks: [dorp]}", "4:37: a: a fallback must be one of drop", "mean drop?"),
    "no name": ("a: {image: {nmae: low_light}}", "4:14: a: image must be a perturbation's name"),
    "cycle": ("a: &x {image: [*x]}", "try.yaml:4:6: ", "cycle"),
    "not YAML": ("a: {image: [low_light}", "try.yaml:4:24: suite: must be valid YAML"),
    "tag": ("a: {image: !!python/name:os.system low_light}", "4:14: suite: values must have no tag"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_suites_are_refused_with_place_and_hint(case):
    body, *parts = BAD[case]
    with pytest.raises(SpecError) as error:
        suite(body)
    for part in parts:
        assert part in str(error.value)
    assert "\n" not in str(error.value), "one problem, one line"


def test_all_problems_come_at_once_in_the_order_of_the_file():
    with pytest.raises(SpecError) as error:
        suite("a: {image: fogg}\nb: {audio: reverb, severities: [9]}\nc: 3", head="draws: 0")
    lines = str(error.value).splitlines()
    assert lines[0] == "4 problems:"
    assert [line.split(":")[1] for line in lines[1:]] == ["2", "4", "5", "6"]


def test_aliases_may_be_used_but_not_to_explode():
    shared = suite("a: {image: &dark [low_light, low_light]}\nb: {image: *dark, audio: reverb}")
    assert len(shared.scenarios[1].steps) == 3
    bomb = "\n".join(
        f"x{i}: &x{i} [" + ", ".join([f"*x{i - 1}"] * 9 if i else ["low_light"] * 9) + "]" for i in range(9)
    )
    with pytest.raises(SpecError, match="aliases"):
        loads(f"suite: x@1\n{bomb}\nscenarios: {{a: {{image: *x8}}}}")


@pytest.mark.parametrize("text", ["", "[]", "3", "a: b: c", "\x00", "a: 1\n---\nb: 2", "[" * 2000, "%", "? [a]\n: b"])
def test_what_is_no_suite_at_all_is_one_spec_error(text):
    with pytest.raises(SpecError):
        loads(text)


def test_plain_data_is_a_suite_too():
    body = {"night": {"image": ["low_light"], "severities": (1, 3)}}
    plan = expand(loads({"suite": "mine@2", "scenarios": body}), TRIMODAL)
    assert ids(plan) == ["clean", "night:1", "night:3"]
    with pytest.raises(SpecError, match=r"<string>\.scenarios\.night\.image"):
        loads({"suite": "mine@2", "scenarios": {"night": {"image": "lowlight"}}})


MISMATCHES = {
    "unknown stream": ("a: {imgae: low_light}", TRIMODAL, "4:14: a: ", "got 'imgae'. Did you mean image?"),
    "lost modality": ("a: {audio: reverb}", {"photo": "image"}, "4:14: a: ", "no audio stream", "photo"),
    "modality of a stream": ("a: {cam: white_noise}", {"cam": "image"}, "4:12: a: ", "stream must be audio, got cam"),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_a_users_own_suite_must_fit_the_data(case):
    body, streams, *parts = MISMATCHES[case]
    with pytest.raises(SpecError) as error:
        expand(suite(body), streams)
    for part in parts:
        assert part in str(error.value)


def test_what_the_data_cannot_give_is_said():
    assert expand(suite("a: {image: missing}"), TRIMODAL, has=()).cells[1].id == "a"
    with pytest.raises(SpecError, match=r"4:14: a: stream\.missing needs samples with data and sequence"):
        expand(suite("a: {image: {name: missing, fill: [none, previous]}}"), TRIMODAL, has=())
    with pytest.raises(SpecError, match=r"stream\.frozen needs samples with sequence"):
        expand(suite("a: {image: frozen}"), TRIMODAL, has={"data", "target"})


def test_only_and_skip_choose_cells_and_change_none():
    whole = expand(load("demo"), TRIMODAL)
    by_id = {cell.id: cell for cell in whole.cells}
    some = expand(load("demo"), TRIMODAL, only=["night", "typos:[13]"], skip=["night:4"])
    cells, drops = ["typos:1", "typos:3", "night:1", "night:2", "night:3", "night:5"], ["drop:text", "drop:image+audio"]
    assert ids(some) == ["clean", *cells, *drops]
    assert all(by_id[cell.id] == cell for cell in some.cells)
    with pytest.raises(SpecError, match=r"only must match .* Did you mean .*night"):
        expand(load("demo"), TRIMODAL, only=["nigth"])
    with pytest.raises(SpecError, match="Known: ") as error:
        expand(suite("a: {image: missing}"), TRIMODAL, only=["xyz"])
    assert str(error.value).endswith("Known: a.")  # the scenario and its only cell share the name


def test_files_and_names(tmp_path):
    with pytest.raises(SpecError, match="Did you mean demo"):
        load("dmeo")
    with pytest.raises(SpecError, match="an existing file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"suite: \xff")
    with pytest.raises(SpecError, match="UTF-8"):
        load(tmp_path / "bad.yaml")
    with pytest.raises(SpecError, match=r"must be a built-in name or a YAML file, got the folder '.+'\.$"):
        load(str(tmp_path))


def test_a_plugin_is_loaded_only_where_the_suite_names_it(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from perturbations import image_corruption, Param\n"
        "@image_corruption(cite='hendrycks2019', by=Param('shift', 'levels', 0, 255, clean=0, levels=(1, 2, 3)))\n"
        "def suites_test_shift(image, *, by):\n    'A shift: every level rises.'\n    return image\n"
    )
    body = "suite: x@1\nplugins: [mine.py]\nscenarios: {a: {image: suites_test_shift}}"
    (tmp_path / "x.yaml").write_text(body)
    (tmp_path / "y.yaml").write_text(body.replace("mine.py", "gone.py"))
    with pytest.raises(SpecError, match=r"y\.yaml:2:11: suite: .*does not exist"):
        load(tmp_path / "y.yaml")
    read = load(tmp_path / "x.yaml")
    assert [c.severity for c in expand(read, TRIMODAL).cells] == [None, 1, 2, 3]
    assert read.plugins == (str(tmp_path / "mine.py"),)


@pytest.mark.parametrize("name", scenarios.suites())
def test_every_built_in_suite_fits_the_demo_and_says_what_it_is(name):
    has = {*scenarios.EVERYTHING, "alternates:de", "alternates:zh"}
    found = load(name)
    plan = expand(found, TRIMODAL, has=has)
    assert found.name == name
    assert found.version >= 1
    assert len(found.about) > 60
    assert plan.left_out == ()
    assert len(set(ids(plan))) == len(plan.cells)
    assert all(cell.scenario in {s.name for s in found.scenarios} | {"clean", "drop"} for cell in plan.cells)


COUNTS = {"quick": (25, 40), "release": (55, 70), "imagenet-c": (96, 96), "cifar-10-c": (96, 96), "drift": (9, 9)}


@pytest.mark.parametrize("name", COUNTS)
def test_suites_keep_their_size(name):
    low, high = COUNTS[name]
    assert low <= len(expand(load(name), TRIMODAL).cells) <= high


def test_all_subsets_under_three_fill_rules():
    plan = expand(load("missing-streams"), TRIMODAL, only=["lost"])
    lost = {(cell.axes["streams"], cell.axes["fill"]) for cell in plan.cells[1:]}
    assert len(lost) == len(plan.cells) - 1 == 7 * 3


def test_a_built_in_suite_takes_the_languages_that_the_data_has():
    plan = expand(load("languages"), TRIMODAL, has={"data", "alternates", "alternates:sw", "alternates:de"})
    assert [cell.id for cell in plan.cells if cell.scenario == "language"] == ["language:de", "language:sw"]
    none = expand(load("languages"), TRIMODAL, has={"data"})
    assert dict(none.left_out)["language"] == "text.language needs samples with alternates"


def test_a_users_own_languages_must_be_in_the_data():
    own = suite("a: {text: {name: language, to: [de, tlh]}}")
    with pytest.raises(SpecError, match=r"4:13: a: text\.language needs alternates in 'tlh'; there are de, fr"):
        expand(own, TRIMODAL, has={"data", "alternates", "alternates:de", "alternates:fr"})
    assert len(expand(own, TRIMODAL).cells) == 3, "where the languages are not known, nothing is refused"


def test_a_built_in_suite_leaves_out_single_choices_too():
    text = "suite: x@1\nscenarios: {a: {image: {name: missing, fill: [none, previous]}}}"
    from dataclasses import replace

    builtin = replace(loads(text), builtin=True)
    plan = expand(builtin, TRIMODAL, has={"data"})
    assert ids(plan) == ["clean", "a:none"]
    assert plan.left_out == (("a", "fill previous: stream.missing needs samples with sequence"),)


def test_paths_start_at_the_suites_folder(tmp_path):
    (tmp_path / "words.tsv").write_text("red\trot\n")
    (tmp_path / "own.yaml").write_text(
        "suite: own@1\nscenarios: {a: {text: {name: code_switching, lexicon: words.tsv, severity: 5}}}\n"
    )
    cell = expand(load(tmp_path / "own.yaml"), TRIMODAL).cells[1]
    assert cell.conditions[0].settings["lexicon"] == str(tmp_path / "words.tsv")
    assert cell.conditions[0].settings["to"] == "de"


def test_the_page_about_suite_files_shows_suites_that_work():
    import re
    from pathlib import Path

    page = (Path(scenarios.__file__).parent / "README.md").read_text(encoding="utf-8")
    first, device, more = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert {"int8-night:3", "in-time:5"} <= set(ids(expand(loads(device), TRIMODAL)))
    shown = expand(loads(first.replace("plugins: [my_perturbations.py]", "") + more), TRIMODAL)
    assert {"noise:5", "night:3", "dead-mic", "language:de", "storm", "drop:image+audio"} <= set(ids(shown))
