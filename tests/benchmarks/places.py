"""Where the benchmark keeps databases: files of SQLite, or a server of PostgreSQL of its own. Both make copies quickly."""

import os
import shutil
import signal
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.server import on_cores
from tests.support import postgres

POSTGRESQL_SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "wal_compression": "on",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
"""What an operator would set on a machine such as this, durable at power loss; all else is as PostgreSQL comes."""


class Place(ABC):
    """Databases of one kind, by names of letters and digits."""

    kind: str
    suffix: str
    """What the name of a file ends with that keeps a database."""

    @abstractmethod
    def url(self, name: str) -> str:
        """Return the URL of a database."""

    @abstractmethod
    def make(self, name: str) -> str:
        """Return the URL of a new, empty database."""

    @abstractmethod
    def copy(self, name: str, new: str) -> str:
        """Return the URL of a new copy of a database that nobody has open."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Take a database away that nobody has open."""

    @abstractmethod
    def keep(self, name: str, path: Path) -> None:
        """Write a database that nobody has open to a new file."""

    @abstractmethod
    def bring_back(self, path: Path, name: str) -> None:
        """Make a database from a file of ``keep``."""

    @abstractmethod
    def changes(self, name: str) -> int:
        """Return the number of changes in all records."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Return the bytes of a database that nobody has open, with all indexes and logs."""

    @abstractmethod
    def sizes(self, name: str) -> dict[str, int]:
        """Return the bytes of each table, its indexes included."""

    @abstractmethod
    def log_size(self, name: str) -> int:
        """Return the bytes of the write-ahead log, of all databases where they share it."""

    @abstractmethod
    def connections(self, name: str) -> int:
        """Return how many connections a database's server has to it; 0 where there is none."""

    @property
    @abstractmethod
    def process(self) -> int | None:
        """The process whose children do the database's work; None where it is done by those who ask."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The version of the database's program."""


class SqlitePlace(Place):
    """Files in a folder."""

    kind = "sqlite"
    suffix = ".sqlite3"
    process = None
    version = sqlite3.sqlite_version

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return the file of a database."""
        return self.folder / f"{name}{self.suffix}"

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"sqlite:///{self.path(name)}"

    def make(self, name: str) -> str:
        """Return the URL of a file that is made by who opens it first."""
        return self.url(name)

    def copy(self, name: str, new: str) -> str:
        """Return the URL of a copy."""
        self.bring_back(self.path(name), new)
        return self.url(new)

    def drop(self, name: str) -> None:
        """Remove the file and its logs."""
        for path in self.folder.glob(f"{self.path(name).name}*"):
            path.unlink()

    def keep(self, name: str, path: Path) -> None:
        """Copy the file."""
        shutil.copyfile(self.path(name), path)

    def bring_back(self, path: Path, name: str) -> None:
        """Copy a file, and have it on disk: else it would be written there while something is measured."""
        with path.open("rb") as source, self.path(name).open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())

    def changes(self, name: str) -> int:
        """Return the number of changes in all records."""
        connection = sqlite3.connect(f"{self.path(name).as_uri()}?mode=ro", uri=True)
        (found,) = connection.execute("SELECT sum(seq) FROM record").fetchone()
        connection.close()
        return int(found)

    def size(self, name: str) -> int:
        """Return the size of the file, with its log written back."""
        connection = sqlite3.connect(self.path(name))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return self.path(name).stat().st_size

    def sizes(self, name: str) -> dict[str, int]:
        """Return the bytes of each table's pages, from ``dbstat``; nothing where SQLite was built without it."""
        connection = sqlite3.connect(self.path(name))
        try:
            connection.execute("SELECT 1 FROM dbstat LIMIT 1")
        except sqlite3.OperationalError:
            return {}
        found = connection.execute(
            "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) GROUP BY 1 ORDER BY 2 DESC"
        ).fetchall()
        connection.close()
        return dict(found)

    def log_size(self, name: str) -> int:
        """Return the size of the log beside the file."""
        log = self.folder / f"{self.path(name).name}-wal"
        return log.stat().st_size if log.exists() else 0

    def connections(self, name: str) -> int:  # noqa: ARG002 - as of all places
        """Return 0."""
        return 0


class PostgresPlace(Place):
    """Databases of a running server."""

    kind = "postgresql"
    suffix = ".dump"

    def __init__(self, server: postgres.Server) -> None:
        self.server = server

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return self.server.url(name)

    def make(self, name: str) -> str:
        """Return the URL of a new, empty database."""
        return self._create(name, "template0")

    def copy(self, name: str, new: str) -> str:
        """Return the URL of a copy."""
        return self._create(new, name)

    def _create(self, name: str, template: str) -> str:
        self.server.run(f'CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY LC_COLLATE "C"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop the database."""
        self.server.drop(self.url(name))

    def keep(self, name: str, path: Path) -> None:
        """Dump it."""
        self._run("pg_dump", "--format=custom", "--compress=0", f"--file={path}", self.url(name))

    def bring_back(self, path: Path, name: str) -> None:
        """Restore a dump and gather statistics, as the server itself would do after a while."""
        self.make(name)
        self._run("pg_restore", "--exit-on-error", "--no-owner", "--jobs=2", f"--dbname={self.url(name)}", str(path))
        self.server.run("VACUUM (ANALYZE)", name)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self.server.binaries / program), *arguments], check=True, capture_output=True)

    def changes(self, name: str) -> int:
        """Return the number of changes in all records."""
        return int(self.server.run("SELECT sum(seq) FROM record", name))

    def size(self, name: str) -> int:
        """Return the size of the database, without the write-ahead log, which is the server's."""
        self.server.run("VACUUM (ANALYZE)", name)
        return int(self.server.run("SELECT pg_database_size(current_database())", name))

    def sizes(self, name: str) -> dict[str, int]:
        """Return the bytes of each table with its indexes and what is stored beside it."""
        text = """SELECT relname, pg_total_relation_size(oid) FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC"""
        lines = (line.split("|") for line in self.server.run(text, name).splitlines())
        return {table: int(size) for table, size in lines}

    def log_size(self, name: str) -> int:  # noqa: ARG002 - as of all places
        """Return the size of the server's log."""
        return int(self.server.run("SELECT sum(size) FROM pg_ls_waldir()"))

    def connections(self, name: str) -> int:
        """Return how many clients are connected to the database."""
        return int(self.server.run(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"))  # noqa: S608 - a name of this program

    @property
    def process(self) -> int:
        """The server's first process."""
        assert self.server.process is not None
        return self.server.process.pid

    @property
    def version(self) -> str:
        """The version of the server."""
        return self.server.run("SHOW server_version").split()[0]


@contextmanager
def place(kind: str, folder: Path, cores: frozenset[int] | None = None) -> Iterator[Place]:
    """Give a place in an empty folder; a server of PostgreSQL runs on ``cores`` and is ended at the end."""
    folder.mkdir()
    if kind == SqlitePlace.kind:
        yield SqlitePlace(folder)
        return
    server = postgres.made(folder)
    try:
        with on_cores(cores):
            server.start(**POSTGRESQL_SETTINGS)
        yield PostgresPlace(server)
    finally:
        server.stop(signal.SIGQUIT)  # at once: nothing of it is kept
