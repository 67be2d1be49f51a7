"""Found at start-up, as any application's handlers are."""

from governance.execution import registry
from tests.concurrency.crash.effects import SPECS

for _spec in SPECS:
    registry.register(_spec)
