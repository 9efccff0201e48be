"""The face: ``stress.run`` and ``stress.open`` give a ``Run``, the records with all that can be made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Never, Unpack

from perturbations.errors import named_keywords
from stress.records.folder import Folder, open_folder

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from perturbations import Sample
    from scenarios import Suite
    from stress.gate import Comparison, Gates, Several
    from stress.measure import Measured, MeasureOptions
    from stress.models import Batch, Model
    from stress.tasks import Task
    from stress.trackers import Tracker

__all__ = ["REMEMBERED", "Run", "compare", "open_run", "run"]

REMEMBERED = 1_000_000
"""Records up to which a run remembers what was read for its last options: about 200 bytes each, as long as it lives."""


@dataclass(frozen=True)
class Run(Folder):
    """A run on disk: its records, and the tables, reports and figures that are made of them.

    ``records`` are those of the moment when they were first asked for; each table, report and figure is of the moment
    when it is made, whatever is written meanwhile.
    """

    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def measured(self, **options: Unpack[MeasureOptions]) -> Measured:
        """Return the run read once, to ask several tables and the summary of; see ``stress.measure.measured``.

        What was read for the last options is remembered, unless the run is large, so that two tables read once; records
        that were written since are seen, as they would be by a new run.
        """
        from stress.measure import measured

        now = self._now()
        fresh = measured(now, **options)
        asked = (fresh.options, fresh.context.declared)
        if self._kept.get("asked") == asked:
            kept: Measured = self._kept["measured"]
            return kept
        self._kept.pop("measured", None)  # freed before more is read
        if fresh.options.reference is None and now.parts and now.count <= REMEMBERED:
            self._kept.update(asked=asked, measured=fresh)
        else:
            self._kept.pop("asked", None)
        return fresh

    def _now(self) -> Run:
        """Return a reader of what is written now: the last one, and what was asked of it, where nothing was since."""
        written = self.written()
        if self._kept.get("written") != written:
            self._kept.clear()
            self._kept.update(written=written, reader=Run(self.path))
        reader: Run = self._kept["reader"]
        return reader

    def table(self, name: str, **options: Unpack[MeasureOptions]) -> pa.Table:
        """Return a table of measures by name – curves, cells, robustness …; see ``stress.measure.TABLES``."""
        return self.measured(**options).table(name)

    @named_keywords
    def report(self) -> Path:
        """Write ``report/index.html`` and return its path."""
        from stress.report import write_report

        return write_report(Run(self.path))

    @named_keywords
    def track(self, to: Tracker | str) -> str:
        """Put the curves, the report and the verdict beside those of training, and return where they lie.

        ``to`` is ``"mlflow:URI"``, ``"wandb:PROJECT"`` (offline), ``"tensorboard:FOLDER"``, the name of an installed
        tracker, or a tracker; see ``stress.trackers.track``.
        """
        from stress.trackers import track

        return track(Run(self.path), to)

    @named_keywords
    def plot(
        self,
        kind: Literal[
            "curves", "lost", "heat", "contributions", "reliability", "compare", "timeline", "groups"
        ] = "curves",
        *,
        modality: str | None = None,
        columns: int = 4,
        others: Sequence[Run] = (),
        scenarios: Sequence[str] = (),
        common: bool = False,
    ) -> Figure:
        """Return a matplotlib figure for a paper.

        ``curves`` against severity, ``lost`` streams, ``heat`` maps of two severities, ``contributions`` of streams,
        ``reliability``, ``compare`` (how much better the others are, pair by pair), ``timeline`` or ``groups``.
        ``modality`` keeps one modality's curves, or ``"joint"`` those of several at once; ``scenarios`` those of these
        names; ``others`` are runs that are drawn into the same plots; with ``common`` what runs of other suites or data
        share is compared. ``stress.report.save`` writes a figure.
        """
        from stress.report import plot

        now = [Run(other.path) for other in others]
        return plot(
            Run(self.path), kind, modality=modality, columns=columns, others=now, scenarios=scenarios, common=common
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: who was run on what, and each scenario in single numbers."""
        about = self.info.get("identity", {})
        model, data = (about.get(key, {}).get("name", "?") for key in ("model", "data"))
        state = "" if self.info.get("finished", True) else ", unfinished"
        title = f"{model} on {data}: {len(self.samples):,} samples × {len(self.cells):,} cells{state} – {self.path}"
        if not self.parts:
            return f"<p>{escape(title)}</p>"
        names = ["scenario", "stream", "measure", "metric", "value", "low", "high", "note"]
        rows = self.table("robustness").select(names).to_pylist()
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(f"<tr>{''.join(f'<td>{escape(_shown(row[n]))}</td>' for n in names)}</tr>" for row in rows)
        return f"<p>{escape(title)}</p><table><tr>{head}</tr>{body}</table>"


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _out(out: Any) -> Path | None:
    """Return the folder that a run is to have, where one is given. Raises InputError for what cannot be a path."""
    from perturbations import InputError
    from perturbations.errors import short

    if out is None:
        return None
    if not isinstance(out, str | Path) or not str(out) or "\0" in str(out):
        raise InputError(f"run: out must be the path of a folder, without NUL characters, got {short(out)}.")
    return Path(out)


