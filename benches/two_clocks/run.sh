#!/bin/bash
# Two JACK servers whose clocks differ, a peer on each, over loopback: does the playout delay stay at its target?
#   benches/two_clocks/run.sh [seconds] [ppm]      (default 600 200; needs jackd2, gcc, python3, a release build)
set -euo pipefail
seconds=${1:-600} ppm=${2:-200}
root=$(cd "$(dirname "$0")/../.." && pwd)
jamtty=${JAMTTY:-$root/target/release/jamtty}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
cc -O2 -shared -fPIC -o "$work/clock_error.so" "$root/benches/two_clocks/clock_error.c" -ldl
mkdir -m 700 "$work/run"
export HOME=$work XDG_RUNTIME_DIR=$work/run JACK_NO_AUDIO_RESERVATION=1 CLOCK_ERROR_PPM=$ppm
CLOCK_ERROR_SINCE_NS=$(python3 -c 'import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC))')
export CLOCK_ERROR_SINCE_NS
wrong=$work/clock_error.so
LD_PRELOAD=$wrong jackd -R -n clocks-a -d dummy -r 48000 -p 64 > "$work/jack-a.log" 2>&1 &
jackd -R -n clocks-b -d dummy -r 48000 -p 64 > "$work/jack-b.log" 2>&1 &
sleep 1
peer=(--audio jack --channels 1 --codec pcm16)
JACK_DEFAULT_SERVER=clocks-b "$jamtty" --iface lo --profile b peer --new clocks "${peer[@]}" > "$work/b.log" 2>&1 &
sleep 1
JACK_DEFAULT_SERVER=clocks-a LD_PRELOAD=$wrong "$jamtty" --iface lo --profile a peer --join clocks "${peer[@]}" > "$work/a.log" 2>&1 &
sleep 15
end=$((SECONDS + seconds))
while ((SECONDS < end)); do
    for profile in a b; do
        echo "$profile $("$jamtty" --profile $profile link --json | tr -d '\n')" >> "$work/links"
    done
    sleep 5
done
python3 - "$work/links" <<'PY'
import json, statistics, sys
for profile in "ab":
    seen = [json.loads(line[2:])["links"][0] for line in open(sys.argv[1]) if line[0] == profile]
    delay = [link["playout_delay_ms"] for link in seen]
    off = sorted(abs(link["playout_delay_ms"] - link["target_delay_ms"]) for link in seen)
    count = lambda name: seen[-1][name] - seen[0][name]
    print(f"{profile}: playout delay {statistics.median(delay):.2f} ms (most {max(delay):.2f}), from its target "
          f"{statistics.median(off):.2f} (95 of 100 within {off[int(0.95 * len(off))]:.2f}); of {count('played')} "
          f"frames {count('concealed')} invented")
PY
