"""An archive brought in: opened and checked beside the event loop, then the record of it put back as ``restore.py`` does."""

from collections.abc import Collection
from contextlib import ExitStack
from typing import BinaryIO

from app.access.requester import Requester
from app.audit.events import Trace
from app.audit.keys import published
from app.errors import RegieError
from app.interactions.archive_reading import opened
from app.interactions.beside import beside
from app.interactions.context import Context
from app.interactions.gate import Deed
from app.interactions.restore import Brought, bring_in


async def bring_in_archive(
    context: Context,
    requester: Requester,
    trace: Trace,
    file: BinaryIO,
    trusted: Collection[str] = (),
) -> Brought:
    """Return the record that an archive brought in. This server's own keys are trusted, and those that ``trusted`` names (``kid``).

    Raises: UnprocessableError, with the place; UnknownServerError, when nothing is wrong but that nobody said to trust its key; as
    ``bring_in`` does.
    """
    own = [key.thumbprint for key in await published(context.database.reader)]
    with ExitStack() as until:
        try:
            archive = await beside(lambda: opened(file, {*own, *trusted}, until))
        except RegieError as error:
            await context.gate.refused(requester, trace, Deed("import"), error)
            raise
        return await bring_in(context, requester, trace, archive.record, archive.logs)
