"""Who people and practices are, and how a person proves it.

Start at ``accounts.py`` (password and one-time code), then ``sessions.py`` (a login in the portal), ``tries.py`` (how
often somebody may guess) and ``practices.py``. What they may do is decided elsewhere.
"""
