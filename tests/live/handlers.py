"""Found at start-up, as any application's handlers are."""

from governance.execution import registry
from tests.live.slow import SPEC

registry.register(SPEC)
