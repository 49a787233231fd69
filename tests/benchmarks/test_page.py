"""The page says what the results say, and a dash where there are none."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.page import page, table, targets
from benchmarks.results import spread

KINDS = {"clip 10": {"frames": 2, "auc": 0.75, "found": 0.5}}


def record(scene: str, job: str, figures: dict[str, Any], *, model: str | None = None) -> dict[str, Any]:
    return {"scene": scene, "job": job, "model": model, "key": "0", "commit": "abc1234", "date": "2026-01-02",
            "machine": "a machine, 2 cores", "seconds": 1.0, "figures": figures}  # fmt: skip


def figures(auc: float, **more: Any) -> dict[str, Any]:
    return {"causal": {"auc": auc, "macro_auc": 0.9}, "paper": {"auc": 0.8}, "kinds": KINDS} | more


def records() -> list[dict[str, Any]]:
    """Two seeds of a model on Ped2 with one cue, flow to be beaten, and false alarms of a drawn scene."""
    found = [record("ped2", "optical-flow", {"optical flow": figures(0.98, ms=9.0)})]
    for seed, auc in enumerate((0.990, 0.992)):
        name = f"ped2-{seed}"
        found.append(record("ped2", "model", figures(auc, rbdc=0.7), model=name))
        whole = figures(auc) | {"kinds": {"clip 10": KINDS["clip 10"] | {"over": 0.9}}}
        parts = {"alone": {"motion": figures(0.97)}, "without": {"motion": figures(0.6)}}
        told = {"all": whole, "threshold": 4.0, "ms": 20.0, "cue_ms": {"motion": 4.5}} | parts
        found.append(record("ped2", "cues", told, model=name))
    alarms = [{"source": "u", "start": 3.0, "length": 1.0, "score": 5.0, "cue": "motion"}]
    rate = {"events": 1, "seconds": 3600.0, "per_day": 24.0, "low": 0.6, "high": 133.7, "over": 0.001}
    found.append(record("yard", "alarms", rate | {"alarms": alarms, "budget": 10.0}, model="yard-0"))
    return found


def line(text: str, start: str) -> list[str]:
    """The cells of the table's row that begins so."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_targets_stand_beside_what_was_reached() -> None:
    found = {target.figure: target for target in targets(records())}

    assert found["frame AUC, causal, micro"].got == "0.991 ± 0.001"
    assert found["frame AUC, causal, micro"].met is True
    assert found["RBDC"].met is False
    assert found["TBDC"].met is None
    assert next(t for name, t in found.items() if "walking pace" in name).got == "0.900 ± 0.000"


def test_every_method_has_its_row() -> None:
    text = page(records(), command="the command")

    assert line(text, "**memwatch**, 2 seeds")[1] == "0.991 ± 0.001"
    assert line(text, "… motion alone")[1] == "0.970 ± 0.000"
    assert line(text, "… without motion")[1] == "0.600 ± 0.000"
    assert line(text, "optical flow")[1:4] == ["0.980", "0.900", "0.800"]
    assert line(text, "optical flow")[-1] == "9.0"
    assert line(text, "**memwatch**, 2 seeds")[-1] == "20.0 ± 0.0"


def test_each_kind_has_its_column() -> None:
    text = page(records(), command="")
    after = text[text.index("by themselves") :]

    assert "| method | clip 10 |" in after
    assert line(after, "memwatch") == ["memwatch", "0.75 / 0.50"]
    assert line(after, "… share of frames over")[1] == "0.90"
    assert "motion 4.5" in after


def test_the_detector_stands_against_the_best_it_must_beat() -> None:
    text = page(records(), command="")

    assert line(text, "ped2") == ["ped2", "0.991 ± 0.001", "optical flow", "0.980", "yes"]


def test_false_alarms_stand_beside_their_budget() -> None:
    text = page(records(), command="")

    cells = line(text, "yard")
    assert cells[2:7] == ["1.00", "1", "24.0", "0.6 … 133.7", "10"]
    assert cells[7] == "cannot tell", "0.6 to 133.7 may be under 20 a day or over it"
    assert cells[-1] == "motion 1"
    for low, high, said in ((0.0, 19.0, "yes"), (21.0, 40.0, "no")):
        found = records()
        found[-1]["figures"] |= {"low": low, "high": high}
        assert line(page(found, command=""), "yard")[7] == said


