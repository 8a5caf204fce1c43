"""Benchmarks: what is measured, and how. Never a test: nothing here fails because a machine is slow.

    python -m benchmarks [names ...] [--quick] [--json] [--runs N] [--crowds N,N] [--dir DIR]

Each file with a name of its own measures one thing: `fanout`, `websockets`, `rest`, `listing`, `memory`, `restart`,
`leaderboard` (which has Redis in the place of the bare server), `relay`, and `ingest` and `search` (which have SQLite
there). All do it the same way:

- Two servers run side by side: this one, started as the README says (`python run.py serve`), and `bare.py`,
  aiohttp and uvloop with nothing but a handler in memory that answers the same requests. One is idle while the
  other is measured; they take turns, and what is printed is the median of the runs.
- This process is the load: uvloop, one core of its own where there are two, the servers on the other. It sends both
  servers the same bytes and looks at their answers as little as it can.
- Two numbers for everything that is a speed: what the load saw (by the clock), and the processor time the server
  used (from its own CPU clock). In a fan-out the load has as much to do as the server, so the clock says how
  fast the two are together: there the target goes by processor time. A durable answer waits for a disk, which costs
  no processor: there it goes by the clock.

Ratios are meant to carry over to other machines, figures are not.
"""
