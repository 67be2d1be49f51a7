"""A browser for one step: in a process of its own, with one way out, ours.

`session.Session` starts and ends it, and asks it for one thing at a time; `driver` is the program
that runs there, and it and its `page` are all that needs Playwright. Which hosts are allowed, what
is a secret, and what a failure means is for the handler to know.
"""
