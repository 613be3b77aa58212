"""create_app(): the pages, OAuth and FHIR as one ASGI application."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_1_0_0
from starlette.exceptions import HTTPException as StarletteHTTPException

from app.db.database import request_of_its_own
from app.errors import RegieError
from app.exposition import Exposition
from app.fhir.release import Release
from app.interactions.people import new_person
from app.logs import configure_logs
from app.metrics import Figures
from app.oauth import endpoints
from app.portal import (
    access_change,
    access_codes,
    access_new,
    access_preview,
    access_requests,
    activity,
    change_measurement,
    connections,
    corrections,
    diary,
    display_settings,
    document_pages,
    entrance,
    erasing,
    frame,
    helpers,
    helping,
    mail_settings,
    measurements,
    misfits,
    my_data,
    offline,
    own_plan,
    plan_history_page,
    practice,
    practice_join,
    practice_person,
    practice_plan,
    practice_questionnaires,
    practice_requests,
    practice_staff,
    practice_systems,
    questionnaire_list,
    questionnaires,
    record,
    sign_up,
    start,
    stop_all,
    type_measurement,
    visit,
    visit_changes,
)
from app.portal.errors import error_page, of_regie
from app.portal.kept_form import FormKeptError
from app.portal.send_again import to_send_again
from app.portal.session import LoginNeededError, OtherDoorError, to_login, to_other_door
from app.portal.view import trace_of
from app.rest.application import FhirApplication, base_of
from app.settings import Settings
from app.store.rules import current_rules
from app.web import cors, head
from app.web.ends import Ends
from app.web.middleware import Frame
from app.web.slow_bodies import in_time
from app.web.stopping import Stopping, sent_elsewhere
from app.wiring import PLAIN, Parts, wire

TELL_EVERY_S = 1.0
STOPPING = "server: is stopping"
"""What ``/health/ready`` says from the moment on that the end is near."""

_log = structlog.get_logger()


class Regie:
    """FHIR beside everything else: a FHIR request does not pass the layers that pages need."""

    kinds = PLAIN

    def __init__(self, settings: Settings, figures: Path | None = None) -> None:
        self.settings = settings
        self._pages = FastAPI(
            title="Regie",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,  # it would build an address of the Host header, which is the caller's
            lifespan=self._lifespan,
        )
        self._routed: Parts | None = None
        _add_error_handlers(self._pages)
        self.framed = Frame(
            self._pages,
            is_https=settings.is_https,
            trust_forwarded=settings.trust_forwarded,
            large_forms=my_data.LARGE_FORMS,
        )
        self.fhir: dict[str, FhirApplication] = {}
        self.parts: Parts | None = None
        self.stopping = Stopping()
        self.ends = Ends(has_log=settings.request_log)
        self.figures = Figures(self._gauges, figures)

    @property
    def pages(self) -> FastAPI:
        """The pages of an open application; their routes are made when first asked for, as FHIR alone does without."""
        self._add_routes()
        return self._pages

    def _add_routes(self) -> None:
        if self._routed is not self.parts and self.parts is not None:
            self._routed = self.parts
            _add_routes(self._pages, self.parts, self.stopping, Exposition(self.parts, self.figures))

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Open the database in the process that serves, and close it when that ends."""
        parts = self.open()
        self._add_routes()
        stop = asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            self.stopping.listen()
        delivering = asyncio.create_task(parts.deliverer.run_forever(stop))
        forgetting = asyncio.create_task(parts.forgetter.run_forever(stop))
        watching = asyncio.create_task(parts.watcher.run_forever(stop))
        telling = asyncio.create_task(self._tell_forever(stop))
        yield
        self.stopping.notice()
        stop.set()
        try:
            await asyncio.gather(delivering, forgetting, watching, telling)
        finally:
            self.close()
            await self.end()

    async def end(self) -> None:
        """Do what is left to do when the database is closed; nothing here."""

    async def _tell_forever(self, stop: asyncio.Event) -> None:
        """Write what the log has to say of requests, and leave the figures for the other processes, until ``stop`` is set."""
        while not stop.is_set():
            self._tell()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TELL_EVERY_S)
        self._tell()

    def _tell(self) -> None:
        try:
            self.ends.write()
            self.figures.leave()
        except OSError:  # such as no file left to open: that ends, and it has to go on then
            _log.exception("figures not left")

    def _gauges(self) -> dict[str, float]:
        own = {"regie_http_requests_in_flight": float(self.ends.in_flight)}
        return own if self.parts is None else own | self.parts.database.gauges()

    def open(self) -> Parts:
        """Return the parts, wired; does it once."""
        if self.parts is not None:
            return self.parts
        self.parts = parts = wire(self.settings, kinds=self.kinds)
        for release in Release:
            fhir = FhirApplication(
                parts.context,
                release,
                body_size_max=self.settings.body_size_max,
                trust_forwarded=self.settings.trust_forwarded,
                certificate_header=self.settings.client_certificate_header,
                auth_methods=parts.oauth.auth_methods,
                nonces=parts.oauth.nonces,
            )
            self.fhir[fhir.prefix] = fhir
        self._pages.state.parts = parts
        current_rules()  # worked out here: the first write would let all others wait for it
        _keep_out_of_collection()
        return parts

    def close(self) -> None:
        """Finish what is being written."""
        if self.parts is not None:
            self.parts.close()
            self.parts = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if self.stopping.is_near and scope["type"] == "http" and scope["http_version"] == "1.1":
            send = sent_elsewhere(send)
        if scope["type"] != "http":
            await self.framed(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            receive = in_time(receive)
        began = self.ends.begin()
        try:
            await self._answer(scope, receive, send)
        finally:
            self.ends.end(scope, began)

    async def _answer(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["path"].startswith("/fhir/"):
            fhir = base_of(scope["path"], self.fhir)
            if fhir is not None:
                await fhir(scope, receive, send)
                return
        with request_of_its_own():
            self._add_routes()
            await head.answer(self.framed, scope, receive, send)


def create_app(settings: Settings | None = None, figures: Path | None = None) -> Regie:
    """Return the application; its parts are wired when it starts. ``figures`` is where the processes of a server leave theirs."""
    configure_logs()
    settings = settings or Settings()
    kind: type[Regie] = import_module("app.traced").TracedRegie if settings.traces_url else Regie
    return kind(settings, figures)


@cache
def _keep_out_of_collection() -> None:
    """Take what was loaded at the start out of garbage collection, once in a process, and collect from here on.

    Going through all definitions again and again took up to 50 ms each time, which was the slowest hundredth of all answers.
    What of it is garbage, less than a megabyte, stays too: to look for it takes 100 ms of each start.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def _add_error_handlers(pages: FastAPI) -> None:
    """Set the handlers of errors; Starlette takes them only until the first event, which is the start."""
    handlers: dict[type[Exception], Callable[..., Any]] = {  # Starlette's type is for handlers of any Exception
        LoginNeededError: to_login,
        FormKeptError: to_send_again,
        OtherDoorError: to_other_door,
        RegieError: _regie_error,
        StarletteHTTPException: _http_error,
        Exception: _unforeseen,
    }
    for kind, handler in handlers.items():
        pages.add_exception_handler(kind, handler)


def _add_routes(pages: FastAPI, parts: Parts, stopping: Stopping, exposition: Exposition) -> None:
    routers = [
        endpoints.router(parts),
        *entrance.routers(parts),
        start.router(parts),
        record.router(parts),
        mail_settings.router(parts),
        plan_history_page.router(parts),
        own_plan.router(parts),
        visit_changes.router(parts),
        visit.router(parts),
        document_pages.router(parts),
        *([sign_up.router(parts, partial(new_person, parts.context))] if parts.settings.sign_up_open else []),
        type_measurement.router(parts),
        change_measurement.router(parts),
        measurements.router(parts),
        diary.router(parts),
        questionnaire_list.router(parts),
        questionnaires.router(parts),
        connections.router(parts),
        access_codes.router(parts),
        access_requests.router(parts),
        access_change.router(parts),
        access_new.router(parts),
        access_preview.router(parts),
        stop_all.router(parts),
        helpers.router(parts),
        helping.router(parts),
        activity.router(parts),
        misfits.router(parts),
        my_data.router(parts),
        erasing.router(parts),
        corrections.router(parts),
        practice.router(parts),
        practice_requests.router(parts),
        practice_person.router(parts),
        practice_plan.router(parts),
        practice_questionnaires.router(parts),
        practice_staff.router(parts),
        practice_systems.router(parts),
        practice_join.router(parts),
        display_settings.router(parts),
        offline.router(parts),
    ]
    for router in routers:
        pages.router.routes += router.routes  # as they are: include_router would make each of them again
    pages.mount("/static", frame.KeptFiles(), name="static")

    @pages.get("/health/live", include_in_schema=False)
    async def live() -> PlainTextResponse:
        """Tell that the process answers."""
        return PlainTextResponse("ok\n")

    @pages.get("/health/ready", include_in_schema=False)
    async def ready() -> PlainTextResponse:
        """Tell that this process can do its work, or in a line each why not."""
        faults = [STOPPING] if stopping.is_near else await parts.health.faults()
        return (
            PlainTextResponse("".join(f"{fault}\n" for fault in faults), 503) if faults else PlainTextResponse("ok\n")
        )

    @pages.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Tell Prometheus how the server is doing."""
        if not exposition.is_allowed(request.headers, request.client.host if request.client else ""):
            refused = {"www-authenticate": 'Bearer realm="metrics"'}
            return PlainTextResponse(
                "This is for who runs the server: see REGIE_METRICS_TOKEN.\n", 401, headers=refused
            )
        return Response(await exposition.text(), headers={"content-type": CONTENT_TYPE_PLAIN_1_0_0})


async def _regie_error(request: Request, error: RegieError) -> Response:
    return of_regie(request, error)


async def _http_error(request: Request, error: StarletteHTTPException) -> Response:
    if cors.is_open(request.url.path):
        return JSONResponse({"error": "invalid_request"}, error.status_code)
    return error_page(request, error.status_code, trace_of(request).request_id)


async def _unforeseen(request: Request, error: Exception) -> Response:
    trace = trace_of(request)
    _log.error("unforeseen", request_id=trace.request_id, exc_info=error)
    return error_page(request, 500, trace.request_id)
