"""The benchmark's page, from results alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import FALSE_SHARE
from benchmarks.results import Record, spread
from benchmarks.scenes import TEST_SEED, TRAIN_SEED, UNSEEN_SEED
from memwatch.scoring.segments import poisson_bounds

Tree = dict[str, Any]
SLOW_CYCLIST = "clip 10"
"""Of Ped2: a cyclist at walking pace."""
TOTALS = (
    ("causal AUC", "causal.auc"),
    ("macro", "causal.macro_auc"),
    ("paper AUC", "paper.auc"),
    ("smoothed", "paper_smoothed.auc"),
    ("pixel AUC", "pixel_auc"),
    ("RBDC", "rbdc"),
    ("TBDC", "tbdc"),
    ("IoU", "mean_iou"),
    ("segments", "segments_found"),
    ("delay, s", "median_delay_s"),
    ("false", "false_alarms"),
)
DIGITS = {"median_delay_s": 1, "false_alarms": 0}
"""Decimals of what is not a share."""
LEAST_DUE = 0.9
"""Alarms due on one scene's footage under which its count says nothing."""
BASELINES = ("frame-difference", "optical-flow", "subspace", "prediction")
PROTOCOLS = """\
**Causal**: no frame's score knows a later frame or the clip's range, and one ranking serves all frames (micro); macro
is the mean over the clips that hold both kinds of frames. **Paper**: each clip stretched to 0…1 by its own range first,
which a camera cannot know; its macro is the causal one. *Smoothed*: by a Gaussian of 10 frames before that. ± is the
farthest seed's distance from the mean. `docs/metrics.md` defines every figure.

IoU, segments, delay and false (alarms in the test clips' normal part) are at the threshold that each method's own
calibration sets for one false alarm a day (the shipped walkway model's, by older rules: for ten). The baselines' maps
are calibrated on the training footage by the same rules. Heads start from one that has seen the drawn walkway
(`memwatch/model/start.py`), the walkway's own from scratch. Plain prediction is the preset `plain`. Lobby, yard and the
shipped walkway model (its card says of which) are learned from half an hour of footage, Ped2 and what else is trained
on the walkway from four minutes. The preset `paper`, on Ped2, is MNAD as published, but for the steps that its time
allowed, which the end of the page has."""
ALARMS = """\
Events as `watch` makes them, at the model's own threshold, on drawn normal footage that no training saw (seeds {seed}
and up), with the exact Poisson interval. An hour certifies no budget of a few a day: without a single alarm it still
only says "fewer than 89 a day"."""
BUDGETS = """\
Each model calibrated anew on one such piece of footage (a quarter of an hour) after the other, its memory kept as
trained, and counted on the next: of budgets that so short a time can tell, and of the default, how many alarms were
due and how many came."""

THRESHOLDS = """\
The test clips at the thresholds of other budgets, the memory kept as trained, judged frame by frame. Delays count from
a segment's first frame, of which a clip's first four have no score yet, and from the first that has one."""


@dataclass(slots=True)
class Row:
    """One method on one scene: figures of every seed."""

    method: str
    seeds: list[Tree] = field(default_factory=list)

    def numbers(self, path: str) -> list[float]:
        """What every seed's figures hold under a dotted path; nothing for those without."""
        found = [_at(tree, path) for tree in self.seeds]
        return [float(value) for value in found if isinstance(value, int | float)]

    def mean(self, path: str) -> float | None:
        numbers = self.numbers(path)
        return sum(numbers) / len(numbers) if numbers else None


@dataclass(frozen=True, slots=True)
class Target:
    """A line of the table of targets."""

    figure: str
    reach: str
    got: str
    met: bool | None


def page(records: Sequence[Record], *, command: str, trained: Mapping[str, str] | None = None) -> str:
    """The whole page as Markdown; what was not measured is a dash. `trained` says of models, by name, how long they
    were."""
    names = list(dict.fromkeys(record["scene"] for record in records))
    parts = [_head(command)]
    if "ped2" in names:
        parts.append(_targets_table(targets(records)))
    parts.append(_beaten(records, names))
    parts += [_thresholds(records), _alarms(records), _budgets(records)]
    parts += [_scene(name, [r for r in records if r["scene"] == name]) for name in names]
    parts.append(_foot(records, trained or {}))
    return "\n\n".join(part for part in parts if part) + "\n"


