"""Connectors: the ways integration_connect reaches something outside, one per file."""
