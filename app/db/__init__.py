"""The database, without tables of its own: connections, transactions, statements.

Start at ``database.py`` for what the rest of the code may ask, then ``sqlite.py`` for how it is done. Code that uses a
transaction is written as ``async`` functions; on SQLite the one writer thread runs them without an event loop, since
nothing in them ever waits, and on a networked database an event loop would.
"""
