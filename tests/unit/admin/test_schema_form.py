import copy
import json
from html.parser import HTMLParser

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from governance.admin.rendering import schema_form
from governance.admin.rendering.schema_form import FormError


class Browser(HTMLParser):
    """What a browser makes of a page, and sends when its form is submitted untouched."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.labels, self.ids, self.described = [], {}, [], []
        self.data, self._text, self._label, self._select = {}, None, None, None
        # Line breaks of the page itself are normalised; those written as references are not.
        self.feed(html.replace("\r\n", "\n").replace("\r", "\n"))
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.described += attrs.get("aria-describedby", "").split()
        if tag == "label":
            self._label = attrs["for"]
            self.labels[self._label] = ""
        elif tag == "textarea":
            self._text = (attrs["name"], "")
        elif tag == "select":
            self._select = attrs["name"]
        elif tag == "option" and ("selected" in attrs or self._select not in self.data):
            self.data[self._select] = attrs["value"]
        elif tag == "input" and (attrs["type"] != "checkbox" or "checked" in attrs):
            self.data[attrs["name"]] = attrs["value"].replace("\r", "").replace("\n", "")

    def handle_data(self, data):
        if self._text:
            self._text = (self._text[0], self._text[1] + data)
        if self._label:
            self.labels[self._label] += data

    def handle_endtag(self, tag):
        if tag == "label":
            self._label = None
        elif tag == "textarea":
            name, text = self._text
            text = text.removeprefix("\n").replace("\r\n", "\n").replace("\r", "\n")
            self.data[name] = text.replace("\n", "\r\n")
            self._text = None


def sent(schema, value, **changes):
    """What an untouched form sends, but for these changes."""
    return {**Browser(schema_form.render(schema, value, "f")).data, **changes}


def read(schema, value, changes):
    """The value after these changes in its form; what the form itself sends must be known."""
    untouched = sent(schema, value)
    assert set(changes) <= set(untouched)
    return schema_form.read(schema, {**untouched, **changes}, "f", value)


def errors(schema, value, changes):
    with pytest.raises(FormError) as caught:
        read(schema, value, changes)
    return caught.value.errors


def exactly(value):
    """JSON tells 1, 1.0 and true apart, as == does not."""
    return json.dumps(value)


def of(**properties):
    return {"type": "object", "required": list(properties), "properties": properties}


STRING, INTEGER, NUMBER, BOOLEAN = ({"type": t} for t in ("string", "integer", "number", "boolean"))
ARRAY = {"type": "array", "items": {"type": "string"}}


# --- What is drawn


def test_a_form_of_text_and_number():
    schema = {
        "type": "object",
        "required": ["to"],
        "properties": {
            "to": {
                "type": "string",
                "format": "email",
                "title": "Recipient",
                "description": "Who?",
            },
            "n": {"type": "integer"},
        },
    }
    assert schema_form.render(schema, {"to": "a@b"}, "edit") == (
        '<div class="field text"><label for="edit/to">Recipient <code class="key">to</code>'
        ' <span class="format">email</span> <span class="required">required</span></label>'
        '<input type="text" name="edit/to" id="edit/to" aria-describedby="edit/to:help"'
        ' autocomplete="off" spellcheck="false" value="a@b">'
        '<div class="help" id="edit/to:help">Who?</div></div>'
        '<div class="field number"><p class="include">'
        '<input type="hidden" name="edit/n:include" value="off">'
        '<input type="checkbox" name="edit/n:include" value="on" id="edit/n:include">'
        ' <label for="edit/n:include">Include n</label></p><label for="edit/n">n</label>'
        '<input type="text" name="edit/n" id="edit/n" autocomplete="off" inputmode="decimal"'
        ' spellcheck="false" value=""></div>'
    )


def test_a_textarea_keeps_a_leading_line_break():
    html = schema_form.render(of(a=STRING), {"a": "\nx"}, "f")
    assert ">\n\nx</textarea>" in html


def test_a_checkbox_a_select_and_a_group():
    schema = of(yes=BOOLEAN, one={"enum": ["a", "b"]}, inner=of(x=STRING))
    html = schema_form.render(schema, {"yes": True, "one": "b", "inner": {"x": ""}}, "f")
    assert (
        '<input type="checkbox" name="f/yes" value="on" id="f/yes" autocomplete="off" checked>'
        in html
    )
    assert '<option value="0">a</option><option value="1" selected>b</option></select>' in html
    assert '<fieldset class="group" id="f/inner"><legend>inner <span class="required">' in html


@pytest.mark.parametrize(
    ("schema", "value", "widget", "text"),
    [
        (STRING, "a", "text", "a"),
        (STRING, "x" * 80, "text", "x" * 80),
        (STRING, "x" * 81, "area", "x" * 81),
        (STRING, "a\nb", "area", "a\nb"),
        ({"type": "string", "maxLength": 201}, "a", "area", "a"),
        ({"type": "string", "maxLength": 200}, "a", "text", "a"),
        (INTEGER, 5, "number", "5"),
        (INTEGER, 5.0, "number", "5.0"),
        (NUMBER, 1.5, "number", "1.5"),
        (BOOLEAN, False, "checkbox", "off"),
        ({"enum": [1, 1.0, True]}, 1.0, "select", "1"),
        ({"const": "x"}, "x", "select", "0"),
        (ARRAY, ["a"], "json", '[\n  "a"\n]'),
        ({"type": "object"}, {}, "json", "{}"),
        ({"anyOf": [STRING, INTEGER]}, "a", "json", '"a"'),
        ({"type": ["string", "null"]}, None, "json", "null"),
        (True, 1, "json", "1"),
        ({"$ref": "#"}, {}, "json", "{}"),
        # A value its schema does not allow is kept, as what it is.
        (STRING, 5, "json", "5"),
        (STRING, None, "json", "null"),
        (INTEGER, "5", "json", '"5"'),
        (NUMBER, True, "json", "true"),
        (BOOLEAN, 1, "json", "1"),
        (of(x=STRING), [], "json", "[]"),
        # Characters a form would lose, or that would mislead whoever edits them.
        (STRING, "a\x00", "json", '"a\\u0000"'),
        (STRING, "a\rb", "json", '"a\\rb"'),
        (STRING, "\ud800", "json", '"\\ud800"'),
        (STRING, "\u202egpj", "json", '"\\u202egpj"'),
        (STRING, "\U000e0041", "json", '"\\udb40\\udc41"'),
        (ARRAY, ["\u200b"], "json", '[\n  "\\u200b"\n]'),
    ],
)
def test_the_widget_follows_the_schema_and_the_value(schema, value, widget, text):
    field = schema_form.fields(of(k=schema), {"k": value}, "f")[0]
    assert (field.widget, field.text) == (widget, text)


def test_fields_are_those_of_the_schema_then_those_only_the_value_has():
    schema = of(b=STRING, a=STRING)
    drawn = schema_form.fields(schema, {"z": 1, "a": "", "b": ""}, "f")
    assert [(f.name, f.widget) for f in drawn] == [
        ("f/b", "text"),
        ("f/a", "text"),
        ("f/z", "json"),
    ]


def test_a_value_without_known_properties_is_one_field():
    assert [(f.name, f.widget) for f in schema_form.fields(ARRAY, [], "f")] == [("f", "json")]
    assert schema_form.read(ARRAY, {"f": '["x"]'}, "f", []) == ["x"]


@pytest.mark.parametrize(
    ("schema", "value", "shown"),
    [
        ({"enum": ["a", "b"]}, "a", ["a", "b"]),
        ({"enum": ["1", 1, None]}, 1, ["&quot;1&quot;", "1", "null"]),
        ({"enum": ["", "a"]}, "a", ["&quot;&quot;", "&quot;a&quot;"]),
        ({"enum": ["a"]}, "c", ["a", "&quot;c&quot; (now, but not allowed)"]),
        ({"enum": ["<i>\u202e"]}, "<i>\u202e", ["&lt;i&gt;[U+202E]"]),
    ],
)
def test_choices_are_told_apart(schema, value, shown):
    html = schema_form.render(of(k=schema), {"k": value}, "f")
    assert [part.split("</option>")[0].split(">")[1] for part in html.split("<option")[1:]] == shown


def test_what_a_text_hides_is_shown_below_its_input():
    html = schema_form.render(of(k=STRING), {"k": "p\u0430y\u200b"}, "f")
    assert (
        '<div class="shown" id="f/k:shown">'
        'p<span class="lookalike" title="CYRILLIC SMALL LETTER A">\u0430</span>y'
        '<span class="invisible" title="ZERO WIDTH SPACE">U+200B</span></div>'
    ) in html
    assert "shown" not in schema_form.render(of(k=STRING), {"k": "two\r\nlines"}, "f")


def test_every_input_has_a_label_and_every_id_is_unique():
    schema = {
        "properties": {
            "a": {**STRING, "description": "help"},
            "": BOOLEAN,
            "a b": {"properties": {"c/d": NUMBER, "c": ARRAY}},
        }
    }
    page = Browser(schema_form.render(schema, {"x": 1, "": True}, "f"))
    inputs = [
        attrs
        for tag, attrs in page.tags
        if tag in {"input", "select", "textarea"} and attrs.get("type") != "hidden"
    ]
    assert {attrs["id"] for attrs in inputs} == set(page.labels)
    assert all(label.strip() for label in page.labels.values())
    assert len(page.ids) == len(set(page.ids))
    assert set(page.described) <= set(page.ids)
    assert not any(" " in one for one in page.ids)


def test_what_was_sent_is_shown_again_with_its_errors():
    schema = of(n=INTEGER, flag=BOOLEAN)
    data = sent(schema, {"n": 1, "flag": True}, **{"f/n": "<x>", "f/flag": "off"})
    html = schema_form.render(
        schema, {"n": 1, "flag": True}, "f", data=data, errors={"f/n": "Write a <number>."}
    )
    assert (
        '<input type="text" name="f/n" id="f/n" aria-describedby="f/n:error" aria-invalid="true"'
        ' autocomplete="off" inputmode="decimal" spellcheck="false" value="&lt;x&gt;">'
        '<div class="error" id="f/n:error">Write a &lt;number&gt;.</div>'
    ) in html
    assert "checked" not in html


HOSTILE = "\"><script>alert('x')</script></textarea>\u202e"


def test_hostile_names_texts_and_values_are_text():
    schema = {
        "properties": {
            HOSTILE: {
                "type": "string",
                "title": HOSTILE,
                "description": HOSTILE,
                "format": HOSTILE,
            },
            "pick": {"enum": [HOSTILE]},
            "area": {"type": "string", "maxLength": 500},
        }
    }
    value = {HOSTILE: "x", "pick": HOSTILE, "area": HOSTILE[:-1], "new" + HOSTILE: HOSTILE}
    html = schema_form.render(schema, value, HOSTILE)
    assert isinstance(html, SafeString)
    assert "<script" not in html
    tags = [tag for tag, _ in Browser(html).tags]
    assert tags.count("textarea") == 2
    assert "script" not in tags


# --- What is read back


@pytest.mark.parametrize(
    ("schema", "value", "text", "expected"),
    [
        (STRING, "a", "b", "b"),
        (STRING, "a", "", ""),
        (STRING, "a", " 1 ", " 1 "),
        (STRING, "a\nb", "a\r\nc", "a\nc"),
        (STRING, "a\r\nb", "a\r\nc", "a\r\nc"),
        (INTEGER, 1, "2", 2),
        (INTEGER, 1, " -3 ", -3),
        (INTEGER, 1, "9007199254740993", 9007199254740993),
        (INTEGER, 1.0, "1", 1),
        (NUMBER, 1, "1.50", 1.5),
        (NUMBER, 1, "1.0", 1.0),
        (NUMBER, 1.0, "1", 1),
        (NUMBER, 1, "1e3", 1000.0),
        (NUMBER, 1, "0.1", 0.1),
        (BOOLEAN, False, "on", True),
        (BOOLEAN, True, "off", False),
        ({"enum": [1, 1.0, True, None]}, 1, "2", True),
        ({"enum": [1, 1.0, True, None]}, 1, "3", None),
        (ARRAY, [], '["a", 1, 1.0]', ["a", 1, 1.0]),
        ({}, None, '{"a": {"a": [true, null]}}', {"a": {"a": [True, None]}}),
        (STRING, "\x00", '"\\u0000b"', "\x00b"),
        (STRING, None, '"text"', "text"),
    ],
)
def test_a_changed_field_is_read_exactly(schema, value, text, expected):
    result = read(of(k=schema, other=INTEGER), {"k": value, "other": 1.0}, {"f/k": text})
    assert exactly(result) == exactly({"k": expected, "other": 1.0})


@pytest.mark.parametrize(
    ("schema", "value", "text", "message"),
    [
        (INTEGER, 1, "abc", "Write a number in digits, such as 12 or -1.50."),
        (INTEGER, 1, "", "Write a number in digits, such as 12 or -1.50."),
        (INTEGER, 1, "1.5", "Write a whole number, such as 12."),
        (INTEGER, 1, "2.0", "Write a whole number, such as 12."),
        (INTEGER, 1, "1" * 5000, "This number has too many digits: shorten it."),
        (NUMBER, 1, "1,5", "Write a number in digits, such as 12 or -1.50."),
        (NUMBER, 1, "007", "Write a number in digits, such as 12 or -1.50."),
        (NUMBER, 1, "\u0661", "Write a number in digits, such as 12 or -1.50."),
        (NUMBER, 1, "1_000", "Write a number in digits, such as 12 or -1.50."),
        (NUMBER, 1, "NaN", "Write a number in digits, such as 12 or -1.50."),
        (NUMBER, 1, "inf", "Write a number in digits, such as 12 or -1.50."),
        (NUMBER, 1, "1e999", "This number is too large: write a smaller one."),
        (
            NUMBER,
            1,
            "0.12345678901234567890",
            "This number cannot be kept exactly, only as 0.12345678901234568: write that.",
        ),
        (NUMBER, 1, "1e-400", "This number cannot be kept exactly, only as 0.0: write that."),
        (
            NUMBER,
            1,
            "1e-99999999999999999999",
            "This number cannot be kept exactly, only as 0.0: write that.",
        ),
        (BOOLEAN, True, "maybe", "Choose one of the values offered."),
        ({"enum": ["a"]}, "a", "1", "Choose one of the values offered."),
        ({"enum": ["a"]}, "a", "-1", "Choose one of the values offered."),
        (ARRAY, [], "", "Write a JSON value here, such as [] or {} or null."),
        (
            ARRAY,
            [],
            '["a",\r\n "b" "c"]',
            "This is not JSON at line 2, column 6: Expecting ',' delimiter. Correct it there.",
        ),
        (
            ARRAY,
            [],
            '[{"a": 1,\r\n  "\\u0061": 2}]',
            'Line 2, column 3: "a" is here twice, keep one of them.',
        ),
        (ARRAY, [], "[NaN]", "Line 1, column 2: NaN is not a JSON number, write another."),
        (
            ARRAY,
            [],
            "[1,\r\n-Infinity]",
            "Line 2, column 1: -Infinity is not a JSON number, write another.",
        ),
        (
            ARRAY,
            [],
            "[1e999]",
            "Line 1, column 2: This number is too large: write a smaller one.",
        ),
        (
            ARRAY,
            [],
            "[0.12345678901234567890]",
            (
                "Line 1, column 2: This number cannot be kept exactly,"
                " only as 0.12345678901234568: write that."
            ),
        ),
        (ARRAY, [], "1" * 5000, "A number here has too many digits: shorten it."),
        (ARRAY, [], "[" * 100_000, "This JSON is nested too deeply: make it flatter."),
    ],
)
def test_what_cannot_be_read_says_what_to_do(schema, value, text, message):
    assert errors(of(k=schema), {"k": value}, {"f/k": text}) == {"f/k": message}


def test_names_in_different_objects_and_inside_strings_are_no_duplicates():
    text = '[{"a": "\\"a\\": NaN 1e999"}, {"a": {"a": 1}}, "a", ["a", "a"]]'
    assert read(of(k=ARRAY), {"k": []}, {"f/k": text}) == {"k": json.loads(text)}


def test_every_error_is_told_at_once():
    schema = of(a=INTEGER, inner=of(b=INTEGER))
    found = errors(schema, {"a": 1, "inner": {"b": 2}}, {"f/a": "x", "f/inner/b": "y"})
    assert set(found) == {"f/a", "f/inner/b"}


@pytest.mark.parametrize("missing", ["f/text", "f/flag", "f/pick", "f/maybe:include", "f/in/x"])
def test_what_was_not_sent_is_an_error_and_never_a_no(missing):
    schema = of(text=STRING, flag=BOOLEAN, pick={"enum": ["a"]}, **{"in": of(x=STRING)})
    schema["properties"]["maybe"] = STRING
    value = {"text": "", "flag": True, "pick": "a", "maybe": "m", "in": {"x": ""}}
    data = sent(schema, value)
    del data[missing]
    with pytest.raises(FormError) as caught:
        schema_form.read(schema, data, "f", value)
    name = missing.removesuffix(":include")
    assert caught.value.errors == {name: "This field was not sent: reload the page and edit again."}


OPTIONAL = {
    "properties": {
        "text": STRING,
        "number": NUMBER,
        "list": ARRAY,
        "pick": {"enum": ["a", "b"]},
        "set": {"type": "string", "default": "d"},
        "inner": {"properties": {"x": STRING, "y": INTEGER}, "required": ["x"]},
    }
}


@pytest.mark.parametrize(
    ("value", "changes", "expected"),
    [
        ({}, {}, {}),
        ({}, {"f/text:include": "on"}, {"text": ""}),
        ({}, {"f/text:include": "on", "f/text": "a"}, {"text": "a"}),
        ({}, {"f/number:include": "on", "f/number": "2"}, {"number": 2}),
        ({}, {"f/list:include": "on"}, {"list": []}),
        ({}, {"f/pick:include": "on"}, {"pick": "a"}),
        ({}, {"f/set:include": "on"}, {"set": "d"}),
        ({}, {"f/inner:include": "on"}, {"inner": {"x": ""}}),
        (
            {},
            {"f/inner:include": "on", "f/inner/y:include": "on", "f/inner/y": "1"},
            {"inner": {"x": "", "y": 1}},
        ),
        ({"text": "a"}, {"f/text:include": "off"}, {}),
        ({"text": "a"}, {"f/text:include": "off", "f/text": ""}, {}),
        ({"inner": {"x": "a", "y": 1}}, {"f/inner:include": "off"}, {}),
        ({"inner": {"x": "a", "y": 1}}, {"f/inner/y:include": "off"}, {"inner": {"x": "a"}}),
        ({"extra": [1.0]}, {"f/extra:include": "off"}, {}),
        ({"extra": [1.0]}, {"f/extra": "[1]"}, {"extra": [1]}),
    ],
)
def test_what_is_optional_can_be_added_and_removed(value, changes, expected):
    assert exactly(read(OPTIONAL, value, changes)) == exactly(expected)


@pytest.mark.parametrize("changes", [{"f/text": "a"}, {"f/inner/x": "a"}])
def test_what_was_written_but_not_included_is_not_lost_in_silence(changes):
    name = "f/text" if "f/text" in changes else "f/inner"
    message = "Tick “Include” to add what you wrote here, or clear it again."
    assert errors(OPTIONAL, {}, changes) == {name: message}


def test_a_number_that_is_included_must_be_written():
    assert list(errors(OPTIONAL, {}, {"f/number:include": "on"})) == ["f/number"]


def test_a_required_property_that_is_missing_stays_missing_until_it_is_included():
    assert read(of(k=STRING), {}, {}) == {}
    assert read(of(k=STRING), {}, {"f/k:include": "on"}) == {"k": ""}


def test_names_that_look_alike_are_different_fields():
    schema = of(
        **{"a/b": STRING, "a": of(b=STRING), "a:include": STRING, "%61": STRING, "": STRING}
    )
    value = {"a/b": "1", "a": {"b": "2"}, "a:include": "3", "%61": "4", "": "5", "\ud800": 6}
    assert read(schema, value, {}) == value
    assert read(schema, value, {"f/a/b": "x"})["a"] == {"b": "x"}


def test_the_order_of_names_is_that_of_the_original():
    value = {"z": 1, "b": "", "a": ""}
    assert list(read(of(a=STRING, b=STRING), value, {"f/a": "x"})) == ["z", "b", "a"]


def test_the_original_is_neither_changed_nor_shared():
    value = {"list": [["a"]], "inner": {"x": "a"}, "extra": {"y": [1]}}
    before = copy.deepcopy(value)
    result = read(OPTIONAL, value, {"f/inner/x": "b"})
    result["list"][0].append("more")
    result["extra"]["y"].append(2)
    assert value == before


# --- The law: a form nobody touched changes nothing


@pytest.mark.parametrize(
    "text", ["a\r\nb", "a\r\nb\nc", "\n", "\n\na", "\r\n", " a ", "\t", "\ra", ""]
)
def test_line_breaks_and_blanks_come_back_as_they_were(text):
    assert read(of(k=STRING), {"k": text}, {}) == {"k": text}


KEYS = st.sampled_from(["a", "b", "c d", "", "ü", "x/y"]) | st.text(max_size=3)
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.text("a\r\n\t <>&\"'\\", max_size=12),
    st.lists(st.sampled_from(["\r\n", "\n", "a", " "]), max_size=6).map("".join),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=3),
    max_leaves=6,
)
SIMPLE = [
    ({"type": "string"}, TEXT),
    ({"type": "string", "maxLength": 5000}, TEXT | st.text(min_size=81, max_size=90)),
    ({"type": "integer"}, st.integers() | st.integers(-99, 99).map(float)),
    ({"type": "number"}, st.integers() | st.floats(allow_nan=False)),
    ({"type": "boolean"}, st.booleans()),
    ({"enum": [0, 0.0, False, None, "", "0", [], {"a": 1}]}, st.none()),
    ({"type": "array"}, st.lists(JSON, max_size=3)),
    ({"type": "object"}, st.dictionaries(KEYS | TEXT, JSON, max_size=3)),
    ({"type": ["string", "null"]}, st.none() | TEXT),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, st.integers() | TEXT),
    ({}, JSON),
]


@st.composite
def schema_and_value(draw, depth=2):
    """A schema, and a value that it describes (now and then one that it does not)."""
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        schema, values = draw(st.sampled_from(SIMPLE))
        if "enum" in schema:
            values = st.sampled_from(schema["enum"])
        schema = draw(st.just(schema) | values.map(lambda default: {**schema, "default": default}))
        return schema, draw(st.one_of(values, values, values, values, JSON))
    properties = draw(st.dictionaries(KEYS, schema_and_value(depth=depth - 1), max_size=4))
    required = [name for name in properties if draw(st.booleans())]
    schema = {
        "type": "object",
        "properties": {name: inner for name, (inner, _) in properties.items()},
        "required": required,
    }
    value = {
        name: inner
        for name, (_, inner) in properties.items()
        if name in required or draw(st.booleans())
    }
    return schema, {**value, **draw(st.dictionaries(KEYS, JSON, max_size=1))}


@given(schema_and_value())
def test_an_untouched_form_changes_nothing(pair):
    schema, value = pair
    html = schema_form.render(schema, value, "f")
    page = Browser(html.encode("utf-8").decode("utf-8"))
    result = schema_form.read(schema, page.data, "f", value)
    assert exactly(result) == exactly(value)
    allowed = {"div", "fieldset", "legend", "label", "input", "textarea", "select", "option", "p"}
    assert {tag for tag, _ in page.tags} <= allowed | {"span", "code", "bdi"}


@given(schema_and_value())
def test_a_form_shown_again_sends_the_same(pair):
    schema, value = pair
    data = sent(schema, value)
    again = Browser(schema_form.render(schema, value, "f", data=data, errors={}))
    assert again.data == data


@given(schema_and_value(), st.data())
def test_other_fields_stay_exactly_as_they_were(pair, draw):
    schema, value = pair
    drawn = [
        field for field in schema_form.fields(schema, value, "f") if field.key and field.present
    ]
    if not drawn:
        return
    field = draw.draw(st.sampled_from(drawn))
    if field.widget in {"group", "select", "checkbox"}:
        return
    text = {"number": "41", "json": "[41]"}.get(field.widget, "forty-one")
    result = read(schema, value, {field.name: text})
    assert exactly({**result, field.key: None}) == exactly({**value, field.key: None})


# --- What nobody edits ----------------------------------------------------------------------------

FIXED = {
    "properties": {
        "id": {"title": "Plan", "type": "string", "readOnly": True},
        "parts": {"type": "array", "readOnly": True},
        "hours": {"type": "number", "readOnly": False},
    },
    "required": ["id", "hours"],
}
HELD = {"id": "<b>7</b>", "parts": [1, {"a": None}], "hours": 8}


def test_what_is_read_only_is_shown_and_has_no_input():
    html = schema_form.render(FIXED, HELD, "f")
    assert set(Browser(html).data) == {"f/hours"}
    assert '<p class="exact">&lt;b&gt;7&lt;/b&gt;</p>' in html
    assert html.count("cannot be changed") == 2
    assert "Include" not in html


def test_what_is_read_only_comes_back_as_it_was_whatever_is_sent():
    typed = {"f/hours": "9", "f/id": "8", "f/parts": "[]", "f/parts:include": "off"}
    read = schema_form.read(FIXED, typed, "f", HELD)
    assert read == {**HELD, "hours": 9}
    assert read["parts"] is not HELD["parts"]


def test_what_is_read_only_and_not_there_can_be_added():
    assert "f/id:include" in sent(FIXED, {"hours": 8})
