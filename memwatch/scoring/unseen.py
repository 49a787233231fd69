"""What calibration would say of normal footage that it has not seen.

A frame that helped to say what is usual at each place looks more usual than any later one will. So every frame is
scored by a calibration fitted without the stretch of footage around it (cross-fitting), and those scores tell how
often a level is passed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memwatch.scoring.calibration import PLACELESS, CueCalibration, join

FOLDS = 4
"""Stretches of footage, each scored by a calibration on the others."""
MOST_FRAMES = 3000
"""Frames that one of these calibrations is fitted to, spread evenly."""


def unseen_peaks(cues: dict[str, NDArray[np.float32]], folds: int = FOLDS) -> NDArray[np.float32]:
    """The highest place (N,) of each frame's map, from cues (N, gh, gw) of normal footage in the order of time, each
    frame scored without its own of `folds` stretches. Needs at least as many frames as folds."""
    frames = len(next(iter(cues.values())))
    fold = np.arange(frames) * folds // frames
    peaks = np.empty(frames, np.float32)
    for number in range(folds):
        mine, others = fold == number, np.flatnonzero(fold != number)
        others = others[:: -(-len(others) // MOST_FRAMES)]
        maps = {}
        for name, values in cues.items():
            fitted = CueCalibration.fit(values[others], placed=name not in PLACELESS)
            maps[name] = fitted(values[mine])
        map = next(iter(maps.values())) if len(maps) == 1 else join(maps)
        peaks[mine] = map.reshape(int(mine.sum()), -1).max(axis=1)
    return peaks
