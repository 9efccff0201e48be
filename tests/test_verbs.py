"""Verbs: misspelt keywords name the nearest one, names are there to complete, and results show themselves."""

import inspect
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import perturbations
import stress
from perturbations import Param, StressError
from tests.pair_world import release

INSIDE = {"cli", "data", "engine", "records", "statistics", "tasks"}
"""Rooms of stress whose functions are for the other rooms; what people call of them is named below."""
FOUND = sorted(path.parent.name for path in Path(stress.__file__).parent.glob("*/__init__.py"))
ROOMS = (
    *("perturbations", "perturbations.adapters", "scenarios", "stress", "stress.testing"),
    *(f"stress.{name}" for name in FOUND if name not in INSIDE),
)
TOO_OFTEN = {"call_keyed", "generator", "interval", "number", "run_step"}
"""Functions that are called once for each sample or number: a look at their keywords would cost more than they do."""
OWN = {"apply", "compare", "match", "measured", "reliance", "summary", "table"}
"""Verbs that take options of another function, which refuses them."""


def verbs():
    for room in ROOMS:
        module = import_module(room)
        for name in module.__all__:
            if inspect.isfunction(verb := getattr(module, name)) and name not in TOO_OFTEN:
                yield pytest.param(verb, id=f"{room}.{name}")
    for name in ("from_manifest", "from_samples"):
        yield pytest.param(getattr(stress.data, name), id=f"stress.data.{name}")
    for name, method in inspect.getmembers(stress.Run, inspect.isfunction):
        if method.__module__ == "stress._face" and not name.startswith("_"):
            yield pytest.param(method, id=f"Run.{name}")


def misspelt(name):
    return name[:-1] + ("x" if name[-1] != "x" else "y")


def refused(call):
    with pytest.raises(StressError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("verb", list(verbs()))
def test_a_misspelt_keyword_is_refused_before_any_work(verb):
    parameters = inspect.signature(verb).parameters.values()
    named = [each.name for each in parameters if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)]
    own = [name for name in named if name != "self"]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):  # others' options, tried below
        assert verb.__name__ in OWN | {"run", "corruption", "fault"} | set(stress.benchmarks.__all__)
        return
    for name in own or ["confidence"]:
        needed = {each.name: None for each in parameters if each.default is each.empty and each.name != name}
        try:
            said = refused(lambda name=name, needed=needed: verb(**{misspelt(name): 1}, **needed))
        except TypeError:
            pytest.fail(f"{verb.__module__}.{verb.__name__}: decorate what people call with errors.named_keywords")
        assert said.startswith(f"{verb.__name__}: has no option {misspelt(name)!r}.")
        assert not own or len(name) < 4 or name in said.partition(".")[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return release(tmp_path_factory.mktemp("verbs") / "run", 1)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda run: run.table("cells", confidnce=0.9), "confidence"),
        (lambda run: run.measured(resample=9), "resamples"),
        (lambda run: stress.measure.table(run, "cells", clustr="speaker"), "cluster"),
        (lambda run: stress.measure.summary(run, sed=1), "seed"),
        (lambda run: stress.measure.compare({"a": run, "b": run}, comon=True), "common"),
        (lambda run: stress.measure.reliance({"a": run, "b": run}, confidnce=0.9), "confidence"),
        (lambda run: stress.compare(run, run, correctoin="holm"), "correction"),
        (lambda run: stress.compare(run, run, run, metrc="accuracy"), "metric"),
        (lambda run: stress.run(lambda batch: 0, [], "quick", worker=2), "workers"),
        (lambda run: perturbations.apply("image.gaussian_noise", np.zeros((8, 8, 3), np.uint8), severty=3), "severity"),
        (lambda run: perturbations.apply("image.gaussian_noise", np.zeros((8, 8, 3), np.uint8), sigm=0.1), "sigma"),
        (lambda run: perturbations.apply("text.keyboard_typos", "a", profil="x", severity=1), "profile"),
    ],
)
def test_options_that_are_passed_on_are_refused_too(run, call, hint):
    assert hint in refused(lambda: call(run)).rpartition("Did you mean")[2]


DECLARATIONS = ("image_corruption", "audio_corruption", "text_corruption", "series_corruption", "fault")


@pytest.mark.parametrize("name", DECLARATIONS)
@pytest.mark.parametrize(
    ("keyword", "value", "hint"),
    [
        ("severty", 3, "Known:"),
        ("verison", 2, "Did you mean version?"),
        ("keeps_shpe", False, "Did you mean keeps_shape?"),
        ("wittness", None, "Did you mean witness?"),
        ("cites", "hendrycks2019", "cite"),
    ],
)
def test_a_misspelt_option_of_a_declaration(name, keyword, value, hint):
    declare = getattr(perturbations, name)
    cite = {} if keyword == "cites" else {"cite": "hendrycks2019"}
    said = refused(lambda: declare(**cite, **{keyword: value}))
    assert said.startswith(f"{name}: {keyword} must be an option, or a Param or Choice")
    assert hint in said


def test_a_declaration_without_a_source_is_refused():
    def blotted(image, *, share):
        """Ink on the lens."""
        return image

    declare = perturbations.image_corruption(share=Param("share", "fraction", 0, 1, clean=0, levels={"own": (0.1,)}))
    assert "cite" in refused(lambda: declare(blotted))


def test_signatures_and_texts_stay_those_of_the_verbs():
    assert list(inspect.signature(stress.audio).parameters)[:2] == ["source", "rate"]
    assert stress.audio.__doc__.startswith("Return")
    assert "workers" in inspect.signature(stress.run).parameters


def test_dir_shows_what_there_is():
    shown = dir(stress)
    assert set(stress.__all__) <= set(shown)
    assert not [name for name in shown if name.startswith("_")]
    assert set(FOUND) - {"cli"} <= set(shown), (
        "each room is there for completion, and imported when it is first asked for"
    )
    for name in shown:
        assert getattr(stress, name) is not None


def test_a_misspelt_name_of_the_package():
    with pytest.raises(AttributeError, match=r"has no attribute .opne.\. Did you mean open\?"):
        _ = stress.opne
    assert not hasattr(stress, "nothing_like_it")


def test_a_run_and_a_figure_show_themselves(run):
    shown = run._repr_html_()
    assert "<table>" in shown
    assert f"{len(run.samples):,} samples" in shown
    assert all(row["scenario"] in shown for row in run.table("robustness").to_pylist())
    figure = run.plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
