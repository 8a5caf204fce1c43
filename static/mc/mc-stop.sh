#!/bin/sh
# Stops the Minecraft server that mc-start.sh started in this folder, and waits for its end.
: "${FIFO:=command-fifo}"
: "${PID_FILE:=server.pid}"
# A large world takes time to save.
: "${STOP_SECONDS:=180}"

set -eu
cd -- "$(dirname -- "$0")"

pid=$(cat "$PID_FILE" 2>/dev/null || :)
if [ -z "$pid" ] || ! kill -0 "$pid" 2>/dev/null; then
    rm -f "$PID_FILE"
    echo "No server runs here." >&2
    exit 1
fi
if [ ! -p "$FIFO" ]; then
    echo "The named pipe $FIFO does not exist." >&2
    exit 1
fi

echo "Stopping MineCraft Server PID=$pid"
# Opened for reading and writing, so that a pipe without a reader does not block.
printf 'save-all\nstop\n' 1<>"$FIFO"
left=$STOP_SECONDS
while kill -0 "$pid" 2>/dev/null; do
    if [ "$left" -le 0 ]; then
        echo "The server still runs after $STOP_SECONDS seconds." >&2
        exit 1
    fi
    left=$((left - 1))
    sleep 1
done
rm -f "$PID_FILE"
echo "MineCraft shutdown complete."