def targets(records: Sequence[Record]) -> list[Target]:
    """What was asked on Ped2, and what was reached: the mean over seeds."""
    mine = [record for record in records if record["scene"] == "ped2"]
    model, cues = _row(mine, "model"), _row(mine, "cues")
    cyclist = f"all.kinds.{SLOW_CYCLIST}.over"
    asked: list[tuple[str, Row, str, float, bool]] = [
        ("frame AUC, causal, micro", model, "causal.auc", 0.985, True),
        ("frame AUC, paper protocol, micro", model, "paper.auc", 0.985, True),
        ("frame AUC, paper protocol, macro", model, "paper.macro_auc", 0.995, True),
        ("pixel AUC", model, "pixel_auc", 0.970, True),
        ("RBDC", model, "rbdc", 0.75, True),
        ("TBDC", model, "tbdc", 0.93, True),
        ("abnormal segments found", model, "segments_found", 0.95, True),
        ("median delay, s", model, "median_delay_s", 0.5, False),
        ("clip 10, a cyclist at walking pace: frames over the threshold", cues, cyclist, 0.80, True),
    ]
    found = []
    for figure, row, path, reach, high in asked:
        mean = row.mean(path)
        met = None if mean is None else (mean >= reach if high else mean <= reach)
        got = spread(row.numbers(path))
        if path == "median_delay_s" and (scored := row.numbers("median_delay_scored_s")):
            got += f"; {spread(scored)} from the first frame that was scored"
        found.append(Target(figure, f"{'≥' if high else '≤'} {reach:g}", got, met))
    return [*found, _kept(records)]


def _kept(records: Sequence[Record]) -> Target:
    """Alarms of those due, all drawn scenes together, at each budget of which a scene's footage holds one and more: met
    where each is within a factor of two, and not where even an exact interval lies outside."""
    counts: dict[float, list[float]] = {}
    for record in records:
        for row in record["figures"]["budgets"] if record["job"] == "budgets" else []:
            if row["due"] >= LEAST_DUE:
                count = counts.setdefault(row["budget"], [0.0, 0.0])
                counts[row["budget"]] = [count[0] + row["due"], count[1] + row["events"]]
    words, met = [], bool(counts) or None
    for budget, (due, events) in counts.items():
        low, high = (bound / due for bound in poisson_bounds(int(events)))
        words.append(f"{events:.0f} of {due:.0f} due at {budget:g} a day ({_share(low)} … {_share(high)})")
        kept = False if high < 0.5 or low > 2 else True if 0.5 <= events / due <= 2 else None
        met = False if kept is False or met is False else met and kept
    return Target("false alarms, drawn scenes, of those granted", "0.5 … 2", "; ".join(words) or "–", met)


def rows(records: Sequence[Record]) -> list[Row]:
    """All methods of one scene, the detector first, then its cues, then what it must beat."""
    model = _row(records, "model")
    model.method = _title("memwatch", model)
    # Measuring takes longer than detecting, so the time is that of a pass that only detects.
    timed = _row(records, "cues").seeds
    model.seeds = [tree | {"ms": cues["ms"]} for tree, cues in zip(model.seeds, timed, strict=False)] or model.seeds
    found = [model]
    placed = _grouped(records, "model", "cues")
    for cue, trees in _grouped(records, "cues", "alone").items():
        # Where each cue alone sees things, `evaluate` has measured.
        places = [{key: tree.get(key) for _, key in TOTALS if "." not in key} for tree in placed.get(cue, [])]
        known = [tree | place for tree, place in zip(trees, places, strict=False)] or trees
        found.append(Row(f"… {cue} alone", known))
    found += [Row(f"… without {cue}", trees) for cue, trees in _grouped(records, "cues", "without").items()]
    for job in BASELINES:
        found += [Row(method, trees) for method, trees in _grouped(records, job, None).items()]
    found += _paper(records)
    return [row for row in found if row.seeds]


def _paper(records: Sequence[Record]) -> list[Row]:
    """MNAD's own score, of the preset that is MNAD and of the default model's predictions; and what that preset's error
    and memory come to as any model's cues do."""
    found = [Row("preset `paper`, its cues calibrated and joined as memwatch does", _row(records, "paper").seeds)]
    for job, title in (("paper", "preset `paper`"), ("model", "memwatch's own prediction")):
        trees = [r["figures"].get("mnad") or {} for r in records if r["job"] == job]
        named = [tree | {"causal": tree.get("psnr_causal", {})} for tree in trees]
        found.append(Row(f"{title}, MNAD's published score (causal: PSNR alone)", named))
    return found


