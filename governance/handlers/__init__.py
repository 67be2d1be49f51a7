"""Built-in handlers, one side effect per file. Importing this package registers them."""

from governance.execution import registry
from governance.handlers import (
    agent_execute,
    browser_automate,
    canvas_present,
    device_command,
    form_answer,
    integration_connect,
    run_start,
    training_start,
    workflow_trigger,
)

for _spec in (
    agent_execute.SPEC,
    browser_automate.SPEC,
    canvas_present.SPEC,
    device_command.SPEC,
    form_answer.SPEC,
    integration_connect.SPEC,
    integration_connect.KEYED_SPEC,
    run_start.SPEC,
    training_start.SPEC,
    workflow_trigger.SPEC,
):
    registry.register(_spec)
