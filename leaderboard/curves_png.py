"""A figure of layer curves as PNG, which papers and slides take; matplotlib draws it.

The page has a drawing of its own (`curves_svg`): one by matplotlib differs from
version to version, and its colours cannot follow the reader's dark or light page.
"""

from __future__ import annotations

import io

from mirbench.leaderboard.curves import LayerFigure
from mirbench.leaderboard.curves_svg import COLOURS, DASHES, shorten, ticks


def layer_png(figure: LayerFigure) -> bytes:
    """Draw the normalised curve of every task, their mean, and the chosen layers.

    Returns
    -------
    bytes
        A PNG file of 1800 × 900 pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(9, 4.5), layout="constrained")
    axes = drawing.add_subplot()
    places = range(len(figure.layers))
    for number, curve in enumerate(figure.curves):
        colour, best = COLOURS[number % len(COLOURS)], curve.selected
        chosen = f"{_plain(curve.task)} (layer {_plain(curve.layers[best])})"
        dash = DASHES[number % len(DASHES)]
        style = "-" if dash == "none" else (0, tuple(float(part) for part in dash.split()))
        axes.plot(
            places, curve.normalised, color=colour, linewidth=1.4, linestyle=style, label=chosen
        )
        axes.plot([best], [curve.normalised[best]], "o", color=colour)
    chosen = _plain(figure.layers[figure.selected])
    if len(figure.curves) > 1:
        axes.plot(places, figure.mean, color="black", linewidth=2.6, label=f"mean (layer {chosen})")
    axes.axvline(figure.selected, color="black", linewidth=1, linestyle=":")
    axes.set_xticks(ticks(len(figure.layers)))
    axes.set_xticklabels([_plain(shorten(figure.layers[n])) for n in ticks(len(figure.layers))])
    axes.set_xlabel("layer")
    axes.set_ylabel("validation score, normalised per task")
    axes.set_title(
        _plain(f"{figure.title} (protocol {figure.protocol}, split {figure.split})"), fontsize=11
    )
    axes.spines[["top", "right"]].set_visible(False)
    drawing.legend(loc="outside right upper", frameon=False)
    file = io.BytesIO()
    # Without matplotlib's version, so that an update does not show as another figure.
    FigureCanvasAgg(drawing).print_figure(file, dpi=200, metadata={"Software": None})
    return file.getvalue()


def _plain(name: str) -> str:
    """Name that matplotlib does not take for a formula."""
    return name.replace("$", r"\$")
