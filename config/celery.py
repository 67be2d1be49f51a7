"""The Celery application, for GOVERNANCE_ENGINE=celery. Celery's own commands take it with
`--app config.celery`.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

app = Celery("governance", broker=settings.GOVERNANCE_BROKER_URL)
app.conf.update(
    imports=["governance.engines.celery"],
    task_default_queue=settings.GOVERNANCE_QUEUE,
    # A message is worth nothing by itself: no result is kept, and no worker hoards them.
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    # A broker that is down must not hold up whoever approves; the sweeper delivers again.
    task_publish_retry=False,
    broker_connection_timeout=2,
    broker_transport_options={"max_retries": 0, "socket_connect_timeout": 2, "socket_timeout": 5},
    # A worker waits for its broker as long as it takes.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    # Its queue would bear the name of the machine and be locked by one worker: a second one ends.
    worker_enable_remote_control=False,
)