def _refuse(unknown: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise InputError for an option that there is not, with the nearest that there is."""
    from perturbations import InputError
    from perturbations.errors import nearest

    for name in unknown:
        raise InputError(f"run: has no option {name!r}. {nearest(name, known)}")


@named_keywords
def open_run(path: str | Path) -> Run:
    """Return the run in a folder. Raises RunError where there is none, or one of another format."""
    return Run(open_folder(path).path)


def compare(*runs: Run | str | Path, **options: Any) -> Comparison | Several:
    """Compare runs, or the runs in folders, pair by pair and sample by sample.

    Of two: what became better, worse or remains unknown, see ``stress.gate.compare``. Of more, all side by side in one
    table – headline, retention, calibration, latency and (``by``) gaps per scenario, and reliance on each stream – with
    the differences of all pairs corrected together, see ``stress.gate.compare_several``. ``options`` are ``metric``,
    ``by``, ``common``, ``cluster``, ``confidence`` and ``correction``.
    """
    from stress.gate import compare as compare_two
    from stress.gate import compare_several

    opened = [each if isinstance(each, Folder) else open_run(each) for each in runs]
    return compare_two(*opened, **options) if len(opened) == 2 else compare_several(*opened, **options)


def run(
    model: Callable[[Batch], Any] | Model | str,
    data: Sequence[Sample] | str | Path,
    suite: Suite | Mapping[str, Any] | str | Path = "quick",
    out: str | Path | None = None,
    *,
    task: Task | str | None = None,
    seed: int = 0,
    workers: int | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    samples: Sequence[str] = (),
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    cluster: str | None = None,
    signals: Literal["none", "cheap", "all"] = "cheap",
    lexicon: str | Path | None = None,
    timeout: float | None = None,
    preflight: bool = True,
    progress: Literal["bar", "json", "quiet"] = "quiet",
    backend: Literal["threads", "processes", "dask"] = "threads",
    scheduler: str | None = None,
    command: str | None = None,
    fresh: bool = False,
    accept_model: str | None = None,
    keep_failures: bool = False,
    verify: bool = False,
    skip_bad_samples: bool = False,
    inside: bool = False,
    max_cells: int = 10_000,
    max_megapixels: float = 100.0,
    max_seconds: float = 3600.0,
    answers: Literal["probabilities", "logits", "labels", "positions"] | None = None,
    cost: bool = False,
    max_calls: int | None = None,
    max_cost: float | None = None,
    until: str | Path | Gates | None = None,
    against: str | Path | None = None,
    examples: int = 24,
    **unknown: Never,
) -> Run:
    """Run a suite and return the run: its folder holds every record, and is continued when the call is repeated.

    ``model`` is a callable ``predict(batch)``, ``"module:attribute"`` or ``"demo"``; ``data`` a sequence of samples,
    a manifest's path, ``"module:attribute"`` or ``"demo"``; ``suite`` a built-in name, a YAML file, a mapping or a
    ``Suite``; ``task`` a task or its name (classification, where there is none); ``out`` the folder (``runs/SUITE``).

    ``seed`` names the random draws; ``workers`` are cells done at once (one a processor), ``batch_size`` samples a
    call; ``limit`` keeps the first samples of the seeded, stratified order, ``samples`` those with these ids; ``only``
    and ``skip`` are globs over scenarios and cells; samples with the same value of the group ``cluster`` make one
    cluster in intervals; ``signals`` are the measures of each stream's quality that are recorded, with a ``lexicon``
    (``"vader"``, or a file in its format) also the sentiment of texts; ``timeout`` are seconds a call may take (one
    that also holds the interpreter lock ends this process with status 3, unless ``backend`` is another than threads);
    ``answers`` says what the model's answers are, where they do not show it.
    ``cost`` measures energy, processor time and memory of each cell, with one worker (table ``cost``);
    ``skip_bad_samples`` leaves out what cannot be decoded, ``verify`` decodes again what looks unchanged, ``inside``
    refuses files outside the manifest's folder; ``max_cells``, ``max_megapixels`` and ``max_seconds`` say how large a
    grid, a picture and a recording may be. ``max_calls`` and ``max_cost`` are what an endpoint may be sent and paid:
    the run ends as a complete grid over fewer samples. ``until`` is a gate file,
    ``load_gates`` of one, ``"precision=0.01"`` or ``"mean=0.01"``: the run stops where every rule is decided, or cannot
    be by all samples, where each cell (the mean over cells) has so narrow an interval, or where ``max_calls`` (then of
    any model) are spent; ``against`` is the run that its rules compare with.
    So many ``examples`` are kept in the folder, to be looked at and listened to on the report (0: none).
    Where ``out`` holds a run, failed records are asked again (``keep_failures``: not), and a model that has changed
    is refused: ``fresh`` begins a run beside it, ``accept_model`` says why the old records still hold.
    Raises StressError where an input cannot be used, before any work.
    """
    from perturbations.modality import load_lexicon
    from stress.adaptive import chooser_of
    from stress.engine import Settings, execute, prepared
    from stress.examples import check_count, keep

    check_count(examples)
    _refuse(
        unknown,
        [
            *(each.name for each in fields(Settings) if each.name != "adaptive"),
            "task",
            "out",
            "examples",
            "until",
            "against",
        ],
    )
    chooser = chooser_of(until, against, cluster)
    settings = Settings(
        seed=seed, workers=workers, batch_size=batch_size, limit=limit, samples=samples, only=only, skip=skip,
        cluster=cluster if chooser is None else chooser.cluster, signals=signals, timeout=timeout,
        lexicon=None if lexicon is None else load_lexicon(lexicon),
        preflight=preflight, progress=progress, backend=backend, scheduler=scheduler, command=command, fresh=fresh,
        accept_model=accept_model, keep_failures=keep_failures, verify=verify, skip_bad_samples=skip_bad_samples,
        inside=inside, max_cells=max_cells, max_megapixels=max_megapixels, max_seconds=max_seconds, answers=answers,
        cost=cost, max_calls=max_calls, max_cost=max_cost, adaptive=None if chooser is None else chooser.kind,
    )  # fmt: skip
    wanted = _out(out)
    with prepared(model, data, suite, task, settings, wanted) as (planned, workers_of):
        done = execute(planned, wanted or Path("runs") / planned.plan.suite, workers_of, chooser=chooser).run
        keep(done, planned.plan.cells, planned.data, seed, examples)
        return Run(done.path)
