"""The demo: from a sample with a planted shortcut to a report, with results to compare.

run            the job, in six steps
steps          the steps' numbers and the time left
outcome        the numbers of a run, and the table that tells the story
expected       the committed results, and what differs from them
expected.json  these results, written by `python -m benchmarks.demo`
"""
