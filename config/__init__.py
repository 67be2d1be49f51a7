"""Settings, urls and server entry points."""
