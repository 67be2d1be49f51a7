import math
from xml.etree import ElementTree as ET

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from governance.admin.rendering import drawing
from governance.admin.rendering.charts import svg

SVG = "{http://www.w3.org/2000/svg}"


def chart(kind="bar", labels=("a", "b"), **series):
    return {
        "type": kind,
        "labels": list(labels),
        "series": [{"name": name, "values": values} for name, values in series.items()],
    }


def drawn(data):
    """The parsed picture. A parser of XML is stricter than a browser: nothing unescaped passes."""
    return ET.fromstring(svg(data))


def elements(root, tag):
    return list(root.iter(SVG + tag))


def texts(root):
    """What a reader sees, a string for each text element, its lines joined."""
    return ["".join(span.text or "" for span in text) for text in elements(root, "text")]


def numbers(element, *names):
    return tuple(round(float(element.get(name)), 2) for name in names)


def test_a_bar_chart_to_scale():
    root = drawn(chart(sales=[100, -50], costs=[0, 25.5]))
    bars = [bar for bar in elements(root, "rect") if bar.find(SVG + "title") is not None]
    # The axis runs from 100 at y=16 to -50 at y=276, and zero is at 189.33.
    assert [numbers(bar, "y", "height") for bar in bars] == [
        (16.0, 173.33),
        (189.33, 86.67),
        (189.33, 0.0),
        (145.13, 44.2),
    ]
    assert [bar.find(SVG + "title").text for bar in bars] == [
        "sales, a: 100",
        "sales, b: -50",
        "costs, a: 0",
        "costs, b: 25.5",
    ]
    assert texts(root) == ["-50", "0", "50", "100", "a", "b", "sales", "costs"]


def test_a_line_chart_to_scale():
    root = drawn(chart("line", up=[0, 5, 10], one=[2]))
    paths = [line.get("points") for line in elements(root, "polyline")]
    left = 14 + 2 * 7.3
    x = [round(left + 600 * part, 1) for part in (1 / 6, 3 / 6, 5 / 6)]
    assert paths == [f"{x[0]:g},276 {x[1]:g},146 {x[2]:g},16", f"{x[0]:g},224"]
    assert len(elements(root, "circle")) == 4
    dashes = [line.get("stroke-dasharray") for line in elements(root, "polyline")]
    assert dashes == ["none", "7 3"]


def test_a_pie_of_a_quarter_and_three():
    root = drawn(chart("pie", ["Yes", "No"], votes=[1, 3]))
    assert [path.get("d") for path in elements(root, "path")] == [
        "M 140 140 L 140 30 A 110 110 0 0 1 250 140 Z",
        "M 140 140 L 250 140 A 110 110 0 1 1 140 30 Z",
    ]
    assert texts(root) == ["1. 1 (25.0%) Yes", "2. 3 (75.0%) No", "1", "2"]


def test_a_pie_with_one_slice_is_a_disc():
    root = drawn(chart("pie", ["all", "none"], votes=[5, 0]))
    assert [numbers(disc, "cx", "cy", "r") for disc in elements(root, "circle")] == [
        (140, 140, 110)
    ]
    assert texts(root) == ["1. 5 (100.0%) all", "2. 0 (0.0%) none", "1"]


def test_a_pie_draws_its_first_series_and_says_so():
    root = drawn(chart("pie", ["a"], first=[1], second=[2]))
    assert texts(root) == [
        "1. 1 (100.0%) a",
        "Not drawn, as a pie shows one series: second: a: 2.",
        "1",
    ]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (chart("bar", []), "no data"),
        (chart("line", [], s=[]), "no datas"),
        (chart("pie", [], s=[]), "no datas"),
        (chart("pie", ["a"], s=[0]), "no datas: 0 a"),
        (chart("pie"), "no data"),
        (chart("bar", ["a"], s=[math.nan]), "no datas: NaN a"),
        (
            chart("pie", ["a", "b"], s=[5, -1]),
            "no data: a pie cannot show numbers below zeros: 5 as: -1 b",
        ),
    ],
)
def test_without_data_it_says_so_and_still_shows_what_came(data, shown):
    root = drawn(data)
    assert texts(root) == [shown]
    assert not elements(root, "path")


