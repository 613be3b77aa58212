"""Work for after the answer: what has to be delivered is written down with the change that causes it.

Start at ``outbox.py`` (a job is put into the caller's transaction), then ``deliver.py`` (how jobs are carried out: at
least once, also when the process is killed). ``notices.py`` is the first kind of job: a mail that tells a person what
happened to their record; ``mail.py`` has its words and its ways out. Where people's addresses are is not known here.
"""
