"""Curves over layers: normalised, chosen from, and drawn."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from mirbench.benchmark.result import LayerScore, Result
from mirbench.leaderboard.curves import LayerCurve, LayerFigure, layer_curve, layer_figures
from mirbench.leaderboard.curves_png import layer_png
from mirbench.leaderboard.curves_svg import layer_svg, ticks

LAYERS = ("1", "2", "3")
HOSTILE = "<script>alert('1')</script> & \"q\" $\\frac{"


def curve(task: str, *scores: float, layers: tuple[str, ...] = LAYERS) -> LayerCurve:
    return LayerCurve("mine", task, "accuracy", layers, scores)


def figure(*curves: LayerCurve, name: str = "mine") -> LayerFigure:
    return LayerFigure(name, "paper", "quick", False, curves)


def test_a_curve_is_normalised_from_its_worst_to_its_best_layer() -> None:
    assert curve("a", 0.2, 0.6, 0.4).normalised == pytest.approx((0, 1, 0.5))
    assert curve("r2 may be negative", -3, -1, -2).normalised == (0, 1, 0.5)
    assert curve("flat", 0.5, 0.5, 0.5).normalised == (1, 1, 1)


def test_the_layer_for_all_tasks_is_that_of_the_normalised_mean() -> None:
    # By the mean of the raw scores, the third layer would win: (0.5 + 0.91) / 2.
    both = figure(curve("wide", 0.1, 0.45, 0.5), curve("narrow", 0.90, 0.92, 0.91))
    assert [one.selected for one in both.curves] == [2, 1]
    assert both.mean == pytest.approx((0, (0.875 + 1) / 2, (1 + 0.5) / 2))
    assert both.selected == 1
    assert "layer 3 for wide (50.0), layer 2 for narrow (92.0); layer 2 over" in both.summary


def test_of_equal_layers_the_first_is_chosen() -> None:
    assert curve("a", 0.1, 0.7, 0.7).selected == 1
    assert figure(curve("a", 0, 1, 0.5), curve("b", 0, 0.5, 1)).selected == 1


def with_curve(row: Result, *scores: float, layers: tuple[str, ...] = LAYERS) -> Result:
    points = tuple(
        LayerScore(layer=name, index=0, valid=score)
        for name, score in zip(layers, scores, strict=True)
    )
    return row.model_copy(update={"curve": points})


def test_rows_become_figures(make_result: Callable[..., Result]) -> None:
    rows = [
        make_result("flat"),
        with_curve(make_result(task="b", protocol="quick"), 0.1, 0.3, 0.2),
        with_curve(make_result(task="a", protocol="quick"), 0.1, 0.3, 0.2),
        with_curve(make_result(task="a"), 0.1, 0.3, 0.2),
        with_curve(make_result(task="c", protocol="quick"), 0.1, 0.3, layers=("x", "y")),
        with_curve(make_result(task="a", split="artist"), 0.1, 0.3, 0.2),
    ]
    assert layer_curve(rows[0]) is None
    found = layer_figures(rows)
    assert [(f.protocol, f.split, [c.task for c in f.curves]) for f in found] == [
        ("castellon2021", "artist", ["a"]),
        ("castellon2021", "paper", ["a"]),
        ("quick", "paper", ["a", "b"]),
        ("quick", "paper", ["c"]),
    ]
    assert [f.main_board for f in found] == [True, True, False, False]
    assert found == layer_figures(rows[::-1])


def test_svg_is_well_formed_and_names_are_only_names() -> None:
    hostile = figure(
        curve(HOSTILE, 0.1, 0.3, 0.2, layers=(HOSTILE, "2", "3")),
        curve("b", 0.3, 0.1, 0.2, layers=(HOSTILE, "2", "3")),
        name=HOSTILE,
    )
    text = layer_svg(hostile)
    assert text == layer_svg(hostile)
    root = ET.fromstring(text)
    assert {element.tag for element in root.iter()} <= {
        *("svg", "title", "desc", "path", "text", "line", "polyline", "circle")
    }
    assert root.findtext("title") == hostile.title
    assert root.findtext("desc") == hostile.summary
    lines = [line.attrib["points"].split() for line in root.iter("polyline")]
    assert [len(points) for points in lines] == [3, 3, 3]  # two tasks and their mean
    assert len(list(root.iter("circle"))) == 2
    assert "url(" not in text
    assert "href" not in text


def test_svg_draws_the_best_layer_at_the_top() -> None:
    root = ET.fromstring(layer_svg(figure(curve("a", 0.1, 0.3, 0.2))))
    (line,) = root.iter("polyline")
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert heights == [268.0, 14.0, 141.0]
    (circle,) = root.iter("circle")
    assert float(circle.attrib["cy"]) == 14.0
    assert circle.findtext("title") == "a: layer 2, accuracy 30.0"


@pytest.mark.parametrize("count", [1, 2, 12, 13, 72, 73])
def test_not_too_many_layers_are_named(count: int) -> None:
    assert ticks(count)[0] == 0
    assert 0 < len(ticks(count)) <= 12
    assert len(ticks(count)) == count or count > 12


def test_png() -> None:
    for drawn in (
        figure(curve("a", 0.1, 0.3, 0.2), curve("b", 0.3, 0.1, 0.2), name=HOSTILE),
        figure(curve(HOSTILE, 0.5, layers=("$",))),
    ):
        content = layer_png(drawn)
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", content[16:24]) == (1800, 900)
        assert content == layer_png(drawn)
        assert b"matplotlib" not in content


def test_a_layer_cannot_turn_the_direction_of_writing() -> None:
    turned = "\u202elast\x00"
    text = layer_svg(figure(curve("a", 0.1, 0.2, layers=(turned, "2")), name=turned))
    assert "\u202e" not in text
    assert "\x00" not in text
