"""browser_automate: open pages of allowed hosts in Chromium; click, fill in, read, take pictures.

A click may order something and a far side cannot tell that from its repetition, so the effect is
unkeyed. Until the first click nothing but reading has happened, and what goes wrong has failed;
after it, nobody knows, and a person has to look.
"""

from __future__ import annotations

from governance.browser import installed
from governance.browser.session import BrowserFailed, Session
from governance.domain.errors import GovernanceError
from governance.domain.values import Json
from governance.domain.words import Complexity, Effect, Reversibility
from governance.execution.deadline import DeadlineExceeded
from governance.execution.registry import ActionFailed, ActionInDoubt, ActionSpec, StepContext
from governance.handlers.browsing import params as words
from governance.handlers.browsing.visit import Visit
from governance.models import AllowedHost, ExecutionStep
from governance.outbound import HostRule, permit
from governance.policy.redaction import redact

TIMEOUT_SECONDS = 120
TO_END_SECONDS = 10.0
"""What is left of a step's time to end the browser, and to record what came of it."""


def handle(context: StepContext, params: dict[str, Json]) -> dict[str, Json]:
    """Carry out the visit. Raises ActionFailed, or ActionInDoubt once something was clicked."""
    rules = AllowedHost.objects.rules(context.workspace_id)
    _require_possible(params, rules)
    visits: list[Visit] = []
    try:
        with Session(rules, seconds=_seconds(context)) as browser:
            visits.append(Visit(context, browser=browser, rules=rules))
            return visits[0].carry_out(params)
    except BrowserFailed as error:
        raise ActionFailed(_not_started(error)) from None
    except GovernanceError as error:
        raise _ended(str(error), *visits) from None
    except (Exception, DeadlineExceeded) as error:  # noqa: BLE001  its text may hold anything, secrets included
        raise _ended(f"The browser's step ended with {type(error).__name__}.", *visits) from None


def _seconds(context: StepContext) -> float:
    """What the visit may take: somewhat less than its step, which would be cut off."""
    timeouts = ExecutionStep.objects.values_list("timeout_seconds", flat=True)
    return max(timeouts.get(pk=context.step_id) - TO_END_SECONDS, 1.0)


def _require_possible(params: dict[str, Json], rules: tuple[HostRule, ...]) -> None:
    """Raise ActionFailed for what can be known before a browser is started."""
    lacking = installed.missing()
    if lacking:
        raise ActionFailed(f"No browser can be started here. {lacking}")
    twice = words.repeated(params["actions"])
    if twice:
        raise ActionFailed(f"Two actions are named {twice!r}; give each its own name.")
    try:
        for url in words.urls(params):
            permit(url, rules)
    except GovernanceError as error:
        raise ActionFailed(f"{error} Nothing was sent.") from None


def _not_started(error: BrowserFailed) -> str:
    why = str(error.answer.get("why") or "it gave no answer").removesuffix(".")
    return f"The browser could not be started: {why}. Nothing was sent."


def _ended(why: str, visit: Visit | None = None) -> ActionFailed | ActionInDoubt:
    """What it means that the visit did not come to its end."""
    if visit is None:
        return ActionFailed(f"{why} Nothing was sent.")
    shown = str(redact(why, visit.revealed))
    if visit.doubtful:
        return ActionInDoubt(
            f"{shown} Before that, the page was acted on: look there, and say what came of it."
        )
    return ActionFailed(f"{shown} Until then pages were only read.")


SPEC = ActionSpec(
    key="browser_automate",
    title="Use a website",
    description=(
        "Opens pages of allowed hosts in a browser; clicks, fills in, reads texts and tables, and "
        "takes pictures."
    ),
    complexity=Complexity.CHANGE,
    reversibility=Reversibility.IRREVERSIBLE,
    effect=Effect.UNKEYED,
    params_schema=words.PARAMS,
    handler=handle,
    phrase=words.phrase,
    timeout_seconds=TIMEOUT_SECONDS,
    lacks=installed.missing,
)
