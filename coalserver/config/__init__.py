"""The configuration: one frozen value from defaults, a file, the environment and flags."""

from coalserver.config.schema import Config

__all__ = ["Config"]
