"""Is never imported to its end.

Fails: timeout: its import took longer than 3 s
"""

import time

while True:
    time.sleep(1)
