"""What calibration would say of normal footage that it has not seen.

A frame that helped to say what is usual at each place looks more usual than any later one will. So every frame is
scored by a calibration fitted without the stretch of footage around it (cross-fitting), and those scores tell how
often a level is passed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.calibration import PLACELESS, CueCalibration

FOLDS = 4
"""Stretches of footage, each scored by a calibration on the others."""
MOST_FRAMES = 3000
"""Frames that one of these calibrations is fitted to, spread evenly."""


def unseen_rarity(cues: Mapping[str, NDArray[np.float32]], folds: int = FOLDS) -> dict[str, NDArray[np.float32]]:
    """Each cue's -log10 tail probabilities (N, gh, gw), from cues (N, gh, gw) of normal footage in the order of time,
    each frame judged without its own of `folds` stretches. Needs at least as many frames as folds."""
    frames = len(next(iter(cues.values())))
    fold = np.arange(frames) * folds // frames
    rarity = {name: np.empty_like(values) for name, values in cues.items()}
    for number in range(folds):
        mine, others = fold == number, np.flatnonzero(fold != number)
        others = others[:: -(-len(others) // MOST_FRAMES)]
        for name, values in cues.items():
            rarity[name][mine] = CueCalibration.fit(values[others], placed=name not in PLACELESS)(values[mine])
    return rarity
