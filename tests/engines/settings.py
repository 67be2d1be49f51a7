"""Settings of the engine tests' workers: those of the tests, and the handlers of the chaos run."""

from tests.settings import *
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench.chaos"]
