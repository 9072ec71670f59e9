"""Labs: small exercises for residents, and a grader that measures honestly and cannot be fooled.

A lab is one folder here: the teacher's `lab.py`, `work.py` with the solution between markers, a page (`README.md`) and
planted wrong answers (`wrong/`). `residency lab` lists, starts, checks, submits, verifies and grades them.

Three processes grade a submission: the driver (`driver.py`: seeds and score; `program.py`: the clock), a sandboxed
runner with the submission (`runner.py`), and a judge that never imports it (`judge.py`).
"""
