"""One handler an effect class. The far side is an HTTP server at CHAOS_FAR_SIDE (host:port)."""

from __future__ import annotations

import json
import os
import time
from http.client import HTTPConnection

from governance import ledger
from governance.domain.actors import system
from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution import registry
from governance.execution.registry import ActionSpec

NOTED = "chaos.noted"


def note(context, params):
    """A row in our database, with nothing of its own against being written twice."""
    ledger.append(
        kind=NOTED,
        by=system("chaos"),
        workspace_id=context.workspace_id,
        subject_id=context.execution_id,
        data={"ref": params["ref"]},
    )
    return {"noted": params["ref"]}


def _send(path, context, params):
    host, port = os.environ["CHAOS_FAR_SIDE"].split(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    try:
        headers = {"Idempotency-Key": context.idempotency_key, "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps({"ref": params["ref"]}), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"The far side answered {answer.status}.")
    return body


def send_keyed(context, params):
    return _send("/keyed", context, params)


def send_unkeyed(context, params):
    return _send("/unkeyed", context, params)


def hang(context, params):
    time.sleep(600)
    return {}


def _spec(key, effect, handler, **more):
    return ActionSpec(
        key=key,
        title=key,
        description="For the chaos run.",
        complexity=Complexity.CHANGE,
        reversibility=Reversibility.IRREVERSIBLE,
        effect=effect,
        params_schema={
            "type": "object",
            "properties": {"ref": {"type": "string"}},
            "required": ["ref"],
        },
        handler=handler,
        **more,
    )


SPECS = (
    _spec("chaos_local", Effect.LOCAL, note),
    _spec("chaos_keyed", Effect.KEYED, send_keyed),
    _spec("chaos_unkeyed", Effect.UNKEYED, send_unkeyed),
    _spec("chaos_hanging", Effect.UNKEYED, hang, timeout_seconds=1),
)

for _each in SPECS:
    registry.register(_each)
