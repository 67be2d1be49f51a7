"""What comes after a row in an order."""

from types import SimpleNamespace

import pytest
from django.db.models import Q

from governance.admin.paging import beyond

ROW = SimpleNamespace(a=1, b=2, id=3)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["id"], Q(id__gte=3) & Q(id__gt=3)),
        (["-id"], Q(id__lte=3) & Q(id__lt=3)),
        (["-a", "-id"], Q(a__lte=1) & (Q(a__lt=1) | Q(a=1, id__lt=3))),
        (
            ["a", "-b", "id"],
            Q(a__gte=1) & (Q(a__gt=1) | Q(a=1, b__lt=2) | (Q(a=1) & Q(b=2) & Q(id__gt=3))),
        ),
    ],
)
def test_beyond(order, expected):
    assert str(beyond(ROW, order)) == str(expected)
