"""An HTML form to edit a JSON value by its schema, and the way back. No script is needed.

`render` draws it, `read` reads what the browser sent. A field nobody touched comes back exactly as
it was, so that a reviewer's edit changes what the reviewer changed and nothing else.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from html import escape
from typing import Any

from django.utils.safestring import SafeString

from governance.admin.rendering import strict_json
from governance.admin.rendering.form_fields import ABSENT, Field, fields, whole
from governance.admin.rendering.visible import visible

__all__ = ["Field", "FormError", "fields", "read", "render"]

_TYPED = frozenset({"text", "area", "json"})
_UNSENT = "This field was not sent: reload the page and edit again."


class FormError(ValueError):
    """What was sent cannot be read. `errors` says for each input name what to do about it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__(" ".join(f"{name}: {message}" for name, message in errors.items()))


# --- Reading


def read(schema: Any, data: Mapping[str, str], prefix: str, original: Any) -> Any:
    """The value the form was left with, a new one; `original` is what the form was drawn from.

    Of a name sent twice `data` holds the last, as request.POST does. Raises FormError. The schema's
    limits (lengths, patterns, ranges) are not checked here.
    """
    errors: dict[str, str] = {}
    value = _read(whole(schema, original, prefix), data, errors)
    if errors:
        raise FormError(errors)
    return value


def _read(field: Field, data: Mapping[str, str], errors: dict[str, str]) -> Any:
    if field.optional and not _is_included(field, data, errors):
        return ABSENT
    if field.widget == "group":
        return _read_group(field, data, errors)
    if field.name not in data:
        errors[field.name] = _UNSENT
        return ABSENT
    text = _newlines(data[field.name])
    # Compared as the browser sends it: every line break of a textarea arrives as CRLF.
    if field.value is not ABSENT and text == _newlines(field.text):
        return deepcopy(field.value)
    try:
        return _parse(field, text)
    except ValueError as error:
        errors[field.name] = str(error)
        return ABSENT


def _is_included(field: Field, data: Mapping[str, str], errors: dict[str, str]) -> bool:
    box = data.get(f"{field.name}:include")
    if box not in ("on", "off"):
        errors[field.name] = _UNSENT
    elif box == "off" and not field.present and _is_changed(field, data):
        errors[field.name] = "Tick “Include” to add what you wrote here, or clear it again."
    return box == "on"


def _is_changed(field: Field, data: Mapping[str, str]) -> bool:
    if field.widget == "group":
        return any(_is_changed(child, data) for child in field.children)
    return _newlines(data.get(field.name, field.text)) != _newlines(field.text)


def _read_group(field: Field, data: Mapping[str, str], errors: dict[str, str]) -> dict[str, Any]:
    read_back = {
        # What nobody edits stays as it is, whatever was sent.
        child.key: deepcopy(child.value) if child.widget == "fixed" else _read(child, data, errors)
        for child in field.children
    }
    # In the order of the original, so that a comparison shows no moves.
    keys = [*field.value, *read_back]
    return {key: read_back[key] for key in keys if read_back[key] is not ABSENT}


def _parse(field: Field, text: str) -> Any:
    """The value of one input that was changed. Raises ValueError with what to do."""
    if field.widget == "number":
        value = strict_json.number(text.strip())
        if field.whole and isinstance(value, float):
            raise ValueError("Write a whole number, such as 12.")
        return value
    if field.widget == "json":
        return strict_json.parse(text)
    if field.widget == "checkbox":
        return _choice({"on": True, "off": False}, text)
    if field.widget == "select":
        return _choice({str(n): value for n, (_, value) in enumerate(field.options)}, text)
    return text.replace("\n", "\r\n") if "\r\n" in str(field.value) else text


def _choice(choices: Mapping[str, Any], text: str) -> Any:
    if text not in choices:
        raise ValueError("Choose one of the values offered.")
    return deepcopy(choices[text])


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- Drawing


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """What was sent before, to be corrected, in place of what the value holds."""

    data: Mapping[str, str]
    errors: Mapping[str, str]

    def text(self, field: Field) -> str:
        return self.data.get(field.name, field.text)

    def included(self, field: Field) -> bool:
        return self.data.get(f"{field.name}:include", "on" if field.present else "off") == "on"


