"""Benchmarks. They measure and never fail because a machine is slow.

    python -m benchmarks [names ...] [--quick] [--json] [--runs N] [--crowds N,N] [--dir DIR]

Each module measures one thing: `fanout`, `websockets`, `rest`, `listing`, `memory`, `restart`,
`leaderboard` (compared with Redis), `relay`, and `ingest` and `search` (compared with SQLite). All work the same way:

- Two servers run side by side: coalserver, started as the README says (`python run.py serve`), and `bare.py`, a minimal
  aiohttp and uvloop handler in memory for the same requests. One is idle while the other is measured; they alternate,
  and the median of the runs is printed.
- This process is the load generator: uvloop, on its own core if there are two, with the servers on the other. It sends
  the same bytes to both servers and parses as little of the responses as possible.
- Every speed has two figures: wall-clock time as the load generator sees it, and processor time of the server. In a
  fan-out the load generator works as much as the server, so the target applies to processor time. A durable response
  waits for the disk, so its target applies to wall-clock time.

Ratios carry over to other machines; absolute figures do not. `results/` has comparisons with nginx and nchan, Colyseus
and a durable minimal handler.
"""
