"""The authorization server: who gets a token, and what a token stands for.

Start at ``server.py`` (what Authlib is given to do and how), then ``tokens.py`` (a bearer token as the requester that it
stands for) and ``endpoints.py`` (the URLs). The page on which a person decides is ``portal/authorize.py``; what they
allow becomes a grant of ``consent/``. Authlib is synchronous: all of it runs in worker threads.
"""
