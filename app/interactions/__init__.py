"""The FHIR interactions, one module each, and the one door that all of them pass.

Start at ``gate.py`` (decide, run, record), then ``context.py`` (what every interaction is given) and ``read.py`` for the
plainest one. ``write.py`` has what create, update, delete, batch and transaction share. Each function takes the context,
who asks, and the trace of the request; none knows HTTP.
"""
