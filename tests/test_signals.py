"""However the tests are started, the processes that they start can be interrupted."""

import subprocess
import sys

START = """
import signal, subprocess, sys
from tests.signals import keep_to_ourselves
keep_to_ourselves()
signal.raise_signal(signal.SIGINT)  # which is still ignored here
subprocess.run([sys.executable, "-c", {child!r}], check=True)
"""
CHILD = """
import signal
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert signal.getsignal(signal.SIGHUP) is signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
"""
BLOCKING = f"""
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
os.execv(sys.executable, [sys.executable, "-c", {START.format(child=CHILD)!r}])
"""


def test_what_we_ignore_or_hold_back_is_not_inherited() -> None:
    ignoring = 'trap "" INT HUP TERM; exec "$0" -c "$1"'
    subprocess.run(["sh", "-c", ignoring, sys.executable, BLOCKING], check=True)
