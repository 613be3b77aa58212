"""The page on which a person decides what an app may do with their record.

Client, redirect URI and scope are checked before anything is shown, and again when the form comes back: the request
itself travels in the form's URL, so that nothing has to be kept in between.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlencode, urlsplit

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import ALL_PARTS, PARTS, Category, from_codes
from app.access.giving import names_consent
from app.access.grant import Grant
from app.access.representation import Power
from app.access.requester import RequesterKind
from app.access.smart_scope import CHANGE, LOOK, Action, Narrowed, SmartScopes
from app.audit.events import Event
from app.db.database import Transaction
from app.oauth import launches
from app.oauth.changes import Decision
from app.oauth.exchange import Answer
from app.oauth.launches import Launch
from app.oauth.openid import NO_PAGE
from app.oauth.pushed import LENGTH_MAX
from app.oauth.server import Asked
from app.oauth.smart_scopes import OFFLINE, actions_of, categories_of, is_online, kinds_of, opens_anything, reduced
from app.portal.connections import PERIODS, most_of
from app.portal.language import marked
from app.portal.login_first import log_in_first
from app.portal.page import language_of, page
from app.portal.scope_words import kind_key, kind_words
from app.portal.session import LoginParts, OwnRecordNeededError, SignedIn, checked_form, in_record, maybe_logged_in
from app.portal.view import trace_of
from app.portal.wording import CATEGORIES, action_words
from app.web.middleware import POLICY

NOTHING_CHOSEN = marked("Choose at least one part, or choose “Do not allow”.")
NO_PERIOD = marked("Choose a period.")
NO_KIND = marked("Choose at least one kind, or choose “Do not allow”.")
NO_ACTION = marked("Choose what the app may do, or choose “Do not allow”.")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person ticked; ``problems`` are texts of the catalog, empty when it can be granted."""

    categories: Category
    actions: Action
    period: str
    kinds: frozenset[Narrowed] = frozenset()
    problems: tuple[str, ...] = ()

    def until(self, now: datetime, own: Grant | None) -> datetime:
        """Return when the chosen period ends; that of a representative ends with ``own``, the grant that they rest on."""
        lengths: dict[str, timedelta] = {key: length for key, _, length in PERIODS}
        chosen = now + lengths[self.period]
        return chosen if own is None else min(chosen, own.ends_at)


UNTOUCHED = Choice(Category(0), Action(0), "1-year")
"""What is ticked when the page opens: nothing. A box that was ticked for somebody is no consent.

Source: https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:62017CJ0673
"""


def choice_of(form: FormData, asked: Asked, most: tuple[Category, Action]) -> Choice:
    """Return what a form says, never more than the app asked for, and ``most`` at most."""
    offered = {category.code for category in (*PARTS, Category.SENSITIVE)}
    ticked = from_codes([str(code) for code in form.getlist("category") if code in offered])
    categories = ticked & (categories_of(asked.scope) | Category.SENSITIVE) & most[0]
    look, change = (actions_of(asked.scope) & most[1] & ways for ways in (LOOK, CHANGE))
    actions = look | change  # an app that asks for one of the two: to allow it is to allow that
    if look and change:
        actions = (look if form.get("look") else Action(0)) | (change if form.get("change") else Action(0))
    chosen = form.getlist("kind")
    kinds = frozenset(kind for kind in kinds_of(asked.scope) if kind_key(kind) in chosen)
    period = str(form.get("period", ""))
    is_empty = not opens_anything(reduced(asked.scope, categories, actions, kinds))
    problems = [
        problem
        for problem, is_there in (
            (NOTHING_CHOSEN, not categories & ALL_PARTS),
            (NO_ACTION, not actions),
            (NO_KIND, bool(categories & ALL_PARTS and actions) and is_empty),
            (NO_PERIOD, period not in {key for key, _, _ in PERIODS}),
        )
        if is_there
    ]
    return Choice(categories, actions, period, kinds, tuple(problems))


def policy(*uris: str) -> str:
    """Return the Content-Security-Policy of a page whose forms lead on to these URIs: that of all pages, and where to.

    A form is sent here and leads on to an app, and browsers hold that redirect against ``form-action`` too, with every
    one after it: an app that is met by https may send the person on to wherever it likes by https, and often does.
    Spec: https://www.w3.org/TR/CSP3/#directive-form-action
    """
    found = [urlsplit(uri) for uri in uris]
    targets = {f"{parts.scheme}://{parts.netloc}" if parts.scheme == "http" else f"{parts.scheme}:" for parts in found}
    return " ".join([POLICY, *sorted(targets)])


async def _note_denied(
    parts: LoginParts, request: Request, person: SignedIn, asked: Asked, transaction: Transaction
) -> None:
    """Leave an entry that an app asked for access and the person did not allow it."""
    entry = Event(
        **msgspec.structs.asdict(trace_of(request)),
        action="grant",
        record_id=person.record_id,
        outcome="refused",
        status=403,
        kind=RequesterKind.APP.value,
        actor=f"app:{asked.client.client_id}",
        display=asked.client.name,
        client=asked.client.client_id,
        resource_type="Consent",
        detail="the person did not allow it",
    )
    await parts.audit.record(transaction, entry)


async def _fits(parts: LoginParts, person: SignedIn, asked: Asked) -> bool:
    """Return whether a request comes from a launch that this person made, or from none."""
    if asked.launch is None:
        return True
    made = Launch(asked.client.client_id, person.record_id, person.session_id)
    return await launches.fits(parts.database.reader, asked.launch, made, parts.clock())


