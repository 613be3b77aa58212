"""A parsed search -> SQL over one record, with the access condition inside.

Start at ``run.py``. ``plan.py`` follows references and checks what no index row tells, before the statement runs;
``conditions.py`` has one function per kind of index; ``statement.py`` puts them into one statement, which is compiled once per
form of search and kept.
"""
