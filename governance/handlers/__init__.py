"""Built-in handlers, one side effect per file. Importing this package registers them."""

from governance.execution import registry
from governance.handlers import canvas_present, run_start

for _spec in (canvas_present.SPEC, run_start.SPEC):
    registry.register(_spec)