def _scene(name: str, records: Sequence[Record]) -> str:
    found = rows(records)
    head = [title for title, _ in TOTALS] + ["ms a frame"]
    lines = []
    for row in found:
        numbers = [spread(row.numbers(path), DIGITS.get(path, 3)) for _, path in TOTALS]
        lines.append([row.method, *numbers, spread(row.numbers("ms"), 1)])
    parts = [f"## {name}", table(["method", *head], lines)]
    if not _row(records, "paper").seeds:
        parts.append("No model of the preset `paper` was given: its own score is not in this table.")
    if not _row(records, "model").seeds:
        parts.append("No model of this scene was given or trained: the detector is not in this table.")
    return "\n\n".join([*parts, *_kinds(name, records, found)])


def _kinds(name: str, records: Sequence[Record], found: Sequence[Row]) -> list[str]:
    """Each kind of anomaly by itself, of every method that was seen frame by frame."""
    whole = Row("memwatch", [r["figures"]["all"] for r in records if r["job"] == "cues"])
    lines = [row for row in [whole, *found] if any(tree.get("kinds") for tree in row.seeds)]
    kinds = list(dict.fromkeys(kind for row in lines for tree in row.seeds for kind in tree.get("kinds", {})))
    if not kinds:
        return []

    def cell(row: Row, kind: str) -> str:
        auc, share = row.mean(f"kinds.{kind}.auc"), row.mean(f"kinds.{kind}.found")
        return f"{_number(auc, 2)} / {_number(share, 2)}"

    body = [[row.method, *(cell(row, kind) for kind in kinds)] for row in lines]
    over = [_number(whole.mean(f"kinds.{kind}.over"), 2) for kind in kinds]
    if whole.seeds:
        body.insert(1, ["… share of frames over its own threshold", *over])
    what = "Test clips by themselves" if name == "ped2" else "Kinds of anomaly by themselves"
    note = f"{what}: AUC against all normal frames / share above the score that {FALSE_SHARE:.0%} of those reach."
    costs = _grouped_numbers(records, "cues", "cue_ms")
    said = [", ".join(f"{cue} {spread(ms, 1)}" for cue, ms in costs.items())]
    spent = f"Without a cue a frame takes less by (ms; the network left as it is): {said[0]}." if costs else ""
    return [note, table(["method", *kinds], body), *([spent] if spent else [])]


def _alarms(records: Sequence[Record]) -> str:
    lines = []
    for record in records:
        if record["job"] != "alarms":
            continue
        told = record["figures"]
        budget, rate = told.get("budget"), told["per_day"]
        kept = "–" if budget is None else _within(told["low"], told["high"], 2 * budget)
        by_cue: dict[str, int] = {}
        for alarm in told["alarms"]:
            by_cue[str(alarm["cue"])] = by_cue.get(str(alarm["cue"]), 0) + 1
        loudest = ", ".join(f"{cue} {count}" for cue, count in sorted(by_cue.items(), key=lambda item: -item[1]))
        lines.append([
            record["scene"], f"`{record['model']}`", f"{told['seconds'] / 3600:.2f}", str(told["events"]),
            f"{rate:.1f}", f"{told['low']:.1f} … {told['high']:.1f}", "–" if budget is None else f"{budget:g}",
            kept, f"{100 * told['over']:.3f} %", loudest or "–",
        ])  # fmt: skip
    if not lines:
        return ""
    head = [
        "scene", "model", "hours", "alarms", "a day", "95 % interval", "budget", "at most twice the budget",
        "frames over", "loudest cue",
    ]  # fmt: skip
    return "\n\n".join(["## False alarms", ALARMS.format(seed=UNSEEN_SEED), table(head, lines)])


