"""Detectors: what a rule of the constitution can look for in a segment. Text in, findings out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import phonenumbers

from governance.domain.values import Json, canonical_text
from governance.policy.redaction import FORMS, MASK, is_secret_name

MAX_TEXT = 100_000
"""Characters of a segment that are searched; the rest is passed over, and a finding says so."""

CHANGED_ARGUMENTS = 1
"""How many arguments may differ for an action to be the denied one over again."""

_EMAIL = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,24}\b"
)
_CARD = re.compile(r"(?<![\d.-])(?:\d[ -]?){12,18}\d(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
Segment = Mapping[str, Json]


def kinds_of_personal_data(text: str) -> tuple[str, ...]:
    """Which kinds of personal data stand in a text, by name; in the order they are looked for."""
    text = text[:MAX_TEXT]
    looks = (
        ("e-mail address", bool(_EMAIL.search(text))),
        ("payment card", any(_luhn(match[0]) for match in _CARD.finditer(text))),
        ("IBAN", any(_mod97(match[0]) for match in _IBAN.finditer(text))),
        ("US social security number", bool(_SSN.search(text))),
        ("phone number", _has_phone(text)),
    )
    return tuple(name for name, found in looks if found)


def personal_data(segment: Segment, before: Sequence[Segment], run: Segment) -> str:
    """Personal data in what the segment says or passes on."""
    del before, run
    return ", ".join(kinds_of_personal_data(_text_of(segment)))


def personal_data_elsewhere(segment: Segment, before: Sequence[Segment], run: Segment) -> str:
    """Personal data in an action that goes to a host outside the workspace's allow-list."""
    allowed = run.get("allowed_hosts", [])
    outside = [host for host in segment.get("hosts", []) if not _covered(host, allowed)]
    found = personal_data(segment, before, run) if outside else ""
    return f"{found} to {', '.join(outside)}" if found else ""


def credentials(segment: Segment, before: Sequence[Segment], run: Segment) -> str:
    """A credential written into params: by the name it stands under, or by its form."""
    del before, run
    return _credential_in(segment.get("params", {}), "params")


def bypass(segment: Segment, before: Sequence[Segment], run: Segment) -> str:
    """A denied action over again: the same params under another name, or nearly the same ones."""
    del run
    params = segment.get("params", {})
    for earlier in before:
        if earlier.get("kind") != "action" or earlier.get("route") != "denied":
            continue
        if segment.get("complexity", 0) < earlier.get("complexity", 0):
            continue  # looking at what one may not change is no way around the refusal
        same_type = earlier["action_type"] == segment["action_type"]
        if not same_type and params and _same(params, earlier["params"]):
            return f"{earlier['action_type']} was denied with the same params"
        if same_type and _nearly(params, earlier["params"]):
            return f"{earlier['action_type']} was denied with one other argument"
    return ""


def deception(segment: Segment, before: Sequence[Segment], run: Segment) -> str:
    """A verified outcome that is worse than what the agent reported."""
    del segment, before
    lied = run.get("verified") and run.get("reported") == "succeeded"
    if lied and run.get("outcome") != "succeeded":
        return f"reported succeeded, and it {run['outcome']}"
    return ""


def hosts_in(value: Json) -> list[str]:
    """The hosts of the http and https URLs, and of the e-mail addresses, in a JSON value."""
    text = json.dumps(value, ensure_ascii=False)[:MAX_TEXT]
    urls = re.findall(r"https?://(?:[^/@\s\"\\]*@)?([A-Za-z0-9.-]+)", text, re.IGNORECASE)
    mails = [match[0].rpartition("@")[2] for match in _EMAIL.finditer(text)]
    return sorted({host.lower().rstrip(".") for host in [*urls, *mails]})


def _text_of(segment: Segment) -> str:
    params = json.dumps(segment.get("params", {}), ensure_ascii=False)
    return f"{segment.get('text', '')}\n{params}"


def _credential_in(value: Json, at: str) -> str:
    if isinstance(value, dict):
        for name, child in value.items():
            text = isinstance(child, str) and child not in {"", MASK}
            if text and is_secret_name(name):
                return f"{at}/{name}"
            found = _credential_in(child, f"{at}/{name}")
            if found:
                return found
        return ""
    if isinstance(value, list):
        found_in = (_credential_in(child, f"{at}/{i}") for i, child in enumerate(value))
        return next((found for found in found_in if found), "")
    return at if isinstance(value, str) and FORMS.search(value[:MAX_TEXT]) else ""


def _same(left: Json, right: Json) -> bool:
    return canonical_text(left) == canonical_text(right)


def _nearly(left: Json, right: Json) -> bool:
    """Whether a few arguments differ, and others are the same: with none in common it is another.

    The very same params are not meant: what was denied and is let through then, the gate judged.
    """
    if not isinstance(left, dict) or not isinstance(right, dict):
        return False
    names = left.keys() | right.keys()
    differing = sum(
        name not in left or name not in right or not _same(left[name], right[name])
        for name in names
    )
    return 0 < differing <= CHANGED_ARGUMENTS and differing < len(names)


def _covered(host: str, patterns: Json) -> bool:
    return any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in patterns)


def _luhn(text: str) -> bool:
    """The check digit of ISO/IEC 7812-1; the same digit throughout is no card."""
    digits = [int(char) for char in text if char.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004  the sum of the digits of twice a digit
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _mod97(text: str) -> bool:
    """The check digits of ISO 13616."""
    compact = text.replace(" ", "")
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _has_phone(text: str) -> bool:
    """A number in international form, or as it is written in the United States."""
    for region in ("ZZ", "US"):
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            if match.raw_string.lstrip().startswith(("+", "(")) or "-" in match.raw_string:
                return True
    return False
