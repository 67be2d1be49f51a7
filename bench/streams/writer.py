"""python -m bench.streams.writer SESSION...: append events, as another process would."""

from __future__ import annotations

import argparse
import time

import django


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sessions", nargs="+")
    parser.add_argument("--events", type=int, required=True, help="of each session")
    parser.add_argument("--seconds", type=float, required=True, help="how long it takes at least")
    options = parser.parse_args()
    django.setup()
    write(options.sessions, events=options.events, seconds=options.seconds)


def write(sessions: list[str], *, events: int, seconds: float) -> None:
    """One event of each session in turn, each in a transaction of its own."""
    from django.db import transaction

    from governance.models import SupervisionSession
    from governance.services import watching

    began = time.monotonic()
    for number in range(events):
        for key in sessions:
            with transaction.atomic():
                session = SupervisionSession.objects.get(pk=key)
                watching.append(session, kind="tick", data={"number": number})
        left = began + seconds * (number + 1) / events - time.monotonic()
        time.sleep(max(0.0, left))


if __name__ == "__main__":
    main()
