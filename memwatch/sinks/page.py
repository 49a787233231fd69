"""A figure as a page: things are placed in inches from its top left."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from memwatch.sinks.style import PANEL


class Page:
    """Of `figure`, whose size is the page's."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._width, self._height = (float(side) for side in figure.get_size_inches())

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        """Empty axes without frame or ticks."""
        bottom = 1 - (top + height) / self._height
        axes = self._figure.add_axes((left / self._width, bottom, width / self._width, height / self._height))
        axes.set_facecolor(PANEL)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        return axes

    def picture(self, left: float, top: float, width: float, height: float, picture: NDArray[Any]) -> None:
        """An RGB picture (H, W, 3), or a gray one (H, W) in 0…1."""
        tone = {"cmap": "gray", "vmin": 0, "vmax": 1} if picture.ndim == 2 else {}
        self.axes(left, top, width, height).imshow(picture, aspect="auto", interpolation="bilinear", **tone)

    def text(self, left: float, top: float, text: str, colour: str, **style: Any) -> None:
        """A line, centred on `top`. Names of sources are not formulas, whatever signs are in them."""
        place = left / self._width, 1 - top / self._height
        self._figure.text(*place, text, color=colour, va="center", parse_math=False, **style)
