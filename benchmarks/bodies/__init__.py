"""Bodies: the longest piece of work without a turn of the event loop that hostile requests cause, for each shape.

    python -m benchmarks.bodies [AREA…] [--min MS] [--only PART] [--checkout DIR]

One process serves the application of the tests with a database in a temporary folder; a thread sends bodies, messages
and headers of the largest size (`shapes`) to each route that reads some, and reads what they have become. Measured is
the processor time of the loop's thread for its longest callback, the best of five, without collections of garbage. The
table has what takes longer than `--min`.

Not measured: reading from the network, times of the store's threads, and uvloop, whose callbacks cannot be seen.
"""
