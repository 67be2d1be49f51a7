"""Live events over server-sent events: one reader a process, and a stream for each who watches."""
