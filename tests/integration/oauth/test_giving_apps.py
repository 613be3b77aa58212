"""An app that may give others access says so on the page on which it is allowed."""

import pytest

from app.db.database import Transaction
from app.oauth import clients
from tests.support.authorization import REDIRECT_URI, Authorization, World


@pytest.mark.parametrize(
    ("scope", "is_told"),
    [
        ("patient/*.cruds", False),
        ("patient/*.rs patient/Consent.rs", False),
        ("patient/*.rs patient/Consent.c", True),
        ("patient/Consent.write", True),
    ],
)
async def test_a_person_is_told_that_an_app_can_give_access(world: World, scope: str, is_told: bool) -> None:
    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction, name="Meetmaatje-Test", scope=scope, redirect_uris=[REDIRECT_URI], public=True,
            now=world.clock.now,
        )  # fmt: skip

    client_id = await world.parts.database.write(job)
    await world.log_in()
    page = await world.http.get(Authorization(world).url(client_id=client_id, scope=scope))
    assert page.status_code == 200
    assert ("praktijken toegang geven" in page.text) == is_told
