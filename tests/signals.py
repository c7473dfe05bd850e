"""The processes that tests start meet the signals of a terminal, however the tests themselves were started.

What runs in the background of a script, under nohup or in a CI may have been told to ignore Ctrl-C and hang-up. Its
children inherit that, but not handlers: so a handler that does nothing ignores for us alone.
"""

import signal

PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}  # and gives back to what it starts


def keep_to_ourselves() -> None:
    """Let no child inherit a signal that we were started to ignore or to hold back."""
    for number in signal.valid_signals() - PYTHON_IGNORES:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
