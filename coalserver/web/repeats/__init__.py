"""Repeated requests: those whose header lines were seen before are answered without aiohttp's request and task."""
