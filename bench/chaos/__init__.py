"""Chaos: workers are killed and stopped at any moment, and afterwards everything is counted.

An application of its own (`bench.chaos.settings` installs it), with one handler an effect class.
"""
