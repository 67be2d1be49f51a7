"""Streams: many clients watch, others write, the server dies midway, and all is counted."""
