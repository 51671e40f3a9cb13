#!/usr/bin/env python3
"""A peer that records is killed at random moments: does every take open, and how much of it is missing?

    benches/killed_takes/run.py [kills] [program]      (default 200, target/release/jamtty)

Each time a peer on a virtual card opens a jam, records itself, and gets SIGKILL after 0.1 to 4 s. The next command that
looks at the takes mends what was left; then the take must verify, and no second of it may be missing.
"""
import json, os, pathlib, random, signal, subprocess, sys, tempfile, time

root = pathlib.Path(__file__).resolve().parents[2]
kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
program = sys.argv[2] if len(sys.argv) > 2 else str(root / "target/release/jamtty")
chance = random.Random(7)

with tempfile.TemporaryDirectory() as place:
    run = pathlib.Path(place) / "run"
    run.mkdir(mode=0o700)
    env = {**os.environ, "HOME": place, "XDG_RUNTIME_DIR": str(run), "JAMTTY_NAME": "Ana"}
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        env.pop(variable, None)

    def jamtty(*words):
        done = subprocess.run([program, *words, "--iface", "lo", "--json"], env=env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{words}: {done.returncode} {done.stderr}")
        return json.loads(done.stdout)

    missing, seen = [], 0
    for number in range(kills):
        peer = subprocess.Popen(
            [program, "peer", "--new", "kills", "--in-tone", "440", "--null", "--iface", "lo", "--json"],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in peer.stdout:
            if json.loads(line)["event"] == "card_opened":
                break
        jamtty("rec", "start", f"take {number}")
        began = time.monotonic()
        time.sleep(chance.uniform(0.1, 4.0))
        os.kill(peer.pid, signal.SIGKILL)
        lasted = time.monotonic() - began
        peer.wait()
        takes = jamtty("rec", "ls")
        assert not takes["broken"], takes["broken"]
        found = [take for take in takes["takes"] if take["name"] == f"take {number}"]
        if not found:
            # Nothing was whole yet: allowed in the first second only.
            missing.append(lasted)
            continue
        seen += 1
        assert found[0]["state"] == "recovered", found
        verified = jamtty("rec", "verify", found[0]["id"])
        assert verified["ok"], verified
        missing.append(max(0.0, lasted - found[0]["length_s"]))
        jamtty("rec", "rm", found[0]["id"], "--forever")
    missing.sort()
    print(f"{kills} kills, {seen} takes, all of them open; missing: median {missing[len(missing) // 2]:.2f} s, "
          f"most {missing[-1]:.2f} s")
    sys.exit(missing[-1] > 1.0)
