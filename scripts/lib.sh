# What the scripts share. Sourced by them from the top of the checkout; never run by itself.
# shellcheck shell=sh

say() {
    printf '%s\n' "$*" >&2
}

# The one way to give up: a sentence for people, and exit status 2.
stop() {
    say "tandem: $*"
    exit 2
}

# Every table in scripts/ has comments and blank lines; this leaves the rows.
rows() {
    sed -e '/^#/d' -e '/^[[:space:]]*$/d' "$1"
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

# Root without asking: as root, by a sudo without password, or by one that can ask at a terminal.
can_be_root() {
    is_root || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

as_root() {
    if is_root; then "$@"; else sudo -- "$@"; fi
}

# run_logged LOG COMMAND...: the output goes to LOG, and on a failure its end to the reader.
run_logged() {
    log=$1
    shift
    "$@" >"$log" 2>&1 && return
    say "--- the end of $log:"
    tail -n 20 "$log" >&2
    say "---"
    return 1
}
