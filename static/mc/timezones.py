#!/usr/bin/env python3
"""The time zone of this machine; kept for compatibility, since the agent does not need it.

As a program, it prints the IANA name, such as `Europe/Berlin`.
"""

from mc_coal_agent import local_zone

__all__ = ["local_zone"]

if __name__ == "__main__":
    print(local_zone())
