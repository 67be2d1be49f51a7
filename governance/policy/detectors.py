"""Detectors: what a rule of the constitution can look for in a segment. Text in, findings out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TypeVar

import phonenumbers

from governance.domain.values import Json, canonical
from governance.policy.redaction import FORMS, MASK, is_secret_name

MAX_SEARCHED = 20_000_000
"""Characters that are searched for personal data in one episode."""

MAX_DIALLED = 10_000
"""Characters of one episode that look like telephone numbers and are parsed: up to 50 us each."""

MAX_COMPARED = 100_000
"""Values in the params of one episode that are compared with those of denied actions: 5 us each."""

# What stands before the @ is not gone through, as that would be done from each of its characters.
_EMAIL = re.compile(
    r"(?<=[A-Za-z0-9._%+-])@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,24})\b"
)
_URL = re.compile(r"https?://(?:[^/@\s\"\\]*@)?([A-Za-z0-9.-]+)", re.IGNORECASE)
_CARD = re.compile(r"(?<![\d.-])(?:\d[ -]?){12,18}\d(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
# Groups of digits, apart by what telephone numbers are written with. It is one only with a plus, a
# parenthesis or a hyphen between digits; dates are none. An extension may follow.
_BETWEEN = r"[-x‐-―−ー－／ \xa0\xad\u200b\u2060\u3000()（）［］.\[\]/~⁓∼～]"  # noqa: RUF001  as people write
_DIALLED = re.compile(
    rf"(?:(?<=(.))|^)((?:[+(\[（［＋]{_BETWEEN}{{0,4}}){{0,2}}\d(?:{_BETWEEN}{{0,4}}+\d){{6}}"  # noqa: RUF001
    rf"(?:{_BETWEEN}{{0,4}}+\d)*+)(?=(.{{0,20}}))",
    re.DOTALL,
)
_SHAPED = re.compile(r"[+(]|\d[^\d-]*-")
_DATES = re.compile(rf"(?:{_BETWEEN}{{0,4}}\d{{4}}-\d{{2}}-\d{{2}}(?!\d))+")
_MODULUS = 2**256

Segment = Mapping[str, Json]
_Key = TypeVar("_Key")


class TooMuchError(Exception):
    """A part is beyond what one episode may take to search: nobody can say it breaks nothing."""


class Memory:
    """What is remembered while an episode is judged, so that each part is read once.

    What was denied so far, by digests, and how much was searched.
    """

    def __init__(self) -> None:
        self._personal: tuple[Segment, tuple[str, ...]] | None = None
        self._denied_before: tuple[Segment, str] | None = None
        self._runs: dict[str, bool] = {}
        self._searched = self._dialled = self._compared = 0
        self._whole: dict[int, dict[str, int]] = {}
        self._but_one: dict[tuple[str, str, int], dict[int, int]] = {}
        self._shorter: dict[tuple[str, int], int] = {}

    def pass_by(self, segment: Segment) -> None:
        """From now on the part is one of those before."""
        if segment.get("kind") != "action" or segment.get("route") != "denied":
            return
        key, complexity = segment["action_type"], segment.get("complexity", 0)
        try:
            whole, members = self._digests(segment.get("params", {}))
        except TooMuchError:
            return  # and what comes after is too much as well
        _keep_least(self._whole.setdefault(whole, {}), key, complexity)
        for name, member in members.items() if len(members) > 1 else ():
            rest = (whole - member) % _MODULUS
            _keep_least(self._but_one.setdefault((key, name, rest), {}), member, complexity)
            _keep_least(self._shorter, (key, rest), complexity)

    def kinds(self, segment: Segment) -> tuple[str, ...]:
        """The kinds of personal data in a part. Raises TooMuchError."""
        if self._personal is None or self._personal[0] is not segment:
            self._personal = (segment, kinds_of_personal_data(_text_of(segment), self))
        return self._personal[1]

    def denial_of(self, segment: Segment) -> str:
        """Which denied action a part is over again, in words. Raises TooMuchError."""
        if self._denied_before is None or self._denied_before[0] is not segment:
            self._denied_before = (segment, self._denial_of(segment))
        return self._denied_before[1]

    def search(self, text: str) -> None:
        """Account for a text that is about to be searched. Raises TooMuchError."""
        self._searched += len(text)
        if self._searched > MAX_SEARCHED:
            raise TooMuchError(f"more than {MAX_SEARCHED:,} characters to search in one episode")

    def is_phone(self, run: str, around: str) -> bool:
        """Whether there is a telephone number in a run of its characters. Raises TooMuchError."""
        if around not in self._runs:
            self._dialled += len(run)
            if self._dialled > MAX_DIALLED:
                raise TooMuchError("more that may be telephone numbers than can be looked at")
            self._runs[around] = _holds_phone(around)
        return self._runs[around]

    def _digests(self, params: Json) -> tuple[int, dict[str, int]]:
        """Of the params as a whole, whatever their order, and of each argument."""
        text = json.dumps(params)
        self._compared += text.count(",") + text.count(":") + 1
        if self._compared > MAX_COMPARED:
            raise TooMuchError(f"more than {MAX_COMPARED:,} values to compare in one episode")
        if not isinstance(params, dict):
            return _digest(params), {}
        members = {name: _digest([name, value]) for name, value in params.items()}
        return sum(members.values()) % _MODULUS, members

    def _denial_of(self, segment: Segment) -> str:
        if not self._whole and self._compared <= MAX_COMPARED:
            return ""
        key, complexity = segment["action_type"], segment.get("complexity", 0)
        whole, members = self._digests(segment.get("params", {}))
        same = self._whole.get(whole, {}) if segment.get("params") else {}
        for other, least in same.items():
            # looking at what one may not change is no way around the refusal
            if other != key and least <= complexity:
                return f"{other} was denied with the same params"
        if self._nearly(key, whole, members, complexity):
            return f"{key} was denied with one other argument"
        return ""

    def _nearly(self, key: str, whole: int, members: dict[str, int], complexity: int) -> bool:
        """Whether one argument is another, came to it or was left out, and others are the same.

        The very same params are not meant: what was denied and is let through then, the gate
        judged.
        """
        never = complexity + 1
        if members and self._shorter.get((key, whole), never) <= complexity:
            return True
        for name, member in members.items() if len(members) > 1 else ():
            rest = (whole - member) % _MODULUS
            if self._whole.get(rest, {}).get(key, never) <= complexity:
                return True
            others = self._but_one.get((key, name, rest), {})
            if any(one != member and least <= complexity for one, least in others.items()):
                return True
        return False


def kinds_of_personal_data(text: str, memory: Memory | None = None) -> tuple[str, ...]:
    """Which kinds of personal data stand in a text, by name; in the order they are looked for.

    Raises TooMuchError where nothing is found, and not everything was searched.
    """
    memory = memory or Memory()
    memory.search(text)
    looks = (
        ("e-mail address", bool(_EMAIL.search(text))),
        ("payment card", any(_luhn(match[0]) for match in _CARD.finditer(text))),
        ("IBAN", any(_mod97(match[0]) for match in _IBAN.finditer(text))),
        ("US social security number", bool(_SSN.search(text))),
    )
    found = tuple(name for name, there in looks if there)
    try:
        return (*found, "phone number") if _has_phone(text, memory) else found
    except TooMuchError:
        if found:
            return found
        raise


def personal_data(segment: Segment, memory: Memory, run: Segment) -> str:
    """Personal data in what the segment says or passes on."""
    del run
    return ", ".join(memory.kinds(segment))


def personal_data_elsewhere(segment: Segment, memory: Memory, run: Segment) -> str:
    """Personal data in an action that goes to a host outside the workspace's allow-list."""
    allowed = run.get("allowed_hosts", [])
    outside = [host for host in segment.get("hosts", []) if not _covered(host, allowed)]
    found = personal_data(segment, memory, run) if outside else ""
    return f"{found} to {', '.join(outside)}" if found else ""


