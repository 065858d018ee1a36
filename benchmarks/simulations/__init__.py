"""Simulations in which the truth is known, so that what the tool claims can be judged.

Run all with ``python -m benchmarks.simulations``. Each other file holds one subject. Its function
``simulate(scale, seed)`` draws data whose truth is known, lets the tool judge them, and returns claims.
"""
