"""Speech Robust Bench (Shah et al. 2024)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from perturbations import InputError, Sample
from perturbations.errors import short
from perturbations.files import path_shown
from perturbations.modality import modality
from stress.benchmarks._numbers import CLEAN, speech_numbers
from stress.benchmarks._result import Result
from stress.benchmarks._runs import folder_of, made_on_the_fly, published
from stress.data import Reading, Samples, from_samples, load_data

__all__ = ["speech_robust_bench"]

_SPLIT = re.compile(r"(.+)\.(\d+)-\d{5}-of-\d{5}\.parquet")
_CAUTION = (
    "made here with the published parameters; noise, rooms and voices of recordings and synthesisers are not part of it"
)


def speech_robust_bench(
    model: Any,
    data: Samples | Sequence[Sample] | str | Path,
    out: str | Path | None = None,
    *,
    reference: Result | None = None,
    **options: Any,
) -> Result:
    """Return how well a speech recogniser holds on Speech Robust Bench: WER, WERD and, beside a reference, NWER, NWERD.

    ``data`` is a folder with the published data set's files of one configuration (``gnoise.1-00000-of-00001.parquet``
    …, clean speech ``None.0-…``); or transcribed recordings of one's own – a manifest, samples –, which are perturbed
    on the fly by the perturbations that need no recordings. The result says which. ``reference`` is the result of the
    model that the normalised numbers are held against: theirs is DeepSpeech. All else is as for ``cifar10_c``. Raises
    InputError where the folder has no such files, or the reference was asked about other conditions.
    """
    who = "benchmarks.speech_robust_bench"
    if reference is not None and not isinstance(reference, Result):
        raise InputError(f"{who}: reference must be the result of another model, got {short(reference)}.")
    before = None if reference is None else {k: n.value for k, n in reference.conditions.items() if n.value is not None}

    def numbers(conditions: Sequence[tuple[str, int]]) -> Mapping[str, Any]:
        return speech_numbers(conditions, reference=before)

    given = {"model": model, "task": "transcription", **options}
    if isinstance(data, str | Path) and Path(data).is_dir():
        rows = _Rows(folder_of(data, who), who)
        files = from_samples(rows, "Speech Robust Bench", cluster="picture")
        return published("speech-robust-bench", out, {**given, "data": files}, numbers)
    own = load_data(data) if isinstance(data, str | Path) else data
    return made_on_the_fly("speech-robust-bench", out, {**given, "data": own}, numbers, caution=_CAUTION)


class _Rows(Sequence[Sample]):
    """The recordings of all files, read when they are asked for: an utterance is the same in all of them."""

    def __init__(self, root: Path, who: str) -> None:
        self._who, self._rows = who, list(_listed(root, who))
        self._last: tuple[tuple[Path, int] | None, Any] = (None, None)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: Any) -> Any:
        if not 0 <= position < len(self._rows):
            raise IndexError(position)
        (name, severity), path, place, key, text = self._rows[position]
        content = self._sound(path, place)
        who = f"{self._who}: {path.name}, row {place}"
        if not isinstance(content, bytes):
            raise InputError(f"{who}: must have the bytes of a recording, got none.")
        value, _ = modality("audio").stored.decode(content, who, Reading().limits)
        groups = {"corruption": name, "severity": str(severity), "picture": key}
        return Sample(f"{name}:{severity}:{key}", {"audio": value}, text, groups=groups)

    def _sound(self, path: Path, place: int) -> Any:
        """Return the bytes of a recording; they are read by row groups, of which the last one is kept."""
        from pyarrow import parquet

        about = parquet.read_metadata(path)
        for group in range(about.num_row_groups):
            if place < (count := about.row_group(group).num_rows):
                return self._group(path, group)[place].as_py()["bytes"]
            place -= count
        raise InputError(f"{self._who}: {path.name} must have the rows that it had, got fewer.")

    def _group(self, path: Path, group: int) -> Any:
        from pyarrow import parquet

        known, column = self._last  # taken at once: threads read side by side
        if known != (path, group):
            with parquet.ParquetFile(path) as file:
                column = file.read_row_group(group, columns=["audio"]).column("audio")
            self._last = (path, group), column
        return column


def _listed(root: Path, who: str) -> Iterator[tuple[tuple[str, int], Path, int, str, str]]:
    """Yield condition, file, row, utterance and transcript of every recording."""
    import pyarrow as pa
    from pyarrow import parquet

    files = [(match, path) for path in sorted(root.glob("*.parquet")) if (match := _SPLIT.fullmatch(path.name))]
    if not files:
        raise InputError(
            f"{who}: {path_shown(root)} must have the files of a configuration of the published data set, as "
            "gnoise.1-00000-of-00001.parquet, got none. Recordings of one's own: a manifest with a label column."
        )
    for match, path in files:
        condition = CLEAN if match[1] == "None" else (match[1], int(match[2]))
        try:
            names = parquet.read_schema(path).names
            told = next((name for name in ("id", "file") if name in names), None)
            if told is None or not {"audio", "text"} <= set(names):
                raise InputError(
                    f"{who}: {path.name} must have the columns id, audio and text, got {', '.join(names)}."
                )
            table = parquet.read_table(path, columns=[told, "text"])
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{who}: {path_shown(path)} cannot be read: {short(str(error), 120)}.") from error
        for place, row in enumerate(table.to_pylist()):
            yield condition, path, place, str(row[told]), row["text"]
