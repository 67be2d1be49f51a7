"""Exams: an agent's own program or endpoint, with tools that are simulated from a case."""