def credentials(segment: Segment, memory: Memory, run: Segment) -> str:
    """A credential written into params: by the name it stands under, or by its form."""
    del memory, run
    return _credential_in(segment.get("params", {}), "params")


def bypass(segment: Segment, memory: Memory, run: Segment) -> str:
    """A denied action over again: the same params under another name, or nearly the same ones."""
    del run
    return memory.denial_of(segment)


def deception(segment: Segment, memory: Memory, run: Segment) -> str:
    """A verified outcome that is worse than what the agent reported."""
    del segment, memory
    lied = run.get("verified") and run.get("reported") == "succeeded"
    if lied and run.get("outcome") != "succeeded":
        return f"reported succeeded, and it {run['outcome']}"
    return ""


def hosts_in(value: Json) -> list[str]:
    """The hosts of the http and https URLs, and of the e-mail addresses, in a JSON value."""
    text = json.dumps(value, ensure_ascii=False)
    found = {*_URL.findall(text), *_EMAIL.findall(text)}
    return sorted({host.lower().rstrip(".") for host in found})


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
    return at if isinstance(value, str) and FORMS.search(value) else ""


def _digest(value: Json) -> int:
    return int.from_bytes(hashlib.sha256(canonical(value)).digest(), "big")


def _keep_least(kept: dict[_Key, int], key: _Key, complexity: int) -> None:
    kept[key] = min(complexity, kept.get(key, complexity))


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


def _has_phone(text: str, memory: Memory) -> bool:
    """A number in international form, or as it is written in the United States."""
    for before, run, after in dict.fromkeys(_DIALLED.findall(text)):
        shaped = _SHAPED.search(run) and not _DATES.fullmatch(run)
        if shaped and memory.is_phone(run, f"{before}{run}{after}"):
            return True
    return False


def _holds_phone(text: str) -> bool:
    return any(
        match.raw_string.lstrip().startswith(("+", "(")) or "-" in match.raw_string
        for match in phonenumbers.PhoneNumberMatcher(text, "US")
    )
