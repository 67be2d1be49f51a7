"""Tests on recorded conversations of real agents; skipped by name where there are none."""
