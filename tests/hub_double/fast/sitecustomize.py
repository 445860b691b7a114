"""Python imports this at its start when the folder is on the path: waiting then takes no time."""

import time

_sleep = time.sleep
time.sleep = lambda seconds: _sleep(min(seconds, 0.02))
