"""Event feeds over long-poll, SSE and WebSocket."""
