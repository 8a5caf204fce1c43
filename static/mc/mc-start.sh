#!/bin/sh
# Starts a Minecraft server in this folder for COAL: it logs to server.log and takes commands from a named pipe.
# What may be set, in the environment or here:
: "${JAVA:=java}"
: "${JAVA_OPTIONS:=-Xms1G -Xmx1G}"
: "${JAR:=minecraft_server.jar}"
# As in 1.7.10. Needed only for servers that do not tell it.
: "${MC_VERSION:=}"
: "${FIFO:=command-fifo}"
# Who may write commands: the owner and the group.
: "${FIFO_MODE:=0660}"
: "${PID_FILE:=server.pid}"

set -eu
cd -- "$(dirname -- "$0")"

fail() {
    echo "$1" >&2
    exit 1
}

# Whether there is a process of this number.
runs() {
    [ -n "$1" ] && kill -0 "$1" 2>/dev/null
}

# A file in the server's jar.
in_jar() {
    if command -v unzip >/dev/null 2>&1; then
        unzip -p "$JAR" "$1" 2>/dev/null || :
    else
        python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as jar:
    sys.stdout.buffer.write(jar.read(sys.argv[2]))' "$JAR" "$1" 2>/dev/null || :
    fi
}

# Which settings its log4j is safe with (CVE-2021-44228): none for those that have no log4j.
settings() {
    version=$MC_VERSION
    if [ -z "$version" ]; then
        # Since 1.14.
        if in_jar version.json | grep -q '"'; then
            echo log4j2.xml
            return
        fi
        version=$(basename -- "$JAR" .jar | sed 's/^minecraft_server[._-]*//')
    fi
    case $version in
    1.[0-6] | 1.[0-6].*) ;;
    1.[7-9] | 1.[7-9].* | 1.1[01] | 1.1[01].*) echo log4j2-1.7.xml ;;
    1.1[2-9] | 1.1[2-9].* | 1.[2-9][0-9]* | [2-9][0-9].*) echo log4j2.xml ;;
    *)
        # By what it brings along; what cannot be told gets the settings that are safe with all.
        case $(in_jar META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties) in
        *version=2.[7-9]* | *version=2.[1-9][0-9]*) echo log4j2.xml ;;
        *) echo log4j2-1.7.xml ;;
        esac
        ;;
    esac
}

[ -f "$JAR" ] || fail "There is no $JAR here."
command -v "$JAVA" >/dev/null 2>&1 || fail "There is no $JAVA."
if runs "$(cat "$PID_FILE" 2>/dev/null || :)"; then
    fail "It runs already: PID=$(cat "$PID_FILE")"
fi
rm -f "$PID_FILE"

config=$(settings)
set -- -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8
if [ -n "$config" ]; then
    [ -f "$config" ] || fail "This server needs $config. Get it from your COAL: /mc/$config"
    # The second is for 1.17 and 1.18; others do not know it, or do not need it.
    set -- "$@" "-Dlog4j.configurationFile=$config" -Dlog4j2.formatMsgNoLookups=true
fi

# A file of that name that is no pipe is somebody's.
[ ! -e "$FIFO" ] || [ -p "$FIFO" ] || fail "$FIFO is no named pipe."
rm -f "$FIFO"
mkfifo -m "$FIFO_MODE" "$FIFO"

# Open for reading and writing, the pipe has no end when one who wrote has gone.
{
    trap '' HUP
    # shellcheck disable=SC2086 # These are several.
    "$JAVA" $JAVA_OPTIONS "$@" -jar "$JAR" nogui <>"$FIFO" &
    pid=$!
    echo "$pid" >"$PID_FILE.new"
    mv "$PID_FILE.new" "$PID_FILE"
    wait "$pid" || :
    # Another one may have been started meanwhile.
    if [ "$(cat "$PID_FILE" 2>/dev/null)" = "$pid" ]; then
        rm -f "$PID_FILE"
    fi
} &
