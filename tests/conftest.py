"""What holds for all tests."""

from __future__ import annotations

import signal

# a shell's background jobs ignore Ctrl-C, and so would the commands that tests start and stop
signal.signal(signal.SIGINT, signal.default_int_handler)
