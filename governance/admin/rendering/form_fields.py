"""What an edit form asks for: one field for each part of a value that a JSON Schema describes."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from governance.admin.rendering import strict_json
from governance.admin.rendering.visible import revealed

Widget = Literal["text", "area", "number", "select", "checkbox", "json", "group", "fixed"]

# The value of a field that has nothing to start from.
ABSENT: Final[Any] = object()

_LONG_LINE, _LONG_TEXT = 80, 200
# Characters that a page or a form does not carry unchanged, or that change how the text around them
# looks while it is edited. A string with one of them is edited as JSON, where they are escaped.
_UNTYPABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\U000e0000-\U000e007f]|\r(?!\n)"
)
_STARTS: Mapping[str, Any] = {"string": "", "boolean": False, "array": [], "object": {}}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One input of the form, or a group of them."""

    name: str  # of the input, and its id
    key: str  # the property; "" for the whole value
    title: str
    help: str
    format: str
    widget: Widget
    whole: bool  # a number without a fraction
    required: bool
    optional: bool  # a box says whether it is included
    present: bool  # it is in the value now
    value: Any  # now, or the default, or what a new one starts as
    text: str  # what the input holds for that value
    options: tuple[tuple[str, Any], ...] = ()  # of a select: what is shown, and the value
    children: tuple["Field", ...] = ()  # of a group


def fields(schema: Any, value: Any, prefix: str) -> list[Field]:
    """The fields to edit `value` with: one for each property, or one for all if it has none.

    `prefix` begins the name of each input; it tells several forms on one page apart.
    """
    root = whole(schema, value, prefix)
    return list(root.children) if root.widget == "group" else [root]


def whole(schema: Any, value: Any, prefix: str) -> Field:
    """The field of the whole value: a group where the value is an object with known properties."""
    return _field(schema, value, name=prefix, key="", required=True, optional=False, present=True)


def _field(
    schema: Any, value: Any, *, name: str, key: str, required: bool, optional: bool, present: bool
) -> Field:
    schema = schema if isinstance(schema, Mapping) else {}
    fixed = bool(key) and present and _is_fixed(schema)
    widget: Widget = "fixed" if fixed else _widget(schema, value)
    options = _options(_choices(schema), value) if widget == "select" else ()
    return Field(
        name=name,
        key=key,
        title=_text(schema, "title") or key,
        help=_text(schema, "description"),
        format=_text(schema, "format"),
        widget=widget,
        whole=schema.get("type") == "integer",
        required=required,
        optional=optional,
        present=present,
        value=value,
        text=_shown(widget, value, options),
        options=options,
        children=_children(schema, value, name, present=present) if widget == "group" else (),
    )


def _children(
    schema: Mapping[str, Any], holder: Mapping[str, Any], name: str, *, present: bool
) -> tuple[Field, ...]:
    """A field for each property of the schema, then for each that only the value has."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    children = []
    for key in dict.fromkeys([*properties, *required, *holder]):
        inner = properties.get(key, {})
        # Whoever adds an object adds what it must have; elsewhere what is absent stays absent.
        there = key in holder or (key in required and not present)
        children.append(
            _field(
                inner,
                holder[key] if key in holder else _start(inner),
                name=f"{name}/{_quoted(key)}",
                key=key,
                required=key in required,
                optional=not (there and (key in required or _is_fixed(inner))),
                present=there,
            )
        )
    return tuple(children)


def _quoted(key: str) -> str:
    # Only letters, digits and _.-~% remain, so "/" and ":" in a name are always ours.
    return quote(key, safe="", errors="surrogatepass")


def _widget(schema: Mapping[str, Any], value: Any) -> Widget:
    """The widget for the schema, if the value fits in it: a wrong value is kept, as JSON."""
    kind = schema.get("type")
    new = value is ABSENT
    if _choices(schema):
        return "select"
    if kind in ("object", None) and schema.get("properties") and isinstance(value, dict):
        return "group"
    if kind == "string" and isinstance(value, str) and not _UNTYPABLE.search(value):
        return "area" if _is_long(value, schema.get("maxLength")) else "text"
    if kind in ("integer", "number") and (new or _is_number(value)):
        return "number"
    if kind == "boolean" and isinstance(value, bool):
        return "checkbox"
    return "json"


def _is_fixed(schema: Any) -> bool:
    """Whether the schema says that nobody edits the value: JSON Schema's own word for it."""
    return isinstance(schema, Mapping) and schema.get("readOnly") is True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_long(value: str, most: Any) -> bool:
    roomy = _is_number(most) and most > _LONG_TEXT
    return "\n" in value or len(value) > _LONG_LINE or roomy


def _start(schema: Any) -> Any:
    """What a property that is not there yet is offered with."""
    if not isinstance(schema, Mapping):
        return ABSENT
    if "default" in schema:
        return schema["default"]
    if _choices(schema):
        return _choices(schema)[0]
    kind = schema.get("type", "object" if schema.get("properties") else None)
    return _STARTS.get(kind, ABSENT) if isinstance(kind, str) else ABSENT


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _options(choices: list[Any], value: Any) -> tuple[tuple[str, Any], ...]:
    """The choices, and the value now if it is none of them: it must not change by being shown."""
    plain = all(isinstance(choice, str) and choice.strip() for choice in choices)
    options = [(revealed(choice if plain else json.dumps(choice)), choice) for choice in choices]
    if not any(_same(value, choice) for choice in choices):
        options.append((f"{revealed(json.dumps(value))} (now, but not allowed)", value))
    return tuple(options)


def _same(one: Any, other: Any) -> bool:
    # 1, 1.0 and True are equal in Python and three values in JSON.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _shown(widget: Widget, value: Any, options: Iterable[tuple[str, Any]]) -> str:
    if value is ABSENT or widget == "group":
        return ""
    if widget == "select":
        return next(str(n) for n, (_, option) in enumerate(options) if _same(value, option))
    if widget == "checkbox":
        return "on" if value else "off"
    plain = widget in ("text", "area") or (widget == "fixed" and isinstance(value, str))
    return str(value) if plain else strict_json.show(value)


def _text(schema: Mapping[str, Any], name: str) -> str:
    value = schema.get(name, "")
    return value if isinstance(value, str) else ""
