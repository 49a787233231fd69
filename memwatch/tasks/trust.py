"""How far each question of the head is to be trusted in this scene, asked of held-out normal footage alone.

Rarity says how seldom normal footage gives such an answer, and nothing of how seldom anomalies do: a question that
hardly tells odd from normal has rare answers too, and where the rarest of several counts they drown those of a question
that tells them well apart. What anomalies will come nobody knows; pseudo-anomalies, pasted into footage that the head
was not trained on, stand for them. The question whose answers to these lie farthest above those to normal crops is
believed as it is, the others less, in proportion. Where none lies above them, pseudo-anomalies are hard to tell in this
scene, and no reason to prefer one question to another.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from memwatch.model import Model
from memwatch.scoring import CueCalibration, answered, cues_of, question_of
from memwatch.tasks.crops import Crops
from memwatch.tasks.footage import Footage
from memwatch.tasks.presets import PRESETS
from memwatch.tasks.pseudo import PseudoAnomalies
from memwatch.tasks.scenes import FootageScene
from memwatch.types import ANSWERS

BATCHES = 40
SEED = 77
FOUND = 0.25
"""Three of four pseudo-anomalies have a louder answer …"""
PASSED = 0.99
"""… and of a hundred normal crops one has."""
FEWEST = 20
"""Pseudo-anomalies of a question, and normal crops, without which it is believed."""
SURE = 1.2
"""Ratios up to this one say nothing: one scene gave 1.01, 1.02, 1.10 and 1.18 by four seeds."""
LEAST = 0.3
"""No question is believed less than so: what anomalies will come nobody knows."""


def trust_in(
    model: Model, footage: Footage, scene: FootageScene, fitted: Mapping[str, CueCalibration]
) -> dict[str, float]:
    """Each question's factor, LEAST … 1, from the held-out part of `footage`; `fitted` are the answers' calibrations.
    Empty for a model whose head does not know its scene."""
    net = model.net.eval()
    if net.head is None or not net.head.scene:
        return {}
    side = PRESETS["base"].side(model.config)
    targets = footage.targets(model.config, held=True)
    crops = Crops(footage, model.config, targets, 16, side, SEED, footage.busy(targets))
    anomalies = PseudoAnomalies(crops, footage.backgrounds(model.config), scene)
    odd: dict[str, list[float]] = {}
    normal: dict[str, list[float]] = {}
    for step in range(BATCHES):
        batch = anomalies.draw(step)
        said = cues_of(net.head.answers(batch.clips, batch.rest, batch.at))
        rarity = {name: fitted[name].tail(said[name]) for name in fitted if name in said}
        counts, shown = batch.weights > 0, batch.labels > 0
        for question, answers in answered(rarity).items():
            own = [number for number, name in enumerate(ANSWERS) if question_of(name) == question]
            asked: list[bool] = batch.asked[:, own].max(axis=1).tolist()
            for answer, counted, covered, wanted in zip(answers, counts, shown, asked, strict=True):
                if not covered.any():
                    normal.setdefault(question, []).append(float(answer[counted].max()))
                elif wanted and (covered & counted).any():
                    odd.setdefault(question, []).append(float(answer[covered & counted].max()))
    told = {question: apart(odd.get(question, []), some) for question, some in normal.items()}
    best = max((ratio for ratio in told.values() if ratio is not None), default=1.0)
    return {question: 1.0 if ratio is None else max(LEAST, ratio / best) for question, ratio in told.items()}


def apart(odd: list[float], normal: list[float]) -> float | None:
    """How many times the level that one normal crop in a hundred passes three of four pseudo-anomalies reach, at least
    SURE; None where there are too few to say."""
    if min(len(odd), len(normal)) < FEWEST:
        return None
    return max(SURE, float(np.quantile(odd, FOUND) / max(np.quantile(normal, PASSED), 1e-3)))
