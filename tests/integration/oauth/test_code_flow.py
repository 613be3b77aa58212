"""A person connects an app: authorization code with PKCE, refresh, revocation."""

import asyncio
import re

import pytest

from app.access.categories import Category
from app.access.requester import RequesterKind
from app.access.smart_scope import LOOK
from app.audit.log import entries_of
from app.consent import grants
from app.db.database import Transaction
from app.oauth import clients, tokens
from tests.support.authorization import ISSUER, RECORD, REDIRECT_URI, SCOPE, Authorization, World


async def is_open(world: World, access_token: str) -> bool:
    """Return whether an access token stands for anybody."""
    return await tokens.find(world.parts.database.reader, access_token, world.clock.now) is not None


async def test_a_person_allows_an_app_which_gets_tokens_that_rest_on_the_grant(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed(ticked=["own-measurements", "care-plan"])
    assert authorization.redirect.startswith(f"{REDIRECT_URI}?")
    assert authorization.returned["state"] == authorization.state
    assert authorization.returned["iss"] == ISSUER

    answer = await authorization.exchanged()
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert body["scope"] == SCOPE
    assert body["patient"] == "r4-zonnestraal"

    requester = await tokens.find(world.parts.database.reader, body["access_token"], world.clock.now)
    assert requester is not None
    assert (requester.kind, requester.record_id) == (RequesterKind.APP, RECORD)
    assert requester.actor == f"app:{world.app_id}"
    assert requester.display == "Meetmaatje-Test"
    (grant,) = await grants.candidates(world.parts.database.reader, requester, world.clock.now)
    assert grant.categories == Category.OWN_MEASUREMENTS | Category.CARE_PLAN
    assert grant.is_in_force(world.clock.now)


async def test_what_the_person_unticks_is_neither_in_the_grant_nor_in_the_scope(world: World) -> None:
    await world.log_in()
    authorization = Authorization(world)
    answer = await world.post(
        authorization.url(), decision="allow", category=["care-plan"], look="yes", period="3-months"
    )
    authorization.redirect = answer.headers["location"]
    body = (await authorization.exchanged()).json()
    assert body["scope"] == "patient/Goal.rs launch/patient offline_access"
    (grant,) = await grants.of_record(world.parts.database.reader, RECORD)
    assert (grant.categories, grant.actions) == (Category.CARE_PLAN, LOOK)


async def test_an_app_never_gets_a_part_that_it_did_not_ask_for(world: World) -> None:
    await world.log_in()
    await world.allowed(ticked=["own-measurements", "medication", "sensitive"])
    (grant,) = await grants.of_record(world.parts.database.reader, RECORD)
    assert grant.categories == Category.OWN_MEASUREMENTS | Category.SENSITIVE


async def test_a_token_names_the_patient_of_the_release_that_was_asked_for(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed(aud=f"{ISSUER}/fhir/stu3")
    assert (await authorization.exchanged()).json()["patient"] == "stu3-zonnestraal"


async def test_without_offline_access_there_is_no_refresh_token(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed(scope="patient/Observation.rs")
    body = (await authorization.exchanged()).json()
    assert "refresh_token" not in body
    assert body["scope"] == "patient/Observation.rs"


async def test_a_person_who_does_not_allow_it_sends_the_app_away_with_nothing(world: World) -> None:
    await world.log_in()
    authorization = Authorization(world)
    answer = await world.post(authorization.url(), decision="deny", category=["own-measurements"], look="yes")
    authorization.redirect = answer.headers["location"]
    assert authorization.returned["error"] == "access_denied"
    assert authorization.returned["state"] == authorization.state
    assert authorization.returned["iss"] == ISSUER
    assert await grants.of_record(world.parts.database.reader, RECORD) == []
    (newest, *_) = await entries_of(world.parts.database.reader, RECORD, (2**62, 2**62), 1)
    assert (newest.event.action, newest.event.outcome, newest.event.client) == ("grant", "refused", world.app_id)


@pytest.mark.parametrize(
    "form",
    [
        {"period": "1-year", "look": "yes"},
        {"period": "1-year", "category": ["sensitive"], "look": "yes"},
        {"period": "1-year", "category": ["own-measurements"]},
        {"period": "for-ever", "category": ["own-measurements"], "look": "yes"},
    ],
)
async def test_a_half_filled_consent_grants_nothing_and_asks_again(world: World, form: dict[str, str]) -> None:
    await world.log_in()
    answer = await world.post(Authorization(world).url(), decision="allow", **form)
    assert answer.status_code == 422
    assert await grants.of_record(world.parts.database.reader, RECORD) == []


async def test_who_is_not_signed_in_logs_in_first_and_comes_back(world: World) -> None:
    authorization = Authorization(world)
    answer = await world.http.get(authorization.url())
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=/authorize%3F")
    login_url = answer.headers["location"]
    form = await world.http.get(login_url)
    assert "client_id" in form.text


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://app.example/done/"},
        {"redirect_uri": "https://app.example.evil.example/done"},
        {"redirect_uri": "https://app.example/d\u00f3ne"},
        {"redirect_uri": ""},
        {"client_id": "unknown"},
        {"client_id": ""},
    ],
)
async def test_an_unknown_client_or_redirect_uri_gets_a_page_and_never_a_redirect(
    world: World, changed: dict[str, str]
) -> None:
    await world.log_in()
    answer = await world.http.get(Authorization(world).url(**changed))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "text/html" in answer.headers["content-type"]
    assert 'href="https://app.example' not in answer.text


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "\u00e9"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"scope": "patient/Condition.rs"}, "invalid_scope"),
        ({"scope": "openid fhirUser"}, "invalid_scope"),
        ({"scope": "system/Observation.rs"}, "invalid_scope"),
        ({"aud": "https://other.example/fhir/r4"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
    ],
)
async def test_any_other_fault_goes_back_to_the_app_with_its_state(
    world: World, changed: dict[str, str], error: str
) -> None:
    authorization = Authorization(world)
    answer = await world.http.get(authorization.url(**changed))
    assert answer.status_code == 303
    authorization.redirect = answer.headers["location"]
    assert authorization.redirect.startswith(f"{REDIRECT_URI}?")
    assert authorization.returned["error"] == error
    assert authorization.returned["state"] == authorization.state