def test_values_and_labels_need_not_be_as_many():
    root = drawn(chart("bar", ["a", "b", "c"], few=[1], many=[1, 2, 3, 4]))
    bars = [bar for bar in elements(root, "rect") if bar.find(SVG + "title") is not None]
    assert [bar.find(SVG + "title").text for bar in bars] == [
        "few, a: 1",
        "many, a: 1",
        "many, b: 2",
        "many, c: 3",
        "many, : 4",
    ]
    assert "1. 7 (100.0%) a" in texts(drawn(chart("pie", ["a", "b"], s=[7])))
    assert "2. no value b" in texts(drawn(chart("pie", ["a", "b"], s=[7])))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0], ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([7], ["0", "2", "4", "6", "8"]),
        ([12], ["0", "2", "4", "6", "8", "10", "12"]),
        ([-3, 3], ["-3", "-2", "-1", "0", "1", "2", "3"]),
        ([1_234_567], ["0", "500,000", "1,000,000", "1,500,000"]),
        ([0.03], ["0", "0.005", "0.01", "0.015", "0.02", "0.025", "0.03"]),
        ([1e300], ["0", "2e+299", "4e+299", "6e+299", "8e+299", "1e+300"]),
        ([5e-324], ["0", "1e-324", "2e-324", "3e-324", "4e-324", "5e-324"]),
        ([1e308, -1e308], ["-1e+308", "-5e+307", "0", "5e+307", "1e+308"]),
        ([10**400], ["0", "2e+399", "4e+399", "6e+399", "8e+399", "1e+400"]),
        # Zero is on the axis, however far away the values are.
        ([1000, 1001], ["0", "200", "400", "600", "800", "1,000", "1,200"]),
    ],
)
def test_the_axis_has_few_round_ticks(values, expected):
    shown = texts(drawn(chart("bar", [], s=values)))[:-1]
    assert shown == expected


def test_long_labels_are_whole_and_stand_upright():
    label = "A department whose name is far too long for one line of any chart, " + "x" * 120
    root = drawn(chart("bar", [label, "b"], s=[1, 2]))
    assert label in texts(root)
    upright = [text for text in elements(root, "text") if "rotate(-90)" in text.get("transform")]
    assert len(upright) == 2
    # All of it is inside the picture.
    longest = max(len(span.text) for span in upright[0]) * 7.3
    assert 16 + 260 + 8 + longest < float(root.get("height"))


def test_many_labels_make_the_picture_wider():
    root = drawn(chart("bar", [f"number {n}" for n in range(100)], s=list(range(100))))
    assert float(root.get("width")) >= 100 * 16
    assert texts(root).count("number 99") == 1


HOSTILE = "</text></svg><script>alert('x')</script>\"&\u202e\ud800\x00\u0430bc"
REVEALED = "</text></svg><script>alert('x')</script>\"&[U+202E][U+D800][U+0000]\u0430[U+0430]bc"


@pytest.mark.parametrize("kind", ["bar", "line", "pie"])
def test_hostile_text_is_text(kind):
    html = svg(chart(kind, [HOSTILE], **{HOSTILE: [3]}))
    assert isinstance(html, SafeString)
    html.encode("utf-8")
    assert "<script" not in html
    root = ET.fromstring(html)
    assert any(REVEALED in text for text in texts(root))
    assert root.find(SVG + "desc").text == f"{REVEALED}: {REVEALED}: 3."


@pytest.mark.parametrize("kind", ["bar", "line", "pie"])
def test_it_is_an_image_with_a_name_that_scales_and_loads_nothing(kind):
    html = svg(chart(kind, first=[1, 2]))
    root = ET.fromstring(html)
    assert root.get("role") == "img"
    assert root.find(SVG + "title").text == f"{kind.capitalize()} chart: first"
    assert root.find(SVG + "desc").text == "first: a: 1; b: 2."
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert root.get("fill") == "currentColor"
    assert "style" not in html
    assert html.count("http") == 1  # the name of the SVG namespace


def test_another_type_is_refused():
    with pytest.raises(ValueError, match=r"^A chart of type 'radar' cannot be drawn: use bar"):
        svg(chart("radar"))


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("number", range(6))
def test_colours_can_be_told_from_a_light_and_a_dark_page(number):
    colour = luminance(drawing.colour(number))
    assert (luminance("#ffffff") + 0.05) / (colour + 0.05) >= 3
    assert (colour + 0.05) / (luminance("#18181b") + 0.05) >= 3


TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
NUMBER = st.integers() | st.floats() | st.integers(-(10**400), 10**400)


@given(
    st.sampled_from(["bar", "line", "pie"]),
    st.lists(TEXT, max_size=5),
    st.lists(st.tuples(TEXT, st.lists(NUMBER, max_size=5)), max_size=3),
)
def test_any_chart_is_well_formed_and_inside_its_picture(kind, labels, series):
    rows = [{"name": name, "values": values} for name, values in series]
    root = drawn({"type": kind, "labels": labels, "series": rows})
    width, height = numbers(root, "width", "height")
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert -1 <= float(element.get(name, 0)) <= width + 1
        for name in ("y1", "y2", "cy"):
            assert -1 <= float(element.get(name, 0)) <= height + 1
    assert "nan" not in " ".join(value for e in root.iter() for value in e.attrib.values())
