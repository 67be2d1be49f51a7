"""Visiting the pages as somebody: sign in, read what is said, send a form as a browser would."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client
from django.urls import reverse

from governance.models import LedgerEntry


def signed_in(user: Any) -> Client:
    """A browser in which `user` is signed in."""
    client = Client()
    client.force_login(user)
    return client


def url(model: str, page: str, row: Any = None) -> str:
    """The address of a page of a model, or of one of its rows."""
    return reverse(f"admin:governance_{model}_{page}", args=[] if row is None else [row.pk])


def said(response: Any) -> str:
    """The text of a page, without markup, with single spaces."""
    markup = response.content.decode()
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", markup, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def refusals(response: Any) -> list[str]:
    """What is said in red at the top of a page."""
    found = re.findall(r'<div class="ag-refusal"[^>]*>(.*?)</div>', response.content.decode())
    return [html.unescape(each) for each in found]


def token(response: Any) -> str:
    """The hidden token of what was seen."""
    found = re.search(r'name="seen" value="([^"]*)"', response.content.decode())
    assert found, "there is no token on this page"
    return found[1]


def opened(client: Client, address: str) -> dict[str, str]:
    """Open a form's page, and return what its hidden fields will send."""
    response = client.get(address)
    assert response.status_code == 200
    hidden = re.findall(
        r'<input type="hidden" name="([^"]+)" value="([^"]*)"', response.content.decode()
    )
    return {name: html.unescape(v) for name, v in hidden if name != "csrfmiddlewaretoken"}


def send(client: Client, address: str, **typed: Any) -> Any:
    """Open a form's page and send it with what is typed."""
    return client.post(address, {**opened(client, address), **typed})


def buttons(response: Any) -> list[str]:
    """What a row's page offers to do, in order."""
    found = re.search(
        r'aria-label="What can be done">(.*?)</nav>', response.content.decode(), re.DOTALL
    )
    return re.findall(r">\s*([^<>]+?)\s*</a>", found[1]) if found else []


def trail(row: Any) -> list[str]:
    """The kinds of the ledger's entries about a row, oldest first."""
    return [entry.kind for entry in LedgerEntry.objects.about(row.pk)]


def newest_entry(row: Any) -> dict[str, Any]:
    """The ledger's newest entry about a row."""
    return LedgerEntry.objects.filter(subject_id=row.pk).order_by("-id")[0].data
