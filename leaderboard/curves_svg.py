"""A figure of layer curves as SVG markup for a page: same curves, same bytes.

What ``mirbench sweep`` draws for papers and slides, which do not take SVG, is in `curves_png`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mirbench.leaderboard.curves import LayerFigure
from mirbench.leaderboard.escaping import html as escape
from mirbench.leaderboard.names import task_name

WIDTH, HEIGHT = 640, 320
LEFT, TOP, RIGHT, BOTTOM = 46, 14, 500, 268

#: Middle tones that stand out from a light and from a dark page; a page may set
#: ``--curve-0``, ``--curve-1``, … instead. Dashes tell the lines apart without colour.
COLOURS = ("#3b82c4", "#cf6a1f", "#2f9a6c", "#b05ab5", "#a5851a", "#6f7f92")
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")

#: Names of layers below the axis, at most.
MOST_TICKS = 12


def layer_svg(figure: LayerFigure) -> str:
    """Draw the normalised curve of every task, their mean, and the chosen layers.

    Returns
    -------
    str
        One ``<svg>`` element without ids, whose text is escaped. Axes and mean
        are in the colour of the surrounding text.
    """
    parts = [
        f'<svg class="layer-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'style="width:100%;max-width:46rem;height:auto" font-size="12" fill="currentColor">',
        f"<title>{escape(figure.title)}</title>",
        f"<desc>{escape(figure.summary)}</desc>",
        *_axes(figure),
    ]
    for number, curve in enumerate(figure.curves):
        colour = f"var(--curve-{number},{COLOURS[number % len(COLOURS)]})"
        dash = DASHES[number % len(DASHES)]
        stroke = f'style="stroke:{colour}" stroke-width="1.6" stroke-dasharray="{dash}"'
        place, score = curve.selected, curve.scores[curve.selected]
        words = f"{curve.task}: layer {curve.layers[place]}, {curve.metric} {100 * score:z.1f}"
        parts += [
            _line(curve.normalised, stroke),
            f'<circle cx="{_x(place, len(curve.layers)):.1f}" '
            f'cy="{_y(curve.normalised[place]):.1f}" r="4" style="fill:{colour}">'
            f"<title>{escape(words)}</title></circle>",
            *_key(number, task_name(curve.task), stroke),
        ]
    if len(figure.curves) > 1:
        stroke = 'stroke="currentColor" stroke-width="3"'
        parts += [_line(figure.mean, stroke), *_key(len(figure.curves), "mean", stroke)]
    return "\n".join([*parts, "</svg>"])


def _x(place: int, count: int) -> float:
    return LEFT + 8 + (RIGHT - LEFT - 16) * (place / (count - 1) if count > 1 else 0.5)


def _y(score: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * score


def _line(scores: Sequence[float], stroke: str) -> str:
    points = " ".join(
        f"{_x(place, len(scores)):.1f},{_y(score):.1f}" for place, score in enumerate(scores)
    )
    return f'<polyline fill="none" {stroke} stroke-linejoin="round" points="{points}"/>'


def _axes(figure: LayerFigure) -> list[str]:
    count, middle = len(figure.layers), (LEFT + RIGHT) / 2
    parts = [
        f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="currentColor"/>',
        f'<text x="{middle:.0f}" y="{HEIGHT - 14}" text-anchor="middle">layer</text>',
        f'<text transform="translate(14 {(TOP + BOTTOM) / 2:.0f}) rotate(-90)" '
        'text-anchor="middle">validation score, normalised per task</text>',
    ]
    for score in (0, 0.5, 1):
        parts.append(
            f'<text x="{LEFT - 6}" y="{_y(score) + 4:.1f}" text-anchor="end">{score:g}</text>'
        )
    for place in ticks(count):
        parts.append(
            f'<text x="{_x(place, count):.1f}" y="{BOTTOM + 17}" text-anchor="middle">'
            f"{escape(shorten(figure.layers[place]))}</text>"
        )
    x = _x(figure.selected, count)
    chosen = f"layer {figure.layers[figure.selected]}, chosen over all tasks"
    parts.append(
        f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}" stroke="currentColor" '
        f'stroke-dasharray="1 3"><title>{escape(chosen)}</title></line>'
    )
    return parts


def _key(number: int, name: str, stroke: str) -> list[str]:
    y = TOP + 8 + 18 * number
    return [
        f'<line x1="{RIGHT + 8}" y1="{y}" x2="{RIGHT + 30}" y2="{y}" {stroke}/>',
        f'<text x="{RIGHT + 36}" y="{y + 4}">{escape(shorten(name, 16))}</text>',
    ]


def ticks(count: int) -> range:
    """Places of the layers that are named below the axis: evenly spaced, the first among them."""
    return range(0, count, math.ceil(count / MOST_TICKS))


def shorten(name: str, most: int = 8) -> str:
    """Name, or its beginning and an ellipsis."""
    return name if len(name) <= most else name[: most - 1] + "…"
