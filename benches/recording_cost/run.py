#!/usr/bin/env python3
"""What recording a jam of eight costs the one who records: CPU of the two threads, memory, and the length of every track.

    benches/recording_cost/run.py [seconds] [program] [players]     (default 60, target/release/jamtty, 8)

All peers are on loopback with virtual cards, everyone agrees, everyone's memory for `rec grab` is off.
"""
import json, os, pathlib, subprocess, sys, tempfile, time

root = pathlib.Path(__file__).resolve().parents[2]
seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
program = sys.argv[2] if len(sys.argv) > 2 else str(root / "target/release/jamtty")
players = int(sys.argv[3]) if len(sys.argv) > 3 else 8


def threads(pid):
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name, ran = (task / "comm").read_text().strip(), int((task / "schedstat").read_text().split()[0])
        found[name] = found.get(name, 0) + ran
    return found


def anon_kb(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


with tempfile.TemporaryDirectory() as place:
    run = pathlib.Path(place) / "run"
    run.mkdir(mode=0o700)
    config = pathlib.Path(place) / ".config/jamtty"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('[rec]\ngrab_minutes = 0\n[privacy]\nrecord_me = "yes"\n')
    env = {**os.environ, "HOME": place, "XDG_RUNTIME_DIR": str(run)}
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        env.pop(variable, None)

    def jamtty(profile, *words):
        words = [program, "--profile", profile, "--iface", "lo", "--json", *words]
        done = subprocess.run(words, env=env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{words}: {done.returncode} {done.stderr}")
        return json.loads(done.stdout)

    peers = []
    for number in range(players):
        where = ["--new", "cost"] if number == 0 else ["--join", "cost"]
        words = [program, "--profile", f"p{number}", "--iface", "lo", "peer", *where, "--name", f"Player {number}",
                 "--in-tone", str(220 + 55 * number), "--null", "--json"]
        peers.append(subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(1)
    time.sleep(5)
    me = peers[0].pid
    quiet = anon_kb(me)
    jamtty("p0", "rec", "start", "cost")
    time.sleep(5)
    before, first, began = threads(me), anon_kb(me), time.monotonic()
    time.sleep(seconds)
    after, last, took = threads(me), anon_kb(me), time.monotonic() - began
    jamtty("p0", "rec", "stop")
    time.sleep(4)
    shown = jamtty("p0", "rec", "show", "cost")
    for peer in peers:
        peer.terminate()
    for peer in peers:
        peer.wait()
    cost = {name: (after[name] - before.get(name, 0)) / 1e7 / took for name in ("rec-collect", "rec-write")}
    total = sum(after[name] - before.get(name, 0) for name in after) / 1e7 / took
    print(f"{players} players, {len(shown['tracks'])} tracks, {shown['take']['length_s']:.1f} s: collector "
          f"{cost['rec-collect']:.2f} %, writer {cost['rec-write']:.2f} % of a core (the whole peer {total:.1f} %); "
          f"RssAnon {quiet / 1024:.1f} MB before, {first / 1024:.1f} at 5 s, {last / 1024:.1f} at the end")
