"""Built-in handlers, one side effect per file. Importing this package registers them."""

from governance.execution import registry
from governance.handlers import (
    agent_execute,
    canvas_present,
    device_command,
    integration_connect,
    run_start,
    training_start,
    workflow_trigger,
)

for _spec in (
    agent_execute.SPEC,
    canvas_present.SPEC,
    device_command.SPEC,
    integration_connect.SPEC,
    integration_connect.KEYED_SPEC,
    run_start.SPEC,
    training_start.SPEC,
    workflow_trigger.SPEC,
):
    registry.register(_spec)
