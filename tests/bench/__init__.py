"""`make bench`: a million returns in a database of their own, and how fast the screens are there.

It stands beside the tests, not in `apps`: no installation needs a command that makes and drops
databases.
"""
