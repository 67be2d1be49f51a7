"""The one task: run execution N. Every engine delivers this sentence, and that is all it does."""

from __future__ import annotations

import logging
import uuid

from django.db import DatabaseError
from django_tasks import task

from governance.domain.errors import LeaseLost
from governance.execution import holder, loading
from governance.services import executions

log = logging.getLogger(__name__)

loading.require_whole()


@task()
def run_execution(execution_id: str) -> str | None:
    """Claim it if it is ready and carry it out; returns the state it ended in, if it was ours.

    Safe to deliver twice, late, or never: the row decides, and the sweeper delivers again. So
    does what a failing database left: no engine need know of it.
    """
    try:
        execution = executions.run(execution_id=uuid.UUID(execution_id), by=holder.this_process())
    except LeaseLost as error:
        log.warning("%s", error)
        return None
    except DatabaseError as error:
        log.warning("Execution %s: the database failed: %s", execution_id, error)
        return None
    if execution is None:
        return None
    log.info("Execution %s: %s", execution.pk, execution.state)
    return str(execution.state)
