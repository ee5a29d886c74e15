"""The conformance kit: whether a representation does what it should, told to its author.

It is the look before every run (`mirbench.benchmark.embedding.look`) made complete: more is
tried, nothing is stored, and each finding comes with what to do about it.
"""
