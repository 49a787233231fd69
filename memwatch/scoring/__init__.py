"""Predictions to one calibrated map and score."""

from memwatch.scoring.calibration import (
    FALSE_ALARMS_PER_DAY,
    LASTS,
    MOMENT,
    SLOW,
    Calibration,
    CueCalibration,
    answered,
    join,
    peaks,
    question_of,
)
from memwatch.scoring.cues import CUES, OF_PREDICTION, STAYS, WHOLE, cues_of, read_cues
from memwatch.scoring.errors import psnr, regularity_error, squared_error
from memwatch.scoring.persistence import HALF_LIFE_S, LASTS_S, Persistence, where_now
from memwatch.scoring.rate import DAY, LEAST_PER_DAY, MOST_PER_DAY, EventRate, Expected, poisson_bound
from memwatch.scoring.relight import NOTICEABLE, Light, anew, light_of
from memwatch.scoring.scene import Passing, RunningScene, SceneLesson, SceneMemory, SceneReader, SceneView, reduced
from memwatch.scoring.unseen import unseen_rarity

__all__ = [
    "CUES",
    "DAY",
    "FALSE_ALARMS_PER_DAY",
    "HALF_LIFE_S",
    "LASTS",
    "LASTS_S",
    "LEAST_PER_DAY",
    "MOMENT",
    "MOST_PER_DAY",
    "NOTICEABLE",
    "OF_PREDICTION",
    "SLOW",
    "STAYS",
    "WHOLE",
    "Calibration",
    "CueCalibration",
    "EventRate",
    "Expected",
    "Light",
    "Passing",
    "Persistence",
    "RunningScene",
    "SceneLesson",
    "SceneMemory",
    "SceneReader",
    "SceneView",
    "anew",
    "answered",
    "cues_of",
    "join",
    "light_of",
    "peaks",
    "poisson_bound",
    "psnr",
    "question_of",
    "read_cues",
    "reduced",
    "regularity_error",
    "squared_error",
    "unseen_rarity",
    "where_now",
]
