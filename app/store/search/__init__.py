"""A parsed search -> SQL over one record, with the access condition inside.

Start at ``run.py``. ``conditions.py`` has one function per kind of index; ``statement.py`` puts them into one statement,
which is compiled once per form of search and kept. ``page.py`` says where the next page begins.
"""
