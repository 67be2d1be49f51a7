"""The same tests for every task engine: `make test-engines` runs them once an engine.

The environment says which (GOVERNANCE_ENGINE, GOVERNANCE_BROKER_URL, DATABASE_URL), as
it is in earnest. Real worker processes, real brokers, whole workers killed.
"""
