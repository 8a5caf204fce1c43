#!/usr/bin/env python3
"""The zone this machine is in, for whoever has used this file before. The agent needs it no more.

Run, it prints the IANA name, as in `Europe/Berlin`.
"""

from mc_coal_agent import local_zone

__all__ = ["local_zone"]

if __name__ == "__main__":
    print(local_zone())
