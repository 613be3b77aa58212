"""Who people and practices are, and how a person proves it.

Start at ``accounts.py`` (password and one-time code), ``passkeys.py`` and ``openid.py`` (a login at another party), then
``sessions.py`` (a login in the portal), ``tries.py`` (how often somebody may guess) and ``practices.py``. What stands in
for what was lost is in ``recovery.py`` and ``resets.py``. What they may do is decided elsewhere.
"""
