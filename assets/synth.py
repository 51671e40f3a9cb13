#!/usr/bin/env python3
"""The house band: writes loops/drums.wav, loops/bass.wav and loops/keys.wav beside this file.

Plain Python 3, nothing to install, the same bytes on every run. Two bars of four beats at 96 beats a
minute, 5 s, 48 kHz, 16 bits, mono. Everything is computed here: no sample of anybody's record.

Each loop has attacks with energy from low to high (a stick, a fingernail, a hammer): that is what a
delay is measured by, and what a musician plays to. Every note is a little early, late, loud or soft,
so no two beats are alike and no shift by a beat looks like another.
"""

import math
import random
import struct
import wave
from pathlib import Path

RATE = 48_000
BEAT = RATE * 60 // 96  # samples
LENGTH = BEAT * 8
FOLDER = Path(__file__).parent / "loops"


class Loop:
    """A line of samples that bites its own tail: what rings past the end rings at the beginning."""

    def __init__(self, seed):
        self.samples = [0.0] * LENGTH
        self.random = random.Random(seed)

    def add(self, beat, sound, gain, loose=0.004):
        """Puts `sound` (samples) at `beat`, at most `loose` seconds off, about as loud as `gain`."""
        at = int(beat * BEAT + self.random.uniform(-loose, loose) * RATE)
        gain *= self.random.uniform(0.85, 1.0)
        for index, value in enumerate(sound):
            self.samples[(at + index) % LENGTH] += gain * value

    def write(self, name, peak):
        loudest = max(abs(value) for value in self.samples)
        scaled = (round(value / loudest * peak * 32_767) for value in self.samples)
        FOLDER.mkdir(exist_ok=True)
        with wave.open(str(FOLDER / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(b"".join(struct.pack("<h", value) for value in scaled))


def seconds(length):
    return [index / RATE for index in range(int(length * RATE))]


def noise(random_, length, decay, high):
    """A burst of noise; `high` 0 keeps all of it, near 1 only the top."""
    out, before, held = [], 0.0, 0.0
    for t in seconds(length):
        white = random_.uniform(-1.0, 1.0)
        held = high * (held + white - before)
        before = white
        out.append((held if high else white) * math.exp(-t / decay))
    return out


def faded_in(sound, samples=24):
    return [value * min(1.0, index / samples) for index, value in enumerate(sound)]


def mixed(*parts):
    length = max(len(sound) for _, sound in parts)
    return [sum(gain * sound[i] for gain, sound in parts if i < len(sound)) for i in range(length)]


# --- drums ---------------------------------------------------------------------------------------


def kick(random_):
    phase, body = 0.0, []
    for t in seconds(0.32):
        phase += 2 * math.pi * (48 + 130 * math.exp(-t / 0.028)) / RATE
        body.append(math.sin(phase) * math.exp(-t / 0.11))
    return mixed((1.0, body), (0.35, noise(random_, 0.012, 0.003, 0.6)))


def snare(random_):
    body = [math.sin(2 * math.pi * 186 * t) * math.exp(-t / 0.06) for t in seconds(0.25)]
    ring = [math.sin(2 * math.pi * 331 * t) * math.exp(-t / 0.04) for t in seconds(0.25)]
    return mixed((0.6, body), (0.3, ring), (0.8, noise(random_, 0.25, 0.06, 0.7)))


def hat(random_, decay):
    return noise(random_, decay * 6, decay, 0.25)


def rim(random_):
    tone = [math.sin(2 * math.pi * 1_710 * t) * math.exp(-t / 0.012) for t in seconds(0.06)]
    return mixed((0.7, tone), (0.5, noise(random_, 0.03, 0.006, 0.6)))


def drums():
    loop = Loop(1)
    for beat in (0, 1.5, 2.75, 4, 5.5, 6.5):
        loop.add(beat, kick(loop.random), 0.95)
    for beat in (1, 3, 5, 7):
        loop.add(beat, snare(loop.random), 0.75)
    for ghost in (2.25, 4.75, 6.25, 7.75):
        loop.add(ghost, snare(loop.random), 0.16)
    for eighth in range(16):
        swung = eighth / 2 + (0.06 if eighth % 2 else 0.0)
        is_open = eighth in (7, 15)
        loop.add(swung, hat(loop.random, 0.11 if is_open else 0.022), 0.34 if eighth % 2 else 0.24)
    for beat in (3.5, 7.25, 7.5):
        loop.add(beat, rim(loop.random), 0.3)
    loop.write("drums.wav", 0.7)


# --- bass ----------------------------------------------------------------------------------------


def hz(midi):
    return 440.0 * 2 ** ((midi - 69) / 12)


def plucked(random_, midi, length, brightness, damping):
    """A string (Karplus and Strong, 1983): noise in a loop that loses its top at every turn."""
    period = RATE / hz(midi)
    whole = int(period - 0.5)
    share = period - 0.5 - whole
    line = [random_.uniform(-1.0, 1.0) for _ in range(whole + 1)]
    for _ in range(brightness):
        line = [0.5 * (a + b) for a, b in zip(line, line[1:] + line[:1])]
    out, before, index = [], 0.0, 0
    total = int(length * RATE)
    for n in range(total):
        now, after = line[index], line[(index + 1) % len(line)]
        value = now + (after - now) * (1 - share) * 0.5
        line[index] = damping * 0.5 * (value + before)
        before = value
        index = (index + 1) % len(line)
        out.append(value * min(1.0, (total - n) / (0.02 * RATE)))
    return out


def finger(random_, midi, length):
    string = plucked(random_, midi, length, 3, 0.999)
    sine = [math.sin(2 * math.pi * hz(midi) * t) * math.exp(-t / (length * 0.8)) for t in seconds(length)]
    fade = len(sine) - int(0.02 * RATE)
    sine = [v * min(1.0, (len(sine) - i) / (len(sine) - fade)) for i, v in enumerate(sine)]
    nail = noise(random_, 0.02, 0.004, 0.75)
    return faded_in(mixed((0.5, string), (0.7, sine), (0.25, nail)))


def bass():
    loop = Loop(2)
    # A minor for a bar, then F and G, as everybody's first jam.
    line = [
        (0, 33, 0.42), (0.75, 33, 0.12), (1.5, 40, 0.3), (2.25, 43, 0.14), (2.75, 45, 0.35), (3.5, 40, 0.25),
        (4, 29, 0.42), (4.75, 29, 0.12), (5.5, 36, 0.3), (6, 31, 0.42), (6.75, 31, 0.12), (7.25, 38, 0.16),
        (7.5, 34, 0.14), (7.75, 32, 0.12),
    ]
    for beat, midi, length in line:
        loop.add(beat, finger(loop.random, midi, length * 60 / 96 * 1.6), 0.9)
    loop.write("bass.wav", 0.6)


# --- keys ----------------------------------------------------------------------------------------


def tine(random_, midi, length):
    """An electric piano (after Chowning's frequency modulation, 1973): a tine, a bell, a hammer."""
    f, out = hz(midi), []
    total = int(length * RATE)
    detune = random_.uniform(0.999, 1.001)
    for n in range(total):
        t = n / RATE
        bell = 0.45 * math.exp(-t / 0.09) * math.sin(2 * math.pi * 14 * f * t)
        body = math.sin(2 * math.pi * f * t + 1.1 * math.exp(-t / 0.5) * math.sin(2 * math.pi * f * detune * t) + bell)
        out.append(body * math.exp(-t / 0.7) * min(1.0, (total - n) / (0.03 * RATE)))
    return faded_in(mixed((1.0, out), (0.3, noise(random_, 0.015, 0.003, 0.5))), 16)


def keys():
    loop = Loop(3)
    am9, fmaj9, g13 = (57, 60, 64, 67, 71), (53, 57, 60, 64, 67), (55, 59, 64, 65, 69)
    stabs = [(0.5, am9, 0.5), (1.75, am9, 0.2), (3, am9, 0.6), (4.5, fmaj9, 0.5), (5.75, fmaj9, 0.2),
             (6.25, g13, 0.35), (7, g13, 0.5)]
    for beat, chord, length in stabs:
        for spread, midi in enumerate(chord):
            sound = tine(loop.random, midi, length * 60 / 96 * 1.8)
            loop.add(beat + spread * 0.006, sound, 0.3, loose=0.002)
    for beat, midi in ((2, 76), (2.5, 79), (3.66, 74), (6.75, 76), (7.66, 72)):
        loop.add(beat, tine(loop.random, midi, 0.4), 0.34)
    loop.write("keys.wav", 0.6)


if __name__ == "__main__":
    drums()
    bass()
    keys()
