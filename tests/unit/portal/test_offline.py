"""The worker is another program when what it keeps would look or ask otherwise."""

import pytest

from app.portal import offline
from app.portal.measuring import FORMS


def test_the_worker_is_another_one_when_a_kind_of_measurement_comes_or_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = offline.worker()
    assert offline.worker() == before
    monkeypatch.setattr(offline, "FORMS", {key: fields for key, fields in FORMS.items() if key != "pain"})
    assert offline.worker() != before
