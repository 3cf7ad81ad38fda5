"""The work of the benchmark suite, a module per stage; pure, single-threaded, the same output for the same seed.

Every function does a different kind of work of an enrichment pipeline and takes one to several seconds at the default
size. ``assets.defs.benchmark`` makes assets of them.
"""
