"""What the tests of the full pages share: addresses, forms as a browser sends them, snapshots."""

from __future__ import annotations

import html
import re

from django.apps import apps
from django.urls import reverse

from governance.domain.words import Complexity, Effect, Reversibility
from governance.models import Execution, Presence, Proposal
from governance.services import presence

REFUND = {
    "type": "object",
    "properties": {
        "payment": {"type": "string", "minLength": 1, "maxLength": 200},
        "amount": {"type": "number", "maximum": 2000},
        "note": {"type": "string", "maxLength": 2000},
    },
    "required": ["payment", "amount"],
    "additionalProperties": False,
}


def refund_type(house, key="refund", **values):
    """An irreversible action type with a schema of its own."""
    return house.action_type(
        key,
        **{
            "title": "Refund a payment",
            "complexity": Complexity.IRREVERSIBLE,
            "reversibility": Reversibility.IRREVERSIBLE,
            "effect": Effect.KEYED,
            "params_schema": REFUND,
            **values,
        },
    )


def refund(house, *, key="refund", run=None, **values):
    """A waiting proposal to refund 148.5 of pay_1; the action type must be there."""
    values = {"title": "Refund for the lamp", "reasoning": "The lamp was broken.", **values}
    params = values.pop("params", {"payment": "pay_1", "amount": 148.5})
    return house.proposal(run=run, action_type=key, params=params, **values)


def page(proposal, part="change"):
    """The address of a proposal's page, or of what can be done there."""
    return reverse(f"admin:governance_proposal_{part}", args=[proposal.pk])


INBOX = "/admin/governance/proposal/"


def seen(proposal, **typed):
    """The form of somebody who has just opened the page."""
    return {
        "digest": proposal.digest,
        "version": str(proposal.version),
        "seen_plan": proposal.plan_in_force,
        "comment": "",
        **typed,
    }


def inputs(response):
    """What the edit form on a page would send, untouched: hidden inputs, texts, boxes, areas."""
    text = response.content.decode()
    found = {}
    for tag in re.findall(r"<input\b[^>]*>", text):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        box = attributes.get("type") == "checkbox"
        if "name" in attributes and (not box or " checked" in tag):
            found[attributes["name"]] = html.unescape(attributes.get("value", ""))
    for name, value in re.findall(
        r'<textarea\b[^>]*name="([^"]*)"[^>]*>\n?(.*?)</textarea>', text, re.DOTALL
    ):
        found[html.unescape(name)] = html.unescape(value)
    found.pop("csrfmiddlewaretoken", None)
    return found


def snapshot():
    """The number of rows of every table of ours, and where every lifecycle stands.

    That somebody is there, which every page notes, is left out.
    """
    counts = {
        model._meta.model_name: model._default_manager.count()
        for model in apps.get_app_config("governance").get_models()
        if model is not Presence
    }
    moves = {
        model._meta.model_name: sorted(model.objects.values_list("pk", "state", "version"))
        for model in (Proposal, Execution)
    }
    return counts, moves


def login(client, user):
    """The client, as this person."""
    client.force_login(user)
    presence.touch(user)  # as after the first page: the others cost no more and no less
    return client