def test_budgets_stand_beside_what_was_due() -> None:
    """Eight a day over a quarter of a day: two due, three came, half as many again."""
    row = {"budget": 8.0, "due": 2.0, "threshold": 4.5, "events": 3, "per_day": 12.0, "low": 2.4, "high": 1400.0}
    told = {"calibrated_s": 1800.0, "seconds": 21600.0, "budgets": [row]}
    text = page([*records()[:-1], record("yard", "budgets", told, model="yard-0")], command="")

    assert line(text, "yard") == ["yard", "`yard-0`", "30", "360", "8", "4.5", "2", "3", "1.5 (0.3 … 175)"]


@pytest.mark.parametrize(
    ("came", "said", "met"),
    [
        ((8, 7), "15 of 20 due at 960 a day (0.42 … 1.2)", True),
        ((3, 2), "5 of 20 due at 960 a day (0.081 … 0.58)", None),  # 0.25, which may be 0.58 of them in truth
        ((0, 2), "2 of 20 due at 960 a day (0.012 … 0.36)", False),
        ((40, 41), "81 of 20 due at 960 a day (3.2 … 5)", False),
    ],
)
def test_alarms_of_all_scenes_stand_among_the_targets(came: tuple[int, int], said: str, met: bool | None) -> None:
    """Garwood's bounds of a count of 15: 8.395 … 24.740. A budget of which none was due is left out."""
    found = records()
    for scene, count in zip(("yard", "lobby"), came, strict=True):
        rows = [
            {"budget": budget, "due": due, "threshold": 4.5, "events": n, "per_day": 1.0, "low": 1.0, "high": 1.0}
            for budget, due, n in ((1.0, 0.01, 0), (960.0, 10.0, count))
        ]
        found.append(record(scene, "budgets", {"calibrated_s": 900.0, "seconds": 900.0, "budgets": rows}))
    kept = targets(found)[-1]
    assert kept.got == said
    assert kept.met is met


def test_the_page_says_how_it_was_made_and_what_is_missing() -> None:
    text = page(records(), command="python -m benchmarks.accuracy --data PED2")

    assert "`python -m benchmarks.accuracy --data PED2`" in text
    assert "Commit abc1234; 2026-01-02; a machine, 2 cores." in text
    assert "No model of the preset `paper`" in text
    assert text.endswith("\n")
    assert "nan" not in text.lower()


def test_the_page_says_how_long_a_model_was_trained() -> None:
    text = page(records(), command="", trained={"ped2-1": "428 steps in 57 minutes"})
    assert "Models: `ped2-0`, `ped2-1` (428 steps in 57 minutes), `yard-0`." in text


def test_the_preset_paper_has_its_published_score_and_what_its_cues_come_to() -> None:
    own = figures(0.91) | {"mnad": {"psnr_causal": {"auc": 0.82}, "paper": {"auc": 0.88}}}
    text = page([*records(), record("ped2", "paper", own, model="ped2-paper")], command="")
    assert line(text, "preset `paper`, its cues calibrated")[1:4] == ["0.910", "0.900", "0.800"]
    assert line(text, "preset `paper`, MNAD's published score")[1:4] == ["0.820", "–", "0.880"]


def test_every_row_of_a_table_has_all_cells() -> None:
    text = page(records(), command="")
    tables = [block for block in text.split("\n\n") if block.startswith("|")]

    assert len(tables) >= 5
    for block in tables:
        assert len({row.count("|") for row in block.splitlines()}) == 1


def test_without_any_result_there_is_still_a_page() -> None:
    assert page([], command="x").startswith("# Accuracy")


def test_the_spread_is_the_farthest_seed() -> None:
    assert spread([]) == "–"
    assert spread([0.5]) == "0.500"
    assert spread([0.1, 0.2, 0.6]) == "0.300 ± 0.300"


def test_a_table_is_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"
