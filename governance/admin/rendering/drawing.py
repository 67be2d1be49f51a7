"""The parts charts are drawn from: text in full, a value axis, slots with labels, a legend."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from html import escape

PLOT_WIDTH, PLOT_HEIGHT, TOP = 600, 260, 16
LINE = 16  # the height of a line of text
_CHAR = 7.3  # the width of a character in the 12 px monospaced font
# Labels lie flat while they fit below their slot, and else are turned upright.
_MOST_FLAT_LINES, _UPRIGHT_WIDTH = 3, 260

# Told apart by people with any colour vision, and at least 3:1 against white and near-black; with
# the dashes a line keeps a look of its own when the colours start again.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#C2699B", "#8A7A00", "#7B6FD0")
_DASHES = ("none", "7 3", "2 3", "9 3 2 3", "12 4")
# Ticks from here to its inverse squared, 0.00001 to ten thousand million, are written out.
_SMALLEST_PLAIN = Decimal("1e-5")

# Draws the sample of series `number` at (x, y) in a legend.
Swatch = Callable[[float, float, int], str]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the plot lies: `low` and `high` end the value axis, `count` slots share the width."""

    left: float
    width: float
    low: Fraction
    high: Fraction
    count: int

    def x(self, slot: float) -> float:
        return self.left + self.width * slot / self.count

    def y(self, value: Fraction) -> float:
        # Exact until here: from -1e308 to 1e308 is further than a float can say.
        return TOP + PLOT_HEIGHT * float((self.high - value) / (self.high - self.low))


# --- Text


def measure(text: str) -> float:
    """How wide `text` is drawn, about."""
    return sum(_width(char) for char in text)


def _width(char: str) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return 0
    return _CHAR * (2 if unicodedata.east_asian_width(char) in "WF" else 1)


def wrap(text: str, width: float) -> list[str]:
    """`text` in lines of at most `width`; no character is lost, only long words are broken."""
    lines = []
    for paragraph in text.split("\n"):
        line, length = "", 0.0
        for word in re.findall(r"\S+\s*|\s+", paragraph):
            fits = measure(word.rstrip()) <= width
            for part in [word] if fits else word:
                if line and length + measure(part.rstrip()) > width:
                    lines.append(line)
                    line, length = "", 0.0
                line, length = line + part, length + measure(part)
        lines.append(line)
    return lines


def text(
    x: float, y: float, lines: Sequence[str], *, anchor: str = "start", upright: bool = False
) -> str:
    """Lines of text; (x, y) is the baseline of the first at its `anchor` (start, middle, end)."""
    turn = " rotate(-90)" if upright else ""
    spans = "".join(
        f'<tspan x="0" y="{LINE * row}"{_fit(line)}>{escape(line)}</tspan>'
        for row, line in enumerate(lines)
    )
    return f'<text transform="translate({x:g} {y:g}){turn}" text-anchor="{anchor}">{spans}</text>'


def _fit(line: str) -> str:
    # The width of a glyph from another font is not known here; this keeps it inside the picture.
    if line.isascii():
        return ""
    return f' textLength="{measure(line):g}" lengthAdjust="spacingAndGlyphs"'


# --- Colours and the legend


def colour(number: int) -> str:
    """The colour of the series (or slice) with this number, from 0."""
    return _COLOURS[number % len(_COLOURS)]


def stroke(number: int) -> str:
    """The attributes of the line of this series."""
    dash = _DASHES[number % len(_DASHES)]
    return f'stroke="{colour(number)}" stroke-width="2.5" stroke-dasharray="{dash}"'


def square(x: float, y: float, number: int) -> str:
    return (
        f'<rect x="{x + 8:g}" y="{y:g}" width="12" height="12" fill="{colour(number)}" '
        'stroke="currentColor" stroke-width="0.75"/>'
    )


def dash(x: float, y: float, number: int) -> str:
    return f'<line x1="{x:g}" x2="{x + 28:g}" y1="{y + 6:g}" y2="{y + 6:g}" {stroke(number)}/>'


def legend(
    rows: Sequence[str], *, x: float, y: float, width: float, swatch: Swatch
) -> tuple[float, list[str]]:
    """The y below the legend, and one sample and text for each row."""
    drawn = []
    for number, row in enumerate(rows):
        lines = wrap(row, width)
        drawn += [swatch(x, y, number), text(x + 36, y + 10, lines)]
        y += LINE * len(lines) + 4
    return y, drawn


# --- Axes


def ticks(numbers: Sequence[Fraction]) -> list[tuple[Fraction, str]]:
    """A few round values with their texts, evenly spaced around `numbers`.

    Zero is always among them: an axis that starts elsewhere makes small differences look large.
    """
    low, high = min(Fraction(0), *numbers), max(Fraction(0), *numbers)
    if low == high:  # nothing but zeros
        high = Fraction(1)
    span = high - low
    # Not math.log10(span): a whole number in JSON has no upper end, a float has.
    power = math.floor(math.log10(span.numerator) - math.log10(span.denominator)) - 1
    unit = Fraction(10) ** power
    step = next(step for step in (2, 5, 10, 20, 50) if span <= 6 * step * unit)
    first, last = math.floor(low / (step * unit)), math.ceil(high / (step * unit))
    return [
        (n * step * unit, _tick_text(Decimal(n * step).scaleb(power)))
        for n in range(first, last + 1)
    ]


def _tick_text(value: Decimal) -> str:
    if not value:
        return "0"
    short = _SMALLEST_PLAIN <= abs(value) < _SMALLEST_PLAIN**-2
    return f"{value.normalize():,f}" if short else f"{value.normalize():e}"


def value_axis(frame: Frame, marks: Sequence[tuple[Fraction, str]]) -> Iterator[str]:
    """A line across the plot for each tick, the one at zero the strongest."""
    for value, label in marks:
        y = frame.y(value)
        yield (
            f'<line x1="{frame.left:g}" x2="{frame.x(frame.count):g}" y1="{y:g}" y2="{y:g}" '
            f'stroke="currentColor" stroke-opacity="{0.2 if value else 1:g}"/>'
        )
        yield text(frame.left - 8, y + 4, [label], anchor="end")


def label_lines(labels: Sequence[str], slot: float) -> tuple[list[list[str]], bool]:
    """The lines of each label in a slot of this width, and whether they have to stand upright."""
    width = slot - 8
    words_fit = all(measure(word) <= width for label in labels for word in label.split())
    flat = [wrap(label, width) for label in labels] if words_fit else []
    if words_fit and max(map(len, flat), default=0) <= _MOST_FLAT_LINES:
        return flat, False
    return [wrap(label, _UPRIGHT_WIDTH) for label in labels], True


def slot_labels(
    frame: Frame, labels: Sequence[Sequence[str]], *, upright: bool
) -> tuple[float, list[str]]:
    """The y below the labels, and each label under its slot."""
    top = TOP + PLOT_HEIGHT + 8
    centres = [frame.x(slot + 0.5) for slot in range(len(labels))]
    if not upright:
        below = top + LINE * max(map(len, labels), default=0)
        flat = zip(centres, labels, strict=True)
        return below, [text(x, top + 10, lines, anchor="middle") for x, lines in flat]
    starts = [x + 4 - LINE * (len(lines) - 1) / 2 for x, lines in zip(centres, labels, strict=True)]
    return top + max(measure(line) for lines in labels for line in lines), [
        text(x, top, lines, anchor="end", upright=True)
        for x, lines in zip(starts, labels, strict=True)
    ]