async def test_a_repeated_parameter_is_refused(world: World) -> None:
    url = Authorization(world).url()
    assert (await world.http.get(f"{url}&redirect_uri=https%3A%2F%2Fevil.example")).status_code == 400
    answer = await world.http.get(f"{url}&scope=patient%2F*.cruds")
    assert "error=invalid_request" in answer.headers["location"]


async def test_parts_of_the_scope_that_the_app_may_not_have_are_left_out(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed(scope="openid patient/Observation.rs patient/Condition.rs user/*.cruds")
    assert (await authorization.exchanged()).json()["scope"] == "patient/Observation.rs"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "x" * 64},
        {"redirect_uri": "https://app.example/other"},
        {"redirect_uri": ""},
        {"code": "unknown"},
    ],
)
async def test_a_code_is_good_only_with_its_verifier_and_redirect_uri(world: World, changed: dict[str, str]) -> None:
    await world.log_in()
    authorization = await world.allowed()
    answer = await authorization.exchanged(**changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await authorization.exchanged()).status_code == 200


async def test_a_code_without_a_verifier_is_refused(world: World) -> None:
    await world.log_in()
    answer = await (await world.allowed()).exchanged(code_verifier="")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_an_expired_code_is_refused(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed()
    world.clock.move(minutes=5)
    assert (await authorization.exchanged()).json()["error"] == "invalid_grant"


async def test_a_code_that_comes_a_second_time_ends_the_tokens_of_the_first(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed()
    body = (await authorization.exchanged()).json()
    assert await is_open(world, body["access_token"])
    answer = await authorization.exchanged()
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not await is_open(world, body["access_token"])
    assert (await world.refreshed(body["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_code_of_another_client_is_refused_and_stays_good_for_its_own(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed()

    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction,
            name="Andere-app-Test",
            scope=SCOPE,
            redirect_uris=[REDIRECT_URI],
            public=True,
            now=world.clock.now,
        )

    other = await world.parts.database.write(job)
    assert (await authorization.exchanged(client_id=other)).json()["error"] == "invalid_grant"
    assert (await authorization.exchanged()).status_code == 200


async def test_a_refresh_token_gives_new_tokens_also_without_a_client_id(world: World) -> None:
    await world.log_in()
    first = (await (await world.allowed()).exchanged()).json()
    answer = await world.refreshed(first["refresh_token"])
    assert answer.status_code == 200, answer.text
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["patient"] == "r4-zonnestraal"
    assert await is_open(world, second["access_token"])
    third = (await world.refreshed(second["refresh_token"], client_id=world.app_id)).json()
    assert await is_open(world, third["access_token"])


async def test_a_narrower_refresh_does_not_narrow_the_refresh_token(world: World) -> None:
    await world.log_in()
    first = (await (await world.allowed(ticked=["own-measurements", "care-plan"])).exchanged()).json()
    second = (await world.refreshed(first["refresh_token"], scope="patient/Goal.rs")).json()
    assert second["scope"] == "patient/Goal.rs"
    third = (await world.refreshed(second["refresh_token"])).json()
    assert third["scope"] == SCOPE
    assert (await world.refreshed(third["refresh_token"], scope="patient/*.cruds")).json()["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("asked", "is_within"),
    [
        ("patient/Observation.read", True),
        ("patient/Observation.rs patient/Goal.r offline_access", True),
        ("patient/Observation.rs?category=urn:kinds|one", True),
        ("patient/Observation.cruds patient/Condition.r", False),
        ("user/Observation.rs", False),
        ("patient/*.rs", False),
        ("patient/Observation.rs openid", False),
        ("patient/Observation.rs nonsense", False),
    ],
)
async def test_a_refresh_may_ask_for_any_part_of_what_was_granted(world: World, asked: str, is_within: bool) -> None:
    await world.log_in()
    first = (await (await world.allowed(ticked=["own-measurements", "care-plan"])).exchanged()).json()
    answer = (await world.refreshed(first["refresh_token"], scope=asked)).json()
    assert answer.get("scope", answer.get("error")) == (asked if is_within else "invalid_scope")


async def test_a_refresh_token_that_comes_again_ends_the_whole_family(world: World) -> None:
    await world.log_in()
    first = (await (await world.allowed()).exchanged()).json()
    second = (await world.refreshed(first["refresh_token"])).json()
    answer = await world.refreshed(first["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not await is_open(world, first["access_token"])
    assert not await is_open(world, second["access_token"])
    assert (await world.refreshed(second["refresh_token"])).json()["error"] == "invalid_grant"


async def test_an_access_token_is_no_refresh_token_and_the_other_way_round(world: World) -> None:
    await world.log_in()
    body = (await (await world.allowed()).exchanged()).json()
    assert (await world.refreshed(body["access_token"])).json()["error"] == "invalid_grant"
    assert not await is_open(world, body["refresh_token"])


async def test_an_access_token_ends_after_its_lifetime(world: World) -> None:
    await world.log_in()
    body = (await (await world.allowed()).exchanged()).json()
    world.clock.move(minutes=15)
    assert not await is_open(world, body["access_token"])
    assert (await world.refreshed(body["refresh_token"])).status_code == 200


async def test_a_withdrawn_grant_ends_refreshing(world: World) -> None:
    await world.log_in()
    body = (await (await world.allowed()).exchanged()).json()
    (grant,) = await grants.of_record(world.parts.database.reader, RECORD)

    async def job(transaction: Transaction) -> None:
        await grants.withdraw(transaction, RECORD, grant.grant_id, world.clock.now)

    await world.parts.database.write(job)
    assert (await world.refreshed(body["refresh_token"])).json()["error"] == "invalid_grant"


async def test_revoking_the_tokens_of_a_grant_closes_them(world: World) -> None:
    await world.log_in()
    body = (await (await world.allowed()).exchanged()).json()
    (grant,) = await grants.of_record(world.parts.database.reader, RECORD)

    async def job(transaction: Transaction) -> int:
        return await tokens.revoke_of_grant(transaction, RECORD, grant.grant_id, world.clock.now)

    assert await world.parts.database.write(job) == 2
    assert not await is_open(world, body["access_token"])


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_an_app_gives_a_token_back(world: World, which: str) -> None:
    await world.log_in()
    body = (await (await world.allowed()).exchanged()).json()
    answer = await world.http.post("/revoke", data={"token": body[which], "client_id": world.app_id})
    assert answer.status_code == 200
    assert not await is_open(world, body["access_token"])
    still_good = (await world.refreshed(body["refresh_token"])).status_code == 200
    assert still_good == (which == "access_token")


@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "pct", ""])
async def test_what_kind_of_token_is_given_back_need_not_be_right(world: World, hint: str) -> None:
    await world.log_in()
    body = (await (await world.allowed()).exchanged()).json()
    form = {"token": body["access_token"], "token_type_hint": hint, "client_id": world.app_id}
    assert (await world.http.post("/revoke", data=form)).status_code == 200
    assert not await is_open(world, body["access_token"])


@pytest.mark.parametrize("url", ["/token", "/revoke", "/introspect", "/par"])
async def test_who_tries_to_prove_itself_in_a_header_is_told_that_it_did_not(world: World, url: str) -> None:
    form = {"grant_type": "authorization_code", "code": "a", "token": "a"}
    for scheme in ("Basic", "basic", "Bearer"):
        answer = await world.http.post(url, data=form, headers={"Authorization": f"{scheme} YTpi"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"] == f'{scheme} realm="Regie"'
    odd = await world.http.post(url, data=form, headers={"Authorization": 'a"b c'})
    assert (odd.status_code, "www-authenticate" in odd.headers) == (400, False)


async def test_revoking_an_unknown_token_tells_nothing(world: World) -> None:
    answer = await world.http.post("/revoke", data={"token": "unknown", "client_id": world.app_id})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"scope": "patient/*.rs"}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code", "client_id": "unknown", "code": "x"}, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_client"),
        ({"grant_type": "refresh_token"}, "invalid_client"),
    ],
)
async def test_a_request_that_makes_no_sense_gets_an_oauth_error(
    world: World, form: dict[str, str], error: str
) -> None:
    answer = await world.token(**form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


async def test_the_token_endpoint_takes_a_form_and_nothing_else(world: World) -> None:
    answer = await world.http.post("/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_repeated_parameter_of_the_token_endpoint_is_refused(world: World) -> None:
    content = "grant_type=refresh_token&refresh_token=a&refresh_token=b"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await world.http.post("/token", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_nothing_is_ticked_before_the_person_does_it(world: World) -> None:
    await world.log_in()
    page = (await world.http.get(Authorization(world).url())).text
    boxes = re.findall(r'<input type="checkbox"[^>]*>', page)
    assert {'name="category" value="own-measurements"', 'name="category" value="sensitive"'} <= {
        box.removeprefix('<input type="checkbox" ').removesuffix(">") for box in boxes
    }
    assert not [box for box in boxes if "checked" in box]


async def test_only_what_the_scope_can_touch_is_offered(world: World) -> None:
    await world.log_in()
    page = (await world.http.get(Authorization(world).url(scope="patient/Goal.rs"))).text
    assert re.findall(r'name="category" value="([a-z-]+)"', page) == ["care-plan", "sensitive"]


async def test_an_app_that_asks_only_to_look_needs_no_tick_for_it(world: World) -> None:
    await world.log_in()
    url = Authorization(world).url(scope="patient/Goal.rs")
    answer = await world.post(url, decision="allow", category=["care-plan"], period="1-year")
    assert answer.status_code == 303
    (grant,) = await grants.of_record(world.parts.database.reader, RECORD)
    assert grant.actions == LOOK


async def test_the_consent_page_leads_on_by_https_since_an_app_may_send_the_person_on(world: World) -> None:
    await world.log_in()
    policy = (await world.http.get(Authorization(world).url())).headers["content-security-policy"]
    assert policy.endswith("form-action 'self' https:")
    assert "script-src 'self';" in policy
    assert "https:" not in policy.removesuffix("https:")
    assert "frame-ancestors 'none'" in policy


async def test_of_two_requests_with_one_code_at_once_not_both_succeed(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed()
    answers = await asyncio.gather(*(authorization.exchanged() for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    (first,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert not await is_open(world, first["access_token"])


async def test_of_two_refreshes_at_once_not_both_succeed(world: World) -> None:
    await world.log_in()
    first = (await (await world.allowed()).exchanged()).json()
    answers = await asyncio.gather(*(world.refreshed(first["refresh_token"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    (second,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert not await is_open(world, second["access_token"])
