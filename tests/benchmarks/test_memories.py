"""What a memory's read does for the prediction, and the page of all choices of memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.memories import whole_figures
from benchmarks.memories_page import page
from benchmarks.memory_read import read_figures
from benchmarks.scenes import Scene
from memwatch.model import Model
from tests import tiny
from tests.conftest import Trained
from tests.scene import film, ucsd, video

SIZE = {"width": 96, "height": 64, "head_width": 0, "skips": False}


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("read")
    return [str(video(folder / f"{seed}.mp4", film(60, seed=seed, colour=False))) for seed in range(3)]


def loud(made: Model) -> Model:
    """With a decoder that tells apart what it is handed: untrained, it hardly looks."""
    with torch.no_grad():
        for part in made.net.decoder.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                part.weight.mul_(8)
    return made


def test_where_all_items_are_equal_the_mean_of_the_read_does_as_well(footage: list[str]) -> None:
    made = loud(tiny.model(recall="alone", temperature=0.1, **SIZE))
    made.state = {"items": made.state["items"][:1].expand(5, -1).contiguous()}
    found = read_figures(made, footage)
    assert found["error"] > 0
    assert found["mean_read"] == pytest.approx(0, abs=1e-5)
    assert found["read_spread"] == pytest.approx(0, abs=1e-5)
    assert found["mean_read_of_place"] == pytest.approx(0, abs=1e-5)
    assert found["read_perplexity"] == pytest.approx(5, rel=1e-4)  # all alike: each weighs a fifth
    assert found["items"] == 5


def test_where_the_query_stands_beside_it_the_read_says_something_of_its_frame(footage: list[str]) -> None:
    found = read_figures(loud(tiny.model(recall="beside", **SIZE)), footage)
    assert abs(found["mean_read"]) > 1e-4
    assert found["read_spread"] > 0.01
    assert abs(found["mean_read_of_place"]) > 1e-6
    assert found["mean_read_of_place"] != found["mean_read"]
    assert 1 <= found["read_perplexity"] <= 5
    assert 1 <= found["use_perplexity"] <= found["items"] == 5
    assert 1 <= found["used"] <= 5
    assert found["ms"] > 0


def test_a_memory_without_weights_has_none_to_tell(footage: list[str]) -> None:
    made = tiny.model(memory="none", **SIZE)
    found = read_figures(made, footage)
    assert [found[name] for name in ("items", "read_perplexity", "use_perplexity", "used")] == [None] * 4
    assert found["parameters"] == sum(p.numel() for p in made.net.parameters())


def test_the_head_counts_for_no_parameters_of_the_memory_s_network(footage: list[str]) -> None:
    bare, headed = (tiny.model(**SIZE | {"head_width": width}) for width in (0, 4))
    counts = [read_figures(made, footage)["parameters"] for made in (bare, headed)]
    assert counts[0] == counts[1] > 0
    assert sum(p.numel() for p in headed.net.parameters()) > counts[1]


def test_a_whole_detector_is_measured_end_to_end(gray_model: Trained, tmp_path: Path) -> None:
    test = ucsd(tmp_path / "set", [(50, range(36, 46)), (50, range(20, 30))])
    normal = video(tmp_path / "normal.mp4", film(200, seed=5, colour=False))
    found = whole_figures(Scene("yard", normal, test), gray_model.path)
    json.dumps(found, allow_nan=False)
    for updates in ("gated", "frozen"):
        assert 0 <= found[updates]["causal"] <= 1
        assert 0 <= found[updates]["paper"] <= 1
    assert found["trained"]["steps"] > 0
    assert found["error"] > 0
    assert found["items"]


# The page


def record(memory: str, seed: int, figures: dict[str, Any]) -> dict[str, Any]:
    told = {"error": 0.00123, "read_spread": 0.04, "mean_read": 0.25, "mean_read_of_place": 0.05, "parameters": 12345,
            "ms": 4.5, "items": None, "read_perplexity": None, "use_perplexity": None, "used": None,
            "trained": {"steps": 1200, "device": "a card", "commit": "def5678"}}  # fmt: skip
    return {"scene": "walkway", "job": f"{memory}-{seed}", "model": None, "key": "0", "commit": "abc1234",
            "date": "2026-01-02", "machine": "a machine, 2 cores", "seconds": 1.0,
            "figures": told | figures}  # fmt: skip


def measured(own: float | None, both: float) -> dict[str, Any]:
    told = {"own": None if own is None else {"causal": own, "paper": own + 0.01}}
    return told | {"with_error": {"causal": both, "paper": both + 0.02}}


def rows(text: str, start: str) -> list[list[str]]:
    """The cells of each row that begins so."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in lines]


