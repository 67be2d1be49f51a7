"""Two governors define one workflow at once: two versions, each with a number of its own."""

from __future__ import annotations

import pytest

from governance.models import Workflow
from tests.concurrency.harness import race
from tests.factories import House, WorkflowFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_versions_at_once_get_two_numbers(transactional_db):
    workspace = House.build().workspace

    def side(_):
        return WorkflowFactory(workspace=workspace, name="report")

    results = race(20, side, side)

    assert all(isinstance(each, Workflow) for pair in results for each in pair)
    numbers = Workflow.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, 41))
