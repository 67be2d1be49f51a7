"""What people, agents and the system do: one noun per file, verbs inside.

Services own transactions. Every verb takes `by`, the actor, and checks that actor's right.
"""
