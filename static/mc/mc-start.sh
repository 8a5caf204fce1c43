#!/bin/sh
# Starts a Minecraft server in this folder for COAL: it logs to server.log and takes commands from a named pipe.
# Settings; change them here or in the environment:
: "${JAVA:=java}"
: "${JAVA_OPTIONS:=-Xms1G -Xmx1G}"
: "${JAR:=minecraft_server.jar}"
# Such as 1.7.10. Needed only if the version cannot be detected.
: "${MC_VERSION:=}"
: "${FIFO:=command-fifo}"
# Permissions for writing commands: owner and group.
: "${FIFO_MODE:=0660}"
: "${PID_FILE:=server.pid}"

set -eu
cd -- "$(dirname -- "$0")"

fail() {
    echo "$1" >&2
    exit 1
}

# Returns whether a process with this id exists.
runs() {
    [ -n "$1" ] && kill -0 "$1" 2>/dev/null
}

# Prints a file of the server's jar.
in_jar() {
    if command -v unzip >/dev/null 2>&1; then
        unzip -p "$JAR" "$1" 2>/dev/null || :
    else
        python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as jar:
    sys.stdout.buffer.write(jar.read(sys.argv[2]))' "$JAR" "$1" 2>/dev/null || :
    fi
}

# Prints the log4j settings that are safe for the version (CVE-2021-44228); nothing for a version without log4j.
settings() {
    version=$MC_VERSION
    if [ -z "$version" ]; then
        # Present since 1.14.
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
        # By the bundled log4j; if that is unknown, the settings that are safe with every version.
        case $(in_jar META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties) in
        *version=2.[7-9]* | *version=2.[1-9][0-9]*) echo log4j2.xml ;;
        *) echo log4j2-1.7.xml ;;
        esac
        ;;
    esac
}

[ -f "$JAR" ] || fail "$JAR does not exist here."
command -v "$JAVA" >/dev/null 2>&1 || fail "$JAVA was not found."
if runs "$(cat "$PID_FILE" 2>/dev/null || :)"; then
    fail "The server runs already: PID=$(cat "$PID_FILE")"
fi
rm -f "$PID_FILE"

config=$(settings)
set -- -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8
if [ -n "$config" ]; then
    [ -f "$config" ] || fail "This server needs $config. Download it from your COAL server: /mc/$config"
    # The second property is for 1.17 and 1.18; other versions ignore it or do not need it.
    set -- "$@" "-Dlog4j.configurationFile=$config" -Dlog4j2.formatMsgNoLookups=true
fi

# Keep a file of that name that is not a pipe.
[ ! -e "$FIFO" ] || [ -p "$FIFO" ] || fail "$FIFO is not a named pipe."
rm -f "$FIFO"
mkfifo -m "$FIFO_MODE" "$FIFO"

# Opened for reading and writing, so that the server gets no end of file when a writer closes the pipe.
{
    trap '' HUP
    # shellcheck disable=SC2086 # JAVA_OPTIONS holds several arguments.
    "$JAVA" $JAVA_OPTIONS "$@" -jar "$JAR" nogui <>"$FIFO" &
    pid=$!
    echo "$pid" >"$PID_FILE.new"
    mv "$PID_FILE.new" "$PID_FILE"
    wait "$pid" || :
    # Another server may have been started meanwhile.
    if [ "$(cat "$PID_FILE" 2>/dev/null)" = "$pid" ]; then
        rm -f "$PID_FILE"
    fi
} &
