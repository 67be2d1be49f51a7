"""Agent Governance: decide what AI agents may do, and keep the record."""
