"""What holds for the tests of parts."""

from __future__ import annotations

from hypothesis import settings

# a busy machine is no bug: what takes long is told by the durations of the whole run
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
