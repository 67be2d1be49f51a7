"""Races: several threads, released together, round after round, each with its own connection."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection

from governance.domain.errors import GovernanceError

PATIENCE = 30.0
"""Seconds a side waits for the others before the race counts as stuck."""

Side = Callable[[int], object]


def race(
    rounds: int, *sides: Side, prepare: Callable[[int], None] | None = None
) -> list[tuple[object, ...]]:
    """Run all sides at the same instant, once a round; returns what each returned or was told.

    A refusal (a GovernanceError) is a result. Anything else, such as a deadlock, a locked
    database or an integrity error, ends the race and is raised. `prepare` runs before each round.
    """
    results: list[list[object]] = [[None] * len(sides) for _ in range(rounds)]
    unforeseen: list[BaseException] = []
    turn = iter(range(rounds))
    barrier = threading.Barrier(
        len(sides), action=lambda: prepare and prepare(next(turn)), timeout=PATIENCE
    )

    def play(number: int, side: Side) -> None:
        try:
            for index in range(rounds):
                barrier.wait()
                try:
                    results[index][number] = side(index)
                except GovernanceError as refusal:
                    results[index][number] = refusal
        except threading.BrokenBarrierError:
            pass  # the other side says why
        except BaseException as error:  # noqa: BLE001  raised below, in the test's own thread
            unforeseen.append(error)
        finally:
            barrier.abort() if unforeseen else None
            connection.close()

    threads = [threading.Thread(target=play, args=each) for each in enumerate(sides)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 4)
    if unforeseen:
        raise unforeseen[0]
    assert not any(thread.is_alive() for thread in threads), "the race is stuck"
    assert not barrier.broken, "the race is stuck"
    return [tuple(each) for each in results]
