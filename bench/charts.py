"""Charts as SVG text: groups of bars, and lines over a logarithmic axis. That is all, so it takes no library.

A chart has a ground of its own, so that it can be read on a light page and on a dark one; colours are told apart by
those who confuse red and green (Okabe and Ito).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.cases import Spread

_WIDTH, _HEIGHT = 860, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 20, 84, 46
_COLOURS = ("#0072b2", "#d55e00", "#e69f00", "#009e73", "#999999", "#cc79a7")
_INK, _FAINT, _GROUND = "#222222", "#d8d8d8", "#ffffff"
_SMALL, _LARGE = 12, 17
_BAR_SHARE = 0.8
_TICKS = 5
_LEGEND_STEP = 160
_LONG_LABEL = 24
_WHOLE = 100
"""From here on values are shown without a decimal."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a chart.

    order: series that keep the same colour in every chart; others take what is left.
    """

    title: str
    unit: str
    note: str = ""
    order: tuple[str, ...] = ()

    def colour(self, series: Sequence[str], label: str) -> str:
        """Of one of the chart's series."""
        known = [*self.order, *(each for each in series if each not in self.order)]
        return _COLOURS[known.index(label) % len(_COLOURS)]


def draw_bars(frame: Frame, groups: Mapping[str, Mapping[str, Spread]]) -> str:
    """Group -> series -> value: a bar for the median, a whisker from the smallest to the largest."""
    series = list(dict.fromkeys(label for values in groups.values() for label in values))
    top = _round_up(max(spread.high for values in groups.values() for spread in values.values()))
    parts = [*_draw_frame(frame, series), *_draw_linear_axis(top)]
    group_width = (_WIDTH - _LEFT - _RIGHT) / len(groups)
    for place, (group, values) in enumerate(groups.items()):
        left = _LEFT + place * group_width
        parts.append(_text(left + group_width / 2, _HEIGHT - _BOTTOM + 20, group, anchor="middle"))
        width = group_width * _BAR_SHARE / len(values)
        start = left + group_width * (1 - _BAR_SHARE) / 2
        for number, (label, spread) in enumerate(values.items()):
            parts += _draw_bar(start + number * width, width, spread, top, frame.colour(series, label))
    return _join(parts)


def draw_quantiles(frame: Frame, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Series -> (percent, value): values over a logarithmic scale, percents by how few exceed them."""
    values = [value for points in lines.values() for _, value in points if value > 0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    parts = [*_draw_frame(frame, list(lines))]
    for power in range(low, high + 1):
        y = _scale(power, low, high)
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, _FAINT))
        parts.append(_text(_LEFT - 8, y + 4, f"{10**power:,}", anchor="end"))
    percents = sorted({percent for points in lines.values() for percent, _ in points})
    right = _place(percents[-1])

    def x_of(percent: float) -> float:
        return _LEFT + _place(percent) / right * (_WIDTH - _LEFT - _RIGHT - 20)

    for percent in (50, 90, 99, 99.9, 99.99):
        if percent <= percents[-1]:
            x = x_of(percent)
            parts.append(_line(x, _TOP, x, _HEIGHT - _BOTTOM, _FAINT))
            parts.append(_text(x, _HEIGHT - _BOTTOM + 20, f"{percent:g} %", anchor="middle"))
    for label, points in lines.items():
        path = " ".join(
            f"{x_of(percent):.1f},{_scale(math.log10(value), low, high):.1f}" for percent, value in points if value > 0
        )
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{frame.colour(list(lines), label)}" stroke-width="2.5"/>'
        )
    return _join(parts)


def _place(percent: float) -> float:
    """Half as many again exceed what is one step further: 0 for none, 1 for 90 %, 2 for 99 %."""
    return -math.log10(1 - percent / 100)


def _scale(value: float, low: float, high: float) -> float:
    return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def _round_up(value: float) -> float:
    """To a number that divides well."""
    step = float(10 ** math.floor(math.log10(max(value, 1e-9))))
    return next(factor * step for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if factor * step >= value)


def _draw_frame(frame: Frame, series: Sequence[str]) -> list[str]:
    label = escape(frame.title, {'"': "&quot;"})
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" role="img" aria-label="{label}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{_GROUND}"/>',
        _text(16, 26, frame.title, size=_LARGE),
        _text(16, 46, f"{frame.unit}{'; ' if frame.note else ''}{frame.note}"),
    ]
    step = min(_LEGEND_STEP, (_WIDTH - 32) / max(len(series), 1))
    if any(len(label) > _LONG_LABEL for label in series):
        step = (_WIDTH - 32) / len(series)
    for number, label in enumerate(series):
        x = 16 + number * step
        parts.append(f'<rect x="{x:.1f}" y="58" width="12" height="12" fill="{frame.colour(series, label)}"/>')
        parts.append(_text(x + 17, 69, label))
    return parts


def _draw_linear_axis(top: float) -> list[str]:
    parts = []
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = _scale(value, 0, top)
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, _INK if tick == 0 else _FAINT))
        parts.append(_text(_LEFT - 8, y + 4, f"{value:,.0f}" if top >= _TICKS else f"{value:.2f}", anchor="end"))
    return parts


def _draw_bar(x: float, width: float, spread: Spread, top: float, colour: str) -> list[str]:
    y, middle = _scale(spread.median, 0, top), x + width / 2
    low, high = _scale(spread.low, 0, top), _scale(spread.high, 0, top)
    digits = 0 if spread.median >= _WHOLE else 1
    left, height = x + 2, _HEIGHT - _BOTTOM - y
    return [
        f'<rect x="{left:.1f}" y="{y:.1f}" width="{width - 4:.1f}" height="{height:.1f}" fill="{colour}"/>',
        _line(middle, low, middle, high, _INK),
        _text(middle, min(y, high) - 5, f"{spread.median:,.{digits}f}", anchor="middle", size=11),
    ]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = _SMALL) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{_INK}">{escape(text)}</text>'
    )


def _join(parts: Sequence[str]) -> str:
    return "\n".join([*parts, "</svg>"]) + "\n"