def test_the_page_says_what_was_measured_and_a_dash_for_the_rest() -> None:
    items = {"items": 50, "read_perplexity": 12.34, "use_perplexity": 20.0, "used": 30}
    found = [
        record("none", 0, {"frozen": measured(None, 0.8)}),
        record("mnad", 0, items | {"frozen": measured(0.6, 0.9), "gated": measured(0.65, 0.9)}),
        record("mnad", 1, items | {"used": 32, "ms": 6.5, "frozen": measured(0.7, 0.9), "gated": measured(0.75, 0.9)}),
    ]
    text = page(found, command="python -m x")
    assert "`python -m x`" in text
    assert "## walkway" in text
    accuracy, reads = rows(text, "mnad")
    assert accuracy == ["2", "0.650 ± 0.050 / 0.660", "0.900 ± 0.000 / 0.920", "–", "–"]
    told = ["12,345", "4.5", "1,200", "1.23e-03 ± 0.00e+00", "+4%", "+25%", "+5%", "12.3", "20.0", "31 of 50"]
    assert reads == told
    accuracy, reads = rows(text, "none")
    assert accuracy == ["1", "–", "0.800 / 0.820", "–", "–"]
    assert reads == ["12,345", "4.5", "1,200", "1.23e-03", "+4%", "+25%", "+5%", "–", "–", "–"]
    assert rows(text, "mnad, gated") == [["0.700 ± 0.050 / 0.710", "0.900 ± 0.000 / 0.920", "–"]]
    assert rows(text, "mnad, always") == [["–", "–", "–"]]
    assert rows(text, "none, frozen") == []
    assert text.index("| mnad | 2") < text.index("| none | 1")  # in the order of choices
    assert "Trained on a card at commit def5678. Measured at commit abc1234 on a machine, 2 cores." in text


def test_whole_detectors_stand_apart_and_those_that_were_given_last() -> None:
    def whole(job: str, gated: float) -> dict[str, Any]:
        auc = {"causal": gated, "paper": 0.5}
        return record("x", 0, {"gated": auc, "frozen": auc}) | {"job": job, "model": "whole"}

    runs = [whole("ucsd-ped2-0", 0.9), whole("none-0", 0.81), whole("none-1", 0.83), whole("mnad-0", 0.8)]
    text = page([record("none", 0, {"frozen": measured(None, 0.8)}), *runs], command="x")
    assert rows(text, "none") == [
        ["1", "–", "0.800 / 0.820", "–", "–"],
        ["12,345", "4.5", "1,200", "1.23e-03", "+4%", "+25%", "+5%", "–", "–", "–"],
        ["2", "1,200", "0.8200 ± 0.0100 / 0.5000", "0.8200 ± 0.0100 / 0.5000", "+25%", "+5%", "–"],
    ]
    assert text.index("| mnad | 1") < text.index("| none | 2") < text.index("| ucsd-ped2 | 1")


def test_an_older_card_says_no_device() -> None:
    old = record("none", 0, {"frozen": measured(None, 0.8), "trained": {"steps": 9, "device": None, "commit": "old"}})
    text = page([old, old | {"machine": "another"}], command="x")
    assert "Trained on a processor at commit old. Measured at commit abc1234 on a machine, 2 cores, another." in text


def test_where_no_memory_learns_on_there_is_no_table_of_it() -> None:
    assert "learning on" not in page([record("memae", 0, {"frozen": measured(0.6, 0.9)})], command="x")


def test_without_results_the_page_is_its_head() -> None:
    text = page([], command="x")
    assert text.startswith("# Six systems")
    assert "commit" not in text