def render(
    schema: Any,
    value: Any,
    prefix: str,
    *,
    data: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> SafeString:
    """The inputs to edit `value`, without the <form> around them.

    After a FormError: `data` is what was sent and is shown again, `errors` the messages beside it.
    """
    sent = _Sent(data=data or {}, errors=errors or {})
    return SafeString("".join(_draw(field, sent) for field in fields(schema, value, prefix)))


def _draw(field: Field, sent: _Sent) -> str:
    include = _include(field, sent) if field.optional else ""
    notes, described = _notes(field, sent)
    if field.widget == "fixed":
        shown = f'<p>{_heading(field)}</p><p class="exact">{visible(field.text)}</p>'
        return f'<div class="field settled">{shown}{notes}</div>'
    if field.widget == "group":
        inner = "".join(_draw(child, sent) for child in field.children)
        opening = f'<fieldset class="group" id="{escape(field.name)}"{described}>'
        return f"{opening}<legend>{_heading(field)}</legend>{include}{notes}{inner}</fieldset>"
    label = f'<label for="{escape(field.name)}">{_heading(field)}</label>'
    control = _control(field, sent.text(field), _attributes(field, sent, described))
    parts = f"{control} {label}" if field.widget == "checkbox" else f"{label}{control}"
    return f'<div class="field {field.widget}">{include}{parts}{notes}</div>'


def _heading(field: Field) -> str:
    key = f' <code class="key">{visible(field.key)}</code>' if field.title != field.key else ""
    form = f' <span class="format">{visible(field.format)}</span>' if field.format else ""
    required = ' <span class="required">required</span>' if field.required and field.key else ""
    if field.widget == "fixed":
        required = ' <span class="required">cannot be changed</span>'
    return f"{visible(field.title) or '&quot;&quot;'}{key}{form}{required}"


def _include(field: Field, sent: _Sent) -> str:
    name = f"{field.name}:include"
    box = _box(name, f'id="{escape(name)}"', checked=sent.included(field))
    what = visible(field.title) or "&quot;&quot;"
    return f'<p class="include">{box} <label for="{escape(name)}">Include {what}</label></p>'


def _box(name: str, attributes: str, *, checked: bool) -> str:
    # A browser says nothing of an empty box. The hidden "off" before it tells an empty box from one
    # that was not on the page, which must never be taken for "no".
    name = escape(name)
    state = " checked" if checked else ""
    return (
        f'<input type="hidden" name="{name}" value="off">'
        f'<input type="checkbox" name="{name}" value="on" {attributes}{state}>'
    )


def _attributes(field: Field, sent: _Sent, described: str) -> str:
    wrong = ' aria-invalid="true"' if field.name in sent.errors else ""
    return f'id="{escape(field.name)}"{described}{wrong} autocomplete="off"'


def _control(field: Field, text: str, attributes: str) -> str:
    if field.widget == "checkbox":
        return _box(field.name, attributes, checked=text == "on")
    attributes = f'name="{escape(field.name)}" {attributes}'
    if field.widget == "select":
        options = "".join(
            f'<option value="{n}"{" selected" if text == str(n) else ""}>{escape(shown)}</option>'
            for n, (shown, _) in enumerate(field.options)
        )
        return f"<select {attributes}>{options}</select>"
    if field.widget in ("area", "json"):
        rows = min(24, 2 + text.count("\n") + len(text) // 80)
        # HTML drops one line break after the tag: this one, and none of the text's own.
        return (
            f'<textarea {attributes} rows="{rows}" spellcheck="false">\n{escape(text)}</textarea>'
        )
    mode = ' inputmode="decimal"' if field.widget == "number" else ""
    return f'<input type="text" {attributes}{mode} spellcheck="false" value="{escape(text)}">'


def _notes(field: Field, sent: _Sent) -> tuple[str, str]:
    """Help, hidden characters and error of a field, and the attribute that binds them to it."""
    shown = visible(_newlines(sent.text(field))) if field.widget in _TYPED else ""
    language = "Written as JSON." if field.widget == "json" else ""
    notes = {
        "help": f"{visible(field.help)} {language}".strip(),
        # An input cannot mark what its text hides, so it stands below it once more.
        "shown": shown if "<span" in shown else "",
        "error": visible(sent.errors.get(field.name, "")),
    }
    ids = {kind: escape(f"{field.name}:{kind}") for kind, note in notes.items() if note}
    drawn = "".join(f'<div class="{kind}" id="{ids[kind]}">{notes[kind]}</div>' for kind in ids)
    return drawn, f' aria-describedby="{" ".join(ids.values())}"' if ids else ""
