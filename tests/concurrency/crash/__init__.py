"""A small application for the worker processes that tests kill: handlers to be counted."""
