"""Charts as plain SVG: no script, no network, text and axes in the colour of the page.

A chart is `{"type": "bar" | "line" | "pie", "labels": [str], "series": [{"name": str, "values":
[number]}]}`, already checked against its schema; its texts are an agent's and are drawn in full.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from itertools import zip_longest
from typing import Any

from django.utils.safestring import SafeString

from governance.admin.rendering import drawing
from governance.admin.rendering.visible import revealed

_RADIUS, _CENTRE, _LEFT_OF_LEGEND = 110, 140, 290
_WHOLE = 0.9999  # from here on an arc ends where it starts, and a circle is drawn instead
_LEGEND_WIDTH = 540

_Drawing = tuple[float, float, list[str]]  # width, height, elements


@dataclass(frozen=True, kw_only=True)
class _Series:
    name: str
    values: list[Fraction | None]
    rows: list[tuple[str, str]]  # each label with its value exactly as it was sent


def svg(chart: Mapping[str, Any]) -> SafeString:
    """The chart as one <svg>. Raises ValueError for a type other than these three.

    Not of the class "chart": unfold's own script takes those for canvases of its own.
    """
    kind = chart["type"]
    if kind not in _KINDS:
        raise ValueError(f"A chart of type {kind!r} cannot be drawn: use bar, line or pie.")
    labels = [revealed(label) for label in chart["labels"]]
    series = [_series(one, labels) for one in chart["series"]]
    width, height, body = _KINDS[kind](labels, series)
    title = f"{kind.capitalize()} chart: {', '.join(one.name for one in series)}"
    return SafeString(
        '<svg xmlns="http://www.w3.org/2000/svg" class="drawing" role="img" xml:space="preserve" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'font-family="ui-monospace, monospace" font-size="12" fill="currentColor">'
        f"<title>{escape(title)}</title><desc>{escape(_in_words(series))}</desc>"
        f"{''.join(body)}</svg>"
    )


def _series(series: Mapping[str, Any], labels: Sequence[str]) -> _Series:
    exact = [json.dumps(value) for value in series["values"]]
    return _Series(
        name=revealed(series["name"]),
        values=[_number(value) for value in series["values"]],
        rows=[(label or "", value or "no value") for label, value in zip_longest(labels, exact)],
    )


def _number(value: Any) -> Fraction | None:
    """None for what has no place on an axis."""
    if isinstance(value, float) and math.isfinite(value):
        return Fraction(repr(value))  # as written: 0.3 is three tenths, and not a little less
    return Fraction(value) if isinstance(value, int) else None


def _in_words(series: Sequence[_Series]) -> str:
    """Every number, for those who cannot see the drawing."""
    return " ".join(
        f"{one.name}: " + "; ".join(f"{label}: {value}" for label, value in one.rows) + "."
        for one in series
    )


def _no_data(series: Sequence[_Series], why: str = "no data") -> _Drawing:
    """The reason in place of a plot, and still everything that was sent."""
    rows = [why, *(f"{one.name}: {value} {label}" for one in series for label, value in one.rows)]
    rows += [one.name for one in series if not one.rows]
    lines = [line for row in rows for line in drawing.wrap(row, _LEGEND_WIDTH)]
    return _LEGEND_WIDTH + 24, drawing.LINE * len(lines) + 16, [drawing.text(12, 20, lines)]


# --- Bars and lines


def _bars(labels: Sequence[str], series: Sequence[_Series]) -> _Drawing:
    def shapes(frame: drawing.Frame) -> Iterator[str]:
        width = 0.8 * frame.width / frame.count / len(series)
        for number, one in enumerate(series):
            for slot, value, hint in _points(one):
                top, bottom = sorted((frame.y(value), frame.y(Fraction(0))))
                yield (
                    f'<rect x="{frame.x(slot + 0.1) + width * number:g}" y="{top:g}" '
                    f'width="{width:g}" height="{bottom - top:g}" fill="{drawing.colour(number)}" '
                    f'stroke="currentColor" stroke-width="0.75">{hint}</rect>'
                )

    return _plot(labels, series, shapes, swatch=drawing.square)


def _lines(labels: Sequence[str], series: Sequence[_Series]) -> _Drawing:
    def shapes(frame: drawing.Frame) -> Iterator[str]:
        for number, one in enumerate(series):
            points = [
                (f"{frame.x(slot + 0.5):g}", f"{frame.y(value):g}", hint)
                for slot, value, hint in _points(one)
            ]
            path = " ".join(f"{x},{y}" for x, y, _ in points)
            yield f'<polyline points="{path}" fill="none" {drawing.stroke(number)}/>'
            for x, y, hint in points:
                colour = drawing.colour(number)
                yield f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}">{hint}</circle>'

    return _plot(labels, series, shapes, swatch=drawing.dash)


def _points(series: _Series) -> Iterator[tuple[int, Fraction, str]]:
    """(slot, value, hint with the exact number) for each value there is."""
    for slot, value in enumerate(series.values):
        if value is not None:
            yield slot, value, _hint(series.name, *series.rows[slot])


def _hint(name: str, label: str, value: str) -> str:
    return f"<title>{escape(f'{name}, {label}: {value}')}</title>"


def _plot(
    labels: Sequence[str],
    series: Sequence[_Series],
    shapes: Callable[[drawing.Frame], Iterator[str]],
    *,
    swatch: drawing.Swatch,
) -> _Drawing:
    numbers = [value for one in series for value in one.values if value is not None]
    if not numbers:
        return _no_data(series)
    marks = drawing.ticks(numbers)
    count = max(len(one.rows) for one in series)
    names, upright = drawing.label_lines(labels, drawing.PLOT_WIDTH / count)
    # Wide enough that no label covers its neighbour and no bar vanishes.
    slot = max([5 * len(series), *(drawing.LINE * len(lines) * upright for lines in names)])
    frame = drawing.Frame(
        left=max(drawing.measure(label) for _, label in marks) + 14,
        width=max(drawing.PLOT_WIDTH, slot * count),
        low=marks[0][0],
        high=marks[-1][0],
        count=count,
    )
    below, under = drawing.slot_labels(frame, names, upright=upright)
    height, legend = drawing.legend(
        [one.name for one in series], x=8, y=below + 12, width=_LEGEND_WIDTH, swatch=swatch
    )
    body = [*drawing.value_axis(frame, marks), *shapes(frame), *under, *legend]
    return frame.x(count) + 16, height, body


# --- Pies


def _pie(labels: Sequence[str], series: Sequence[_Series]) -> _Drawing:
    """The first series; slices are numbered clockwise from the top, as in the legend."""
    if not series or not any(series[0].values):
        return _no_data(series)
    if any(value is not None and value < 0 for value in series[0].values):
        return _no_data(series, "no data: a pie cannot show numbers below zero")
    values = [value or Fraction(0) for value in series[0].values]
    shares = [float(value / sum(values)) for value in values]
    percents = [f" ({share:.1%})" for share in shares]
    percents += [""] * (len(labels) - len(shares))  # labels without a value
    rows = [
        f"{number}. {value}{percent} {label}"
        for number, ((label, value), percent) in enumerate(
            zip(series[0].rows, percents, strict=True), start=1
        )
    ]
    height, body = drawing.legend(
        rows, x=_LEFT_OF_LEGEND, y=drawing.TOP + 8, width=340, swatch=drawing.square
    )
    if series[1:]:
        rest = f"Not drawn, as a pie shows one series: {_in_words(series[1:])}"
        lines = drawing.wrap(rest, 376)
        body.append(drawing.text(_LEFT_OF_LEGEND, height + 18, lines))
        height += drawing.LINE * len(lines) + 12
    body += _slices(series[0], shares)
    return _LEFT_OF_LEGEND + 392, max(height, 2 * _CENTRE), body


def _slices(series: _Series, shares: Sequence[float]) -> Iterator[str]:
    start = 0.0
    for number, share in enumerate(shares):
        if share:
            yield _slice(start, share, number, _hint(series.name, *series.rows[number]))
            x, y = _on_circle(start + share / 2, _RADIUS + 14)
            yield drawing.text(x, y + 4, [str(number + 1)], anchor="middle")
        start += share


def _slice(start: float, share: float, number: int, hint: str) -> str:
    look = f'fill="{drawing.colour(number)}" stroke="currentColor" stroke-width="0.75"'
    if share > _WHOLE:
        return f'<circle cx="{_CENTRE}" cy="{_CENTRE}" r="{_RADIUS}" {look}>{hint}</circle>'
    (x1, y1), (x2, y2) = _on_circle(start, _RADIUS), _on_circle(start + share, _RADIUS)
    return (
        f'<path d="M {_CENTRE} {_CENTRE} L {x1:g} {y1:g} '
        f'A {_RADIUS} {_RADIUS} 0 {round(share)} 1 {x2:g} {y2:g} Z" {look}>{hint}</path>'
    )


def _on_circle(turn: float, radius: float) -> tuple[float, float]:
    """The point this part of a turn clockwise from the top."""
    angle = 2 * math.pi * turn
    return _CENTRE + radius * math.sin(angle), _CENTRE - radius * math.cos(angle)


_KINDS: dict[str, Callable[[Sequence[str], Sequence[_Series]], _Drawing]] = {
    "bar": _bars,
    "line": _lines,
    "pie": _pie,
}
