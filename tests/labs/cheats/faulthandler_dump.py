"""Lets the fault handler print all stacks of the grader's process, and crashes.

Fails: failed: it crashed in compiled code (SIGSEGV)
"""

import faulthandler

faulthandler.enable()


def fares(kilometres, minutes, night):
    faulthandler.dump_traceback(all_threads=True)
    faulthandler._sigsegv()
