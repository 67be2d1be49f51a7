"""The same Celery application, for who sends through a line that a test can cut."""

from celery import Celery

from config.celery import app as real

app = Celery("behind", set_as_current=False)
app.conf.update(real.conf.changes)