def _share(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def _within(low: float, high: float, most: float) -> str:
    """Whether what lies in an interval is at most so much."""
    return "yes" if high <= most else "no" if low > most else "cannot tell"


def _budgets(records: Sequence[Record]) -> str:
    lines = []
    for record in records:
        if record["job"] != "budgets":
            continue
        told = record["figures"]
        for row in told["budgets"]:
            share = [_share(row[name] / row["budget"]) for name in ("per_day", "low", "high")]
            lines.append([
                record["scene"], f"`{record['model']}`", f"{told['calibrated_s'] / 60:.0f}",
                f"{told['seconds'] / 60:.0f}", f"{row['budget']:g}", f"{row['threshold']:.1f}", f"{row['due']:.3g}",
                str(row["events"]), f"{share[0]} ({share[1]} … {share[2]})",
            ])  # fmt: skip
    head = [
        "scene", "model", "minutes calibrated on", "minutes counted", "budget a day", "threshold", "alarms due",
        "alarms", "of the budget (95 % interval)",
    ]  # fmt: skip
    return "\n\n".join(["### Budgets that a quarter of an hour can tell", BUDGETS, table(head, lines)]) if lines else ""


def _thresholds(records: Sequence[Record]) -> str:
    """By budget, the mean over a scene's seeds."""
    lines = []
    for name in dict.fromkeys(record["scene"] for record in records):
        found = [r["figures"]["budgets"] for r in records if r["job"] == "thresholds" and r["scene"] == name]
        for seeds in zip(*found, strict=True):
            row = Row(name, list(seeds))
            over = _number(row.mean(f"over.{SLOW_CYCLIST}"), 2)  # other scenes have no such clip
            lines.append([
                name, f"{row.mean('budget'):g}", spread(row.numbers("threshold"), 1),
                spread(row.numbers("segments_found"), 2), spread(row.numbers("median_delay_s"), 1),
                spread(row.numbers("median_delay_scored_s"), 1), over, spread(row.numbers("false_alarms"), 1),
            ])  # fmt: skip
    head = [
        "scene", "budget a day", "threshold", "segments found", "median delay, s", "from the first scored frame",
        "clip 10's frames over", "false alarms in the test clips",
    ]  # fmt: skip
    return "\n\n".join(["## What a budget finds", THRESHOLDS, table(head, lines)]) if lines else ""


def _beaten(records: Sequence[Record], names: Iterable[str]) -> str:
    """On each scene the detector against the best of what it must beat."""
    lines = []
    for name in names:
        mine = [record for record in records if record["scene"] == name]
        model = _row(mine, "model")
        others = [Row(m, trees) for job in BASELINES for m, trees in _grouped(mine, job, None).items()]
        ranked = sorted(
            ((mean, row) for row in others if (mean := row.mean("causal.auc")) is not None), key=lambda pair: -pair[0]
        )
        if not ranked:
            continue
        best, row = ranked[0]
        mean = model.mean("causal.auc")
        lines.append([
            name, spread(model.numbers("causal.auc")), row.method, f"{best:.3f}",
            "–" if mean is None else _yes(mean > best),
        ])  # fmt: skip
    if not lines:
        return ""
    head = ["scene", "memwatch", "best of the baselines", "its causal AUC", "beaten"]
    return "## Against the baselines, causal AUC\n\n" + table(head, lines)


def _targets_table(found: Sequence[Target]) -> str:
    body = [[t.figure, t.reach, t.got, "–" if t.met is None else _yes(t.met)] for t in found]
    return "## UCSD Ped2 against its targets\n\n" + table(["figure", "reach", "reached", "met"], body)


def _head(command: str) -> str:
    return f"# Accuracy\n\n`make bench-accuracy` printed this: `{command}`.\n\n{PROTOCOLS}"


def _foot(records: Sequence[Record], trained: Mapping[str, str]) -> str:
    def told(name: str) -> str:
        return f"`{name}` ({trained[name]})" if name in trained else f"`{name}`"

    def all_of(key: str, of: Callable[[Any], str] = str) -> str:
        return ", ".join(dict.fromkeys(of(record[key]) for record in records if record[key])) or "–"

    return (
        "## Where these numbers come from\n\n"
        f"Commit {all_of('commit')}; {all_of('date')}; {all_of('machine')}.\n"
        f"Models: {all_of('model', told)}.\n"
        f"Drawn footage: `samples/draw.py`, seed {TRAIN_SEED} to train on, {TEST_SEED} to test on, "
        f"{UNSEEN_SEED} and up for false alarms.\n"
        "Ped2 is the JPEG form of UCSD Ped2 v1p2 (Mahadevan et al., CVPR 2010), all 2,010 test frames; its test\n"
        "labels were seen in one choice that the drawn scenes left open (docs/log.md, the joining of cues)."
    )


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, *body]]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _row(records: Sequence[Record], job: str) -> Row:
    return Row(job, [record["figures"] for record in records if record["job"] == job])


def _grouped(records: Sequence[Record], job: str, part: str | None) -> dict[str, list[Tree]]:
    """Name to every seed's figures, of a job that measures several things at once."""
    found: dict[str, list[Tree]] = {}
    for record in records:
        if record["job"] == job:
            named = record["figures"] if part is None else record["figures"].get(part, {})
            for name, tree in named.items():
                found.setdefault(name, []).append(tree)
    return found


def _grouped_numbers(records: Sequence[Record], job: str, part: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for record in records:
        if record["job"] == job:
            for name, number in record["figures"][part].items():
                found.setdefault(name, []).append(float(number))
    return found


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _title(name: str, row: Row) -> str:
    return f"**{name}**, {len(row.seeds)} seeds" if len(row.seeds) > 1 else f"**{name}**"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _yes(met: bool) -> str:
    return "yes" if met else "no"
