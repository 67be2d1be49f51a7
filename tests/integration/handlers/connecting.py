"""What the tests of integration_connect share: params, and a plan carried out for real."""

from __future__ import annotations

import json

from django.apps import apps
from django.db import connection

from governance.models import Execution
from tests.factories import approved, run_worker

SECRET = "sk_live/51H+x y&z"
KEYED = "integration_connect_keyed"


def http(**values):
    return {"connector": "http", "http": {"method": "GET", **values}}


def keyed(**values):
    return {"http": {"method": "POST", **values}}


def carry_out(house, params, *, action_type="integration_connect"):
    """Proposed by an intern, approved by a reviewer, carried out by a worker; the execution."""
    proposal = house.proposal(action_type=action_type, params=params)
    execution = approved(proposal).execution
    run_worker()
    return Execution.objects.get(pk=execution.pk)


def step_of(execution):
    return execution.steps.get()


def output_of(execution):
    step = step_of(execution)
    assert step.state == "done", step.error
    return json.loads(step.output)


def everything_stored() -> str:
    """Every column of every row of ours, as the database holds them."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_app_config("governance").get_models():
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            for row in cursor.fetchall():
                found += [
                    bytes(value).decode("utf-8", "replace")
                    if isinstance(value, bytes | memoryview)
                    else str(value)
                    for value in row
                ]
    return "\n".join(found)


def email(**values):
    message = {"to": ["ann@example.com"], "subject": "Hello", "body": "Grüße\n.\nend", **values}
    return {"connector": "email", "email": message}


def webhook(url, **values):
    return {"connector": "webhook", "webhook": {"url": url, "text": "done *now*", **values}}
