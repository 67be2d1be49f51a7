"""integration_connect: reach another system over HTTP, by e-mail or through a webhook.

Its effect class is unkeyed, for mail and webhooks cannot be told apart from what they repeat.
integration_connect_keyed is the http connector for hosts that a governor marked as honouring our
Idempotency-Key: what a dead worker sent is sent again under the same key, and acts once.
"""

from __future__ import annotations

from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution.deadline import DeadlineExceeded
from governance.execution.registry import ActionFailed, ActionInDoubt, ActionSpec, StepContext
from governance.handlers.connectors import email, http, webhook
from governance.handlers.connectors.words import Connector, Job, Unknown, strict
from governance.policy.redaction import redact

CONNECTORS: dict[str, Connector] = {
    "http": http.send,
    "email": email.send,
    "webhook": webhook.send,
}
PHRASES = {"http": http.phrase, "email": email.phrase, "webhook": webhook.phrase}

PARAMS: dict[str, Json] = strict(
    {
        "connector": {"enum": list(CONNECTORS), "description": "The way out."},
        "http": http.SCHEMA,
        "email": email.SCHEMA,
        "webhook": webhook.SCHEMA,
    },
    "connector",
    allOf=[
        {
            "if": {"properties": {"connector": {"const": name}}},
            "then": {
                "required": [name],
                "not": {"anyOf": [{"required": [other]} for other in CONNECTORS if other != name]},
            },
        }
        for name in CONNECTORS
    ],
)


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Send once. Raises ActionFailed, or ActionInDoubt when nobody knows what became of it."""
    try:
        return _carry_out(context, params, keyed=False)
    except Unknown as error:
        raise ActionInDoubt(str(error)) from None


def handle_keyed(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Send under the step's key. Raises ActionFailed, or Unknown, after which it is sent again."""
    return _carry_out(context, {"connector": "http", **params}, keyed=True)


def phrase(params: dict[str, Json]) -> str:
    """What people read in a plan's words."""
    name = params.get("connector", "http")
    return PHRASES[name](params[name])


def _carry_out(context: StepContext, params: dict[str, Json], *, keyed: bool) -> dict[str, Json]:
    """Run the connector; mask the secrets it revealed in whatever comes out of it."""
    name = params["connector"]
    job = Job(context, params[name], keyed, revealed=[])
    try:
        output = CONNECTORS[name](job)
    except ActionFailed as error:
        raise ActionFailed(_masked(error, job)) from None
    except GovernanceError as error:
        raise Unknown(_masked(error, job)) from None
    except (Exception, DeadlineExceeded) as error:  # noqa: BLE001  its text may hold anything, secrets included
        raise Unknown(f"The {name} connector raised {type(error).__name__}.") from None
    return redact({"connector": name, **output}, job.revealed)  # type: ignore[no-any-return]  # an object stays one


def _masked(error: Exception, job: Job) -> str:
    return str(redact(str(error), job.revealed))


SPEC = ActionSpec(
    key="integration_connect",
    title="Connect to another system",
    description="Sends an HTTP request, an e-mail or a webhook message, to allowed hosts only.",
    complexity=Complexity.IRREVERSIBLE,
    reversibility=Reversibility.IRREVERSIBLE,
    effect=Effect.UNKEYED,
    params_schema=PARAMS,
    handler=handle,
    phrase=phrase,
)

KEYED_SPEC = ActionSpec(
    key="integration_connect_keyed",
    title="Connect to a system that deduplicates",
    description=(
        "Sends an HTTP request to a host marked as honouring our Idempotency-Key: it acts once, "
        "however often the request has to be sent."
    ),
    complexity=Complexity.IRREVERSIBLE,
    reversibility=Reversibility.IRREVERSIBLE,
    effect=Effect.KEYED,
    params_schema=strict({"http": http.SCHEMA}, "http"),
    handler=handle_keyed,
    phrase=phrase,
)