def _asked_by_post(request: Request, sent: FormData) -> Response:
    """Return the answer to what is no form of this page, but of an app that asks by POST: it asks the same by GET."""
    query = urlencode([(name, value) for name, value in sent.multi_items() if isinstance(value, str)])
    if len(query) > LENGTH_MAX:
        return page(request, "authorize_error.html", status=400, error="invalid_request")
    return RedirectResponse(f"/authorize?{query}", 303, {"Cache-Control": "no-store"})


async def _asked(parts: LoginParts, request: Request) -> Asked | Answer:
    """Return what a person who is logged in as the app wants it is to be asked, or the answer to a request that asks nothing.

    Raises: as ``log_in_first``.
    """
    pairs, trace = request.query_params.multi_items(), trace_of(request)
    asked = await run_in_threadpool(parts.oauth.asked, pairs, trace)
    if isinstance(asked, Answer):
        return asked
    if NO_PAGE in asked.login.prompts:
        found = await maybe_logged_in(request)
        is_met = asked.login.is_met(None if found is None else found.proven_at, None, parts.clock())
        return await run_in_threadpool(partial(parts.oauth.without_page, pairs, trace, is_logged_in=is_met))
    await log_in_first(request, asked.login)
    return asked


def _answered(request: Request, answer: Answer) -> Response:
    """Return the redirect to the client, or a page when it is not known whether the redirect URI can be trusted."""
    if answer.location is None:
        return page(request, "authorize_error.html", status=400, error=answer.body.get("error", ""))
    return RedirectResponse(answer.location, answer.status, answer.headers)


async def may_give(request: Request) -> SignedIn:
    """Return the person, who may let others see the record in view. A dependency. Raises: as ``in_record``; OwnRecordNeededError."""
    person = await in_record(request)
    if not person.may(Power.GIVE):
        raise OwnRecordNeededError
    return person


def router(parts: LoginParts) -> APIRouter:
    """Return the routes ``/authorize``: GET asks, POST decides, or asks too when it comes from an app."""
    routes = APIRouter(include_in_schema=False)
    server = parts.oauth

    def consent_page(request: Request, person: SignedIn, asked: Asked, choice: Choice) -> Response:
        most, language = most_of(person.acting), language_of(request)
        scope_actions = actions_of(asked.scope) & most[1]
        answer = page(
            request,
            "consent.html",
            status=422 if choice.problems else 200,
            person=None,  # without the navigation: here is one thing to decide
            signed_in_name=person.name,
            represented=person.requester().on_behalf_of,
            may_offer_sensitive=Category.SENSITIVE in most[0],
            client=asked.client,
            choice=choice,
            offered=[
                (category.code, CATEGORIES[category], category in choice.categories)
                for category in PARTS
                if category in categories_of(asked.scope) & most[0]
            ],
            kinds=[
                (kind_key(kind), kind_words(kind, language), action_words(actions, language), kind in choice.kinds)
                for kind, actions in kinds_of(asked.scope).items()
            ],
            sensitive=CATEGORIES[Category.SENSITIVE],
            sensitive_chosen=Category.SENSITIVE in choice.categories,
            asks_look=bool(scope_actions & LOOK),
            asks_change=bool(scope_actions & CHANGE),
            look_chosen=bool(choice.actions & LOOK),
            change_chosen=bool(choice.actions & CHANGE),
            stays=OFFLINE in asked.scope.split(),
            online=is_online(asked.scope),
            knows="openid" in asked.scope.split() and person.acting is None,
            gives=names_consent(SmartScopes.of(asked.scope), CHANGE) and person.acting is None,
            periods=PERIODS,
            action=f"/authorize?{request.url.query}",
            host=urlsplit(asked.redirect_uri).hostname or "",
        )
        answer.headers["Content-Security-Policy"] = policy(asked.redirect_uri)
        return answer

    @routes.get("/authorize")
    async def ask(request: Request) -> Response:
        asked = await _asked(parts, request)
        if isinstance(asked, Answer):
            return _answered(request, asked)
        person = await may_give(request)  # only now: a request that can't be granted is refused without a login
        if not await _fits(parts, person, asked):
            return page(request, "authorize_error.html", status=400, error="invalid_request")
        return consent_page(request, person, asked, UNTOUCHED)

    @routes.post("/authorize")
    async def decide(request: Request) -> Response:
        sent = await request.form()
        if "decision" not in sent:
            return _asked_by_post(request, sent)
        person, form = await may_give(request), await checked_form(request)
        asked = await _asked(parts, request)
        if isinstance(asked, Answer):
            return _answered(request, asked)
        decision = None
        if form.get("decision") == "allow":
            choice = choice_of(form, asked, most_of(person.acting))
            if choice.problems:
                return consent_page(request, person, asked, choice)
            until = choice.until(parts.clock(), person.acting)
            decision = Decision(
                person.record_id,
                person.requester(),
                choice.categories,
                choice.actions,
                until,
                person.session_id,
                person.proven_at,
                choice.kinds,
            )
        else:
            await parts.database.write(partial(_note_denied, parts, request, person, asked))
        pairs = request.query_params.multi_items()
        return _answered(request, await run_in_threadpool(server.decided, pairs, decision, trace_of(request)))

    return routes
