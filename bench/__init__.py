"""Measurements: run by hand or by CI, never by the application."""
