"""What the pages need of the application; ``main.py`` hands it in."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from app.audit.log import AuditLog
from app.db.database import Database
from app.portal.interactions import Interactions
from app.settings import Settings


class Parts(Protocol):
    """The parts of the application that pages use."""

    @property
    def settings(self) -> Settings: ...  # noqa: D102
    @property
    def database(self) -> Database: ...  # noqa: D102
    @property
    def audit(self) -> AuditLog: ...  # noqa: D102
    @property
    def interactions(self) -> Interactions: ...  # noqa: D102
    @property
    def clock(self) -> Callable[[], datetime]: ...  # noqa: D102 - now, in UTC
