"""The password of invented people, and a cheap hash of it: nobody attacks it, and the usual one takes 0.17 s at each login."""

from pwdlib.hashers.argon2 import Argon2Hasher

PASSWORD = "geen-echt-wachtwoord"
HASHED = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
