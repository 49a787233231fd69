"""The page of `make bench-memories`, from results alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.results import Record, spread
from memwatch.config import MEMORIES

WHOLE = "whole"
"""What results of whole detectors have in the place of a model's name."""
HEAD = """\
# Six systems and none, at one budget

Each choice of `--memory` trained by `memwatch train --preset predictor` (the default predictor without the head) on
the same footage for the same number of steps, or the same time. **Own**: the memory's distance alone. **With error**:
it and the prediction's error. **Detector**: it beside the answers of the default head, which knows nothing of
memories, each trusted as far as its model trusts it; **answers**: those alone, without what the detector knows of the
picture as a whole. Frame AUC, causal / paper; ± is the farthest seed's distance from the mean. **Mean read**: how
much the held-out error of the prediction rises when what the memory hands to the decoder is replaced by its mean over
the footage, everywhere and at each place; **spread**: how far reads lie from that mean, as a share of its length.
`none` and `students` hand on the features themselves: theirs is what any bottleneck costs, and what a memory's is to
be compared with. **Read** and **use**: perplexity of the weights of a read and of the items' use (the number of items
that an even choice would be among); **used**: items that are the nearest to at least a tenth of an even share of
places. **Ms a frame** is the fastest run's, on one thread. Students are given patches of 33 pixels. **Whole detector**:
the default preset trained whole, head and all, with its memory and with none, and the shipped model, each as `memwatch
evaluate` measures it, learning as it watches (gated) or not (frozen). The default score is the head's answers and the
picture as a whole, no memory's distance and no prediction's error; one seed makes one head, whatever the memory, and
nothing that the predictor learns reaches it. So after equal steps frozen detectors are equal by design, and gated ones
differ by which frames teach their scenes. The networks of the first tables learned Ped2 from its training part as H.264
(0.2 levels of mean difference), whole detectors from the footage as it is. `docs/papers/` tells what each choice is."""


def page(records: Sequence[Record], *, command: str) -> str:
    """Markdown; what was not measured is a dash."""
    parts = [HEAD, f"`{command}`"]
    for scene in dict.fromkeys(record["scene"] for record in records):
        mine, whole = (
            [record for record in records if record["scene"] == scene and (record["model"] == WHOLE) == apart]
            for apart in (False, True)
        )
        parts += [f"## {scene}", _accuracy(mine), _reads(mine)]
        if learned := _updates(mine):
            parts.append(learned)
        if whole:
            parts.append(_whole(whole))
    if records:
        trained, measured = {_trained(record) for record in records}, {record["commit"] for record in records}
        machines = {record["machine"] for record in records}
        parts.append(f"Trained on {_listed(trained)}. Measured at commit {_listed(measured)} on {_listed(machines)}.")
    return "\n\n".join(parts) + "\n"


def _trained(record: Record) -> str:
    """Where and by which code; older cards don't have the device."""
    return f"{_at(record, 'trained.device') or 'a processor'} at commit {_at(record, 'trained.commit')}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _accuracy(records: Sequence[Record]) -> str:
    lines = ["| memory | seeds | own | with error | detector | answers |", "| --- | --- | --- | --- | --- | --- |"]
    for memory, runs in _by_memory(records):
        cells = [_pair(runs, f"frozen.{name}") for name in ("own", "with_error", "detector")]
        lines.append(f"| {memory} | {len(runs)} | {' | '.join([*cells, _pair(runs, 'answers')])} |")
    return "\n".join(lines)


def _reads(records: Sequence[Record]) -> str:
    lines = [
        "| memory | parameters | ms a frame | steps | held-out error | spread | mean read | of its place | read | use "
        "| used |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for memory, runs in _by_memory(records):
        cells = [
            _number(runs, "parameters", ",.0f"),
            f"{min(ms):.1f}" if (ms := _numbers(runs, "ms")) else "–",
            _number(runs, "trained.steps", ",.0f"),
            spread(_numbers(runs, "error"), 2, "e"),
            _percent(runs, "read_spread"),
            _percent(runs, "mean_read"),
            _percent(runs, "mean_read_of_place"),
            _number(runs, "read_perplexity"),
            _number(runs, "use_perplexity"),
            _used(runs),
        ]
        lines.append(f"| {memory} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _updates(records: Sequence[Record]) -> str:
    """The memories that learn on: frozen, gated, always."""
    lines = ["| memory learning on | own | with error | detector |", "| --- | --- | --- | --- |"]
    for memory, runs in _by_memory(records):
        for updates in ("frozen", "gated", "always"):
            if any("gated" in run["figures"] for run in runs):
                cells = [_pair(runs, f"{updates}.{name}") for name in ("own", "with_error", "detector")]
                lines.append(f"| {memory}, {updates} | {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _whole(records: Sequence[Record]) -> str:
    """Whole detectors: those trained for this, by their memory, and those given, by their names."""
    lines = [
        "| whole detector | seeds | steps | gated | frozen | mean read | of its place | used |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    named = _by_name(records)
    for name in sorted(named, key=[*MEMORIES, *named].index):
        runs = named[name]
        cells = [_number(runs, "trained.steps", ",.0f"), *(_pair(runs, of, 4) for of in ("gated", "frozen"))]
        cells += [_percent(runs, "mean_read"), _percent(runs, "mean_read_of_place"), _used(runs)]
        lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_memory(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    named = _by_name(records)
    return [(memory, named[memory]) for memory in MEMORIES if memory in named]


def _by_name(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Each seed's, by what a job's name says before the seed."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(str(record["job"]).rpartition("-")[0], []).append(record)
    return found


def _at(run: Record, path: str) -> Any:
    tree: Any = run["figures"]
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _numbers(runs: Sequence[Record], path: str) -> list[float]:
    return [float(value) for run in runs if (value := _at(run, path)) is not None]


def _mean(runs: Sequence[Record], path: str) -> float:
    numbers = _numbers(runs, path)
    return sum(numbers) / len(numbers) if numbers else float("nan")


def _number(runs: Sequence[Record], path: str, form: str = ".1f") -> str:
    return f"{_mean(runs, path):{form}}" if _numbers(runs, path) else "–"


def _used(runs: Sequence[Record]) -> str:
    return "–" if _at(runs[0], "items") is None else f"{_mean(runs, 'used'):.0f} of {_mean(runs, 'items'):.0f}"


def _percent(runs: Sequence[Record], path: str) -> str:
    return f"{_mean(runs, path):+.0%}" if _numbers(runs, path) else "–"


def _pair(runs: Sequence[Record], path: str, digits: int = 3) -> str:
    """0.913 ± 0.004 / 0.921: causal with its spread, and paper."""
    causal, paper = _numbers(runs, f"{path}.causal"), _numbers(runs, f"{path}.paper")
    if not causal:
        return "–"
    return f"{spread(causal, digits)} / {sum(paper) / len(paper):.{digits}f}"
