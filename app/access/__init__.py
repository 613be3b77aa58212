"""Who may do what, as pure values and rules; no database, no HTTP.

Start at ``policy.py``: requester + wish + grants -> ``AccessScope``. Everything that reads or writes a record takes the
scope and puts it in its SQL condition.
"""
