"""Words, states, errors and value types. Imports nothing from the rest of the application."""
