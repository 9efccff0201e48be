"""What is said of a run that stopped: how much it asked, why its cells went no further, what was run whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from perturbations.errors import named_keywords

__all__ = ["stopped_lines"]


@named_keywords
def stopped_lines(info: Mapping[str, Any]) -> list[str]:
    """Return what to say of where a run stopped, by what its run.json says; nothing of one that was run whole."""
    found = info.get("adaptive")
    if not found:
        return []
    asked, of = int(found["asked"]), int(found["of"])
    why = "the budget is spent" if found["ended"] == "budget" else "enough is known"
    lines = [f"stopped: {why}. {asked:,} of {of:,} questions asked ({asked / max(of, 1):.0%}), until {found['until']}"]
    if mean := found.get("mean"):
        lines.append(_of_mean(mean))
    outcomes = Counter(each["outcome"] for each in found["questions"])
    words = {"pass": "kept", "fail": "broken", "precise": "precise enough", "open": "open"}
    words["hopeless"] = "not to be decided by all samples"
    lines.append("  checks: " + ", ".join(f"{outcomes[key]:,} {word}" for key, word in words.items() if outcomes[key]))
    reasons = Counter(cell["why"] for cell in found["cells"].values())
    lines.append("  cells: " + ", ".join(f"{count:,} {why}" for why, count in reasons.most_common()))
    whole = Counter(found["whole"].values())
    lines += [f"  run whole: {count:,} cells, as {reason}" for reason, count in whole.items()]
    return lines


def _of_mean(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "  no mean over cells: too little was asked"
    ends = f"{found['low']:.4f} to {found['high']:.4f} at {found['confidence']:.0%}"
    return f"  mean {found['metric']} over {found['cells']:,} cells: {found['value']:.4f} ({ends}, {found['method']})"
