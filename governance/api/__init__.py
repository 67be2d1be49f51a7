"""The HTTP API: strict input, problems (RFC 9457) for every error, and no rules of its own."""

from governance.api.main import PREFIX, api, document

__all__ = ["PREFIX", "api", "document"]
