"""Faults on purpose: every cell of the matrix, and kills at any instant, judged from outside."""
