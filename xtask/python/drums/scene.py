"""A chance generator comes in; one take goes out: a few seconds of drums, by class, of bass, or of
whatever else plays along.

Drums are patterns of hits from one kit, a third of the time from synthesised drums in the manner
of rhythm machines. The rest are chords, arpeggios, leads and pads of SoundFont instruments,
mallets, a synthesised voice with its consonants, and guitar tracks of songs.
"""

import numpy as np
import scipy.signal

from material import CLASS_OF_ROLE, DRUM_CLASSES, SAMPLE_RATE

TAKE_SECS = 6.0
LENGTH = int(TAKE_SECS * SAMPLE_RATE)
NYQUIST = SAMPLE_RATE / 2


def log_uniform(chance, low, high):
    return float(np.exp(chance.uniform(np.log(low), np.log(high))))


def decay(length, secs, hold=0.0):
    """An exponential decay after a hold."""
    return np.exp(-np.maximum(np.arange(length) / SAMPLE_RATE - hold, 0.0) / secs)


def band_noise(chance, length, low_hz, high_hz):
    sections = scipy.signal.butter(
        2, [low_hz / NYQUIST, min(high_hz / NYQUIST, 0.98)], "band", output="sos"
    )
    return scipy.signal.sosfilt(sections, chance.standard_normal(length))


def phase(frequencies_hz):
    return 2.0 * np.pi * np.cumsum(frequencies_hz) / SAMPLE_RATE


# -- synthesised drums ---------------------------------------------------------------------------


def machine_kick(chance):
    length = int(1.6 * SAMPLE_RATE)
    secs = np.arange(length) / SAMPLE_RATE
    low = chance.uniform(36, 80)
    high = low * chance.uniform(1.2, 6)
    glide = chance.choice([0.01, 0.02, 0.04, 0.08])
    tone = np.sin(phase(low + (high - low) * np.exp(-secs / glide)))
    tone = tone * decay(length, log_uniform(chance, 0.06, 0.6), chance.choice([0, 0.05]))
    click = band_noise(chance, length, chance.uniform(200, 1500), chance.uniform(2500, 12000))
    kick = tone + chance.uniform(0, 0.5) * click * decay(length, chance.uniform(0.003, 0.02))
    return np.tanh(chance.uniform(0.5, 4) * kick)


def machine_snare(chance):
    length = SAMPLE_RATE
    secs = np.arange(length) / SAMPLE_RATE
    base = chance.uniform(140, 420)
    tone = np.zeros(length)
    for partial in range(chance.integers(1, 4)):
        hz = base * (1.0 if partial == 0 else chance.uniform(1.2, 2.6))
        wave = np.sin(2 * np.pi * hz * secs * (1 + 0.02 * np.exp(-secs / 0.02)))
        tone += chance.uniform(0.2, 1) * wave * decay(length, log_uniform(chance, 0.03, 0.2))
    wires = band_noise(chance, length, chance.uniform(200, 2000), chance.uniform(5000, 20000))
    return tone + chance.uniform(0.4, 2) * wires * decay(length, log_uniform(chance, 0.04, 0.25))


def machine_metal(chance, secs):
    length = int(SAMPLE_RATE * min(2.2, 6 * secs + 0.1))
    time = np.arange(length) / SAMPLE_RATE
    metal = chance.standard_normal(length) * chance.uniform(0.3, 1.5)
    if chance.random() < 0.5:
        base = chance.uniform(300, 1200)
        metal += sum(0.6 * scipy.signal.square(2 * np.pi * base * chance.uniform(1, 5) * time) for _ in range(6))
    low = chance.uniform(2500, 7000)
    sections = scipy.signal.butter(2, [low / NYQUIST, chance.uniform(0.6, 0.97)], "band", output="sos")
    return scipy.signal.sosfilt(sections, metal) * decay(length, secs)


def machine_tom(chance):
    length = int(0.9 * SAMPLE_RATE)
    secs = np.arange(length) / SAMPLE_RATE
    tone = np.sin(phase(chance.uniform(70, 450) * (1 + chance.uniform(0, 0.6) * np.exp(-secs / 0.03))))
    stroke = band_noise(chance, length, 200, 5000) * decay(length, chance.uniform(0.005, 0.05))
    return tone * decay(length, chance.uniform(0.05, 0.35)) + chance.uniform(0, 0.5) * stroke


def machine_hand(chance):
    length = int(0.6 * SAMPLE_RATE)
    secs = np.arange(length) / SAMPLE_RATE
    kind = chance.integers(3)
    if kind == 0:
        low = chance.uniform(600, 1500)
        return band_noise(chance, length, low, chance.uniform(2500, 8000)) * decay(length, chance.uniform(0.02, 0.15))
    if kind == 1:
        tones = [np.sin(2 * np.pi * hz * secs) for hz in chance.uniform(300, 3000, chance.integers(1, 4))]
        return sum(tones) * decay(length, chance.uniform(0.015, 0.12))
    return band_noise(chance, length, 3000, 15000) * decay(length, chance.uniform(0.01, 0.06))


def machine_kit(chance):
    """{role: [hit, ...]} of one synthesised kit."""
    makers = {
        "kick": (1, lambda: machine_kick(chance)),
        "snare": (2, lambda: machine_snare(chance)),
        "closed_hat": (2, lambda: machine_metal(chance, chance.uniform(0.015, 0.06))),
        "open_hat": (1, lambda: machine_metal(chance, chance.uniform(0.1, 0.35))),
        "ride": (1, lambda: machine_metal(chance, chance.uniform(0.15, 0.6))),
        "crash": (1, lambda: machine_metal(chance, chance.uniform(0.3, 0.9))),
        "tom": (3, lambda: machine_tom(chance)),
        "hand": (3, lambda: machine_hand(chance)),
    }
    return {role: [make().astype(np.float32) for _ in range(count)] for role, (count, make) in makers.items()}


def reshaped(chance, kit):
    """A kit with at most six hits a role, its roles tuned and damped at random."""
    shaped = {}
    for role, hits in kit.items():
        chosen = [hits[i] for i in chance.choice(len(hits), min(len(hits), 6), replace=False)]
        if chance.random() < 0.5:
            speed = 2 ** chance.uniform(-0.6, 0.6)
            chosen = [np.interp(np.arange(0, len(hit) - 1, speed), np.arange(len(hit)), hit) for hit in chosen]
        if chance.random() < 0.3:
            secs = log_uniform(chance, 0.03, 0.5)
            chosen = [hit * decay(len(hit), secs, 0.01) for hit in chosen]
        shaped[role] = [np.asarray(hit, np.float32) for hit in chosen]
    return shaped


# -- drum patterns -------------------------------------------------------------------------------


def drum_take(chance, kit):
    """(classes, samples) of a random pattern played on a kit."""
    step = 60 / chance.uniform(65, 185) / 4
    swing = chance.choice([0, 0, 0, 0.15, 0.33])
    spread = chance.choice([0, 0.003, 0.008])
    style = chance.choice(["rock", "four", "break", "random", "fill", "sparse"], p=[0.34, 0.12, 0.22, 0.16, 0.08, 0.08])
    cymbal = chance.choice(["closed_hat", "ride", "open_hat", "none"], p=[0.62, 0.2, 0.08, 0.1])
    every = chance.choice([1, 2, 2, 4])
    gains = {"kick": 1.0, "snare": chance.uniform(0.6, 1.1), "tom": 0.9, "hand": chance.uniform(0.3, 0.9)}
    gains |= dict.fromkeys(("closed_hat", "open_hat", "ride"), chance.uniform(0.12, 0.5))
    gains["crash"] = chance.uniform(0.3, 0.7)
    kick, snare = np.zeros(16), np.zeros(16)
    if style in ("rock", "fill"):
        kick[[0, 8]] = 1
        kick[chance.choice(16, 3)] = 0.6
        snare[[4, 12]] = 1
    elif style == "four":
        kick[::4] = 1
        snare[[4, 12]] = 0.9
    elif style == "break":
        kick[[0, 2, 10]] = 0.9
        kick[chance.choice(16, 2)] = 0.5
        snare[[4, 12]] = 1
        snare[[7, 9, 15]] = 0.4
    elif style == "random":
        kick[:] = chance.uniform(0.05, 0.4)
        snare[:] = chance.uniform(0.05, 0.35)
    else:
        kick[0], snare[8] = 0.8, 0.7
    ghosts = chance.choice([0, 0, 0.1, 0.25])
    hands = chance.random(16) < 0.3 if chance.random() < 0.25 else np.zeros(16, bool)
    if chance.random() < 0.05:  # hands alone: a shaker, a tambourine, congas
        kick[:], snare[:], cymbal, hands = 0, 0, "none", chance.random(16) < 0.6
    first = chance.integers(16)
    stems = np.zeros((len(DRUM_CLASSES), LENGTH + 3 * SAMPLE_RATE), np.float32)

    def strike(secs, role, velocity):
        hits = kit.get(role)
        if not hits:
            return
        velocity = float(np.clip(velocity, 0.05, 1.0))
        if role in ("tom", "hand"):
            hit = hits[chance.integers(len(hits))]
        else:
            ranked = sorted(hits, key=lambda hit: float(np.abs(hit).max()))
            hit = ranked[int(np.clip(velocity * len(ranked) + 0.4 * chance.standard_normal(), 0, len(ranked) - 1))]
        at = int(max(0.0, secs + spread * chance.standard_normal()) * SAMPLE_RATE)
        if at < LENGTH:
            gain = gains[role] * (0.15 + 0.85 * velocity) ** 1.3 / max(np.abs(hit).max(), 1e-6)
            stem = stems[CLASS_OF_ROLE[role]]
            stem[at : at + len(hit)] += gain * hit[: len(stem) - at]

    for index in range(int(TAKE_SECS / step) + 1):
        place = (index + first) % 16
        secs = index * step + (swing * step if place % 2 else 0)
        in_fill = (index // 16) % 4 == 3 and place >= 8 and chance.random() < 0.6
        if in_fill or (style == "fill" and chance.random() < 0.15):
            strike(secs, "tom" if chance.random() < 0.7 else "snare", chance.uniform(0.4, 1))
            continue
        if chance.random() < kick[place]:
            strike(secs, "kick", chance.uniform(0.6, 1))
        if chance.random() < snare[place]:
            strike(secs, "snare", chance.uniform(0.6, 1))
        elif chance.random() < ghosts:
            strike(secs, "snare", chance.uniform(0.05, 0.35))
        if cymbal != "none" and place % every == 0:
            role = "open_hat" if cymbal == "closed_hat" and chance.random() < 0.06 else cymbal
            strike(secs, role, (0.8 if place % 4 == 0 else 0.45) + 0.12 * chance.standard_normal())
        if place == 0 and chance.random() < 0.25:
            strike(secs, "crash", chance.uniform(0.5, 1))
        if hands[place]:
            strike(secs, "hand", chance.uniform(0.3, 1))
    return stems[:, :LENGTH]


# -- pitched takes -------------------------------------------------------------------------------

PROGRAMS = {
    "guitar": (24, 25, 26, 27, 28, 29, 30, 25, 24, 27, 26),
    "keys": (0, 1, 2, 4, 5, 6, 7, 16, 18, 19, 21),
    "mallets": (8, 9, 10, 11, 12, 13, 14, 15, 45, 46, 104, 105, 107, 108, 114),
    "synth": (80, 81, 82, 87, 89, 90, 48, 50, 52, 53, 54, 56, 61, 65, 71, 73),
    "bass": (32, 33, 34, 35, 36, 37, 38, 39),
}
CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14), (2, 5, 9), (4, 7, 11))
SCALE = (0, 2, 3, 5, 7, 9, 10, 12, 14, -5, -3)


def notes(chance, kind, style):
    """Random music in one style: [(on secs, off secs, key, velocity), ...]."""
    beat = 60 / chance.uniform(70, 165)
    key = int(chance.integers(12))
    chords = [CHORDS[i] for i in chance.integers(0, len(CHORDS), 4)]
    parts = chance.choice([2, 2, 4, 1]) if style in ("strum", "power") else chance.choice([2, 4, 3])
    step = beat / parts
    plays = chance.random(16) < chance.uniform(0.45, 0.95)
    plays[0] = True
    muted = chance.random() < 0.3
    base = 40 + key % 8
    low = 24 + key + (12 if kind == "bass" and key < 4 else 0)
    played = []

    def note(on, off, pitch, velocity):
        on = max(0.0, on + 0.006 * chance.standard_normal())
        if on < TAKE_SECS - 0.1:
            off = min(max(off, on + 0.05), TAKE_SECS)
            played.append((on, off, int(np.clip(pitch, 24, 98)), int(np.clip(velocity, 20, 127))))

    secs, index = 0.0, 0
    while secs < TAKE_SECS:
        chord = chords[int(secs / (4 * beat)) % 4]
        if style == "pad":
            for tone in chord:
                note(secs, secs + 4 * beat, base + 12 + tone, 80)
            secs += 4 * beat
        elif style in ("strum", "power"):
            if plays[index % 16]:
                tones = [base + chord[0], base + chord[0] + 7, base + chord[0] + 12]
                if style == "strum":
                    tones = tones[:2] + [base + 12 + tone for tone in chord] + [base + 24 + chord[0]]
                    tones = tones[::-1][:4] if index % 2 else tones
                held = step * (0.4 if muted and chance.random() < 0.7 else chance.choice([0.95, 2, 3]))
                spread = chance.uniform(0.004, 0.02)
                for place, tone in enumerate(tones):
                    note(secs + place * spread, secs + held, tone, chance.uniform(60, 115))
            secs += step
        elif style == "arpeggio":
            if plays[index % 16]:
                octave = 12 if chance.random() < 0.3 else 0
                held = step * chance.choice([1, 2, 4])
                note(secs, secs + held, base + 12 + chord[index % 3] + octave, chance.uniform(60, 110))
            if index % (4 * parts) == 0:
                note(secs, secs + 3 * beat, base + chord[0], 95)
            secs += step
        elif style == "lead":
            step = beat * chance.choice([0.5, 0.5, 1, 0.25, 2])
            if chance.random() < 0.85:
                note(secs, secs + 0.95 * step, 60 + key + chance.choice(SCALE), chance.uniform(70, 120))
            secs += step
        else:  # bass line
            if plays[index % 16]:
                octave = 12 if chance.random() < 0.15 else 0
                note(secs, secs + step * chance.uniform(0.4, 1), low + chord[0] % 12 + octave, chance.uniform(75, 120))
            secs += step
        index += 1
    return played


def instrument_take(chance, font, kind):
    """Samples of one instrument playing at random, with the noise of its plectrum or hammer."""
    styles = {
        "guitar": ["strum", "arpeggio", "lead", "power", "pad"],
        "keys": ["strum", "arpeggio", "lead", "pad"],
        "mallets": ["arpeggio", "lead", "lead", "strum"],
        "synth": ["arpeggio", "lead", "pad", "strum", "pad"],
        "bass": ["bass"],
    }
    played = notes(chance, kind, chance.choice(styles[kind]))
    events = [(0.0, "program", 0, 0, int(chance.choice(PROGRAMS[kind])))]
    for on, off, key, velocity in played:
        events.append((on, "on", 0, key, velocity))
        events.append((off, "off", 0, key))
    samples = font.render(events, LENGTH)
    if kind != "synth" and chance.random() < 0.4:
        level = np.sqrt((samples**2).mean()) * 10 ** (chance.uniform(-14, 6) / 20)
        low, high = chance.uniform(500, 3000), chance.uniform(3500, 14000)
        secs = log_uniform(chance, 0.002, 0.02)
        thump = chance.uniform(0, 1.5) if chance.random() < 0.4 else 0.0
        body_hz = chance.uniform(80, 200)
        for on, _, _, velocity in played:
            at = int(on * SAMPLE_RATE)
            if at < LENGTH - 4000 and chance.random() < 0.7:
                noise = 3 * band_noise(chance, 4000, low, high) * decay(4000, secs)
                body = thump * np.sin(2 * np.pi * body_hz * np.arange(4000) / SAMPLE_RATE) * decay(4000, 0.03)
                samples[at : at + 4000] += (level * (velocity / 100) * (noise + body)).astype(np.float32)
    return samples


def machine_bass(chance):
    """A synthesised bass: a filtered saw or sine, long or plucked notes."""
    samples = np.zeros(LENGTH)
    sine = chance.random() < 0.35
    cutoff = chance.uniform(2, 14)
    secs = log_uniform(chance, 0.15, 3.0)
    for on, off, key, velocity in notes(chance, "bass", "bass"):
        length = min(int((off - on) * SAMPLE_RATE) + 400, LENGTH - int(on * SAMPLE_RATE))
        time = np.arange(length) / SAMPLE_RATE
        hz = 440 * 2 ** ((key - 69) / 12)
        count = 1 if sine else int(min(30, 3 * cutoff))
        partials = np.arange(1, count + 1)
        weights = 1 / partials / (1 + (partials / cutoff) ** 4)
        tone = (weights[:, None] * np.sin(2 * np.pi * hz * partials[:, None] * time)).sum(0) * decay(length, secs)
        edge = min(200, length // 2)
        tone[:edge] *= np.linspace(0, 1, edge)
        tone[-edge:] *= np.linspace(1, 0, edge)
        at = int(on * SAMPLE_RATE)
        samples[at : at + length] += velocity / 100 * tone
    return samples.astype(np.float32)


# First three formants of some vowels in Hz, for a man; a woman's are about 17 % higher.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410), (440, 1020, 2240))


def voice_take(chance):
    """A sung line: glottal pulses through formants, vibrato, glides, and consonants of noise."""
    samples = np.zeros(LENGTH + SAMPLE_RATE)
    longer = chance.choice([1.0, 1.17])
    base = chance.integers(48, 60) + (7 if longer > 1 else 0)
    vibrato_hz, vibrato = chance.uniform(4.5, 7), chance.uniform(0, 0.5)
    tilt = chance.uniform(1.0, 2.0)
    breath = chance.uniform(0, 0.1)
    last = float(base)
    secs = chance.uniform(0, 0.5)
    while secs < TAKE_SECS - 0.2:
        held = log_uniform(chance, 0.12, 1.2)
        length = int(held * SAMPLE_RATE)
        time = np.arange(length) / SAMPLE_RATE
        key = base + chance.choice(SCALE)
        glide = key + (last - key) * np.exp(-time / chance.uniform(0.01, 0.08))
        waver = vibrato * np.clip(time / 0.3, 0, 1) * np.sin(2 * np.pi * vibrato_hz * time)
        drift = 0.05 * np.cumsum(chance.standard_normal(length)) / np.sqrt(SAMPLE_RATE)
        hz = 440 * 2 ** ((glide + waver + drift - 69) / 12)
        angle = phase(hz)
        formants = np.array(VOWELS[chance.integers(len(VOWELS))]) * longer
        widths = formants * 0.08 + 40
        tone = np.zeros(length)
        mean_hz = float(hz.mean())
        for partial in range(1, int(min(60, 10_000 / mean_hz)) + 1):
            at = partial * mean_hz
            gain = partial**-tilt * (0.05 + (1 / (1 + ((at - formants) / widths) ** 2)).sum())
            tone += gain * np.sin(partial * angle)
        tone += breath * band_noise(chance, length, 1000, 8000) * np.abs(tone).mean()
        edge = min(int(chance.uniform(0.01, 0.06) * SAMPLE_RATE), length // 2)
        tone[:edge] *= np.linspace(0, 1, edge)
        tone[-edge:] *= np.linspace(1, 0, edge)
        level = np.sqrt((tone**2).mean()) + 1e-9
        first = int(secs * SAMPLE_RATE)
        samples[first : first + length] += (tone / level)[: len(samples) - first]
        consonant = chance.random()
        if consonant < 0.5:  # s, sh, f: long; or t, k, p: a burst
            long = consonant < 0.28
            run = int((chance.uniform(0.05, 0.16) if long else chance.uniform(0.008, 0.03)) * SAMPLE_RATE)
            low = chance.choice([4500, 2500, 1500, 800])
            noise = band_noise(chance, run, low, chance.uniform(6000, 16000))
            noise *= np.hanning(run) if long else decay(run, run / SAMPLE_RATE / 3)
            begin = max(0, first - (run if long else run // 2))
            samples[begin : begin + run] += chance.uniform(0.2, 1.2) * noise / (np.abs(noise).max() + 1e-9)
        last = float(key)
        secs += held + (chance.uniform(0.2, 1.0) if chance.random() < 0.2 else 0.0)
    return samples[:LENGTH].astype(np.float32)


# -- what happens to a stem before it is mixed ----------------------------------------------------


def equalized(chance, stems, bands, gain_db):
    """Bell filters and a tilt, the same for all rows."""
    hz = np.fft.rfftfreq(stems.shape[-1], 1 / SAMPLE_RATE) + 1
    curve = chance.uniform(-1.5, 1.5) * np.clip(np.log2(hz / 1000), -4, 4)
    for _ in range(chance.integers(0, bands + 1)):
        center = log_uniform(chance, 60, 14_000)
        curve += chance.uniform(-gain_db, gain_db) * np.exp(-0.5 * (np.log2(hz / center) / chance.uniform(0.4, 1.5)) ** 2)
    return np.fft.irfft(np.fft.rfft(stems) * 10 ** (curve / 20), stems.shape[-1])


def compressed(chance, stems):
    """The gain that the sum calls for, applied to all rows."""
    total = stems.sum(axis=0)
    threshold = chance.uniform(0.1, 0.6) * np.abs(total).max() + 1e-9
    keep = np.exp(-1 / (SAMPLE_RATE * chance.uniform(0.03, 0.15)))
    envelope = 3 * scipy.signal.lfilter([1 - keep], [1, -keep], np.abs(total))
    return stems * np.where(envelope > threshold, (envelope / threshold + 1e-9) ** (1 / chance.uniform(1.5, 6) - 1), 1)


def saturated(chance, stems):
    """Soft clipping of the sum, shared out so that the rows still add up to it."""
    total = stems.sum(axis=0)
    driven = chance.uniform(1, 5) * total / (np.abs(total).max() + 1e-9)
    gain = np.where(np.abs(driven) > 1e-4, np.tanh(driven) / np.where(driven == 0, 1, driven), 1)
    return stems * gain


def filtered(stems, kind, hz):
    return scipy.signal.sosfilt(scipy.signal.butter(2, hz / NYQUIST, kind, output="sos"), stems)


def in_a_room(chance, stems):
    length = int(log_uniform(chance, 0.15, 1.2) * SAMPLE_RATE)
    tail = chance.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail = filtered(tail, "low", chance.uniform(1500, 14_000))
    tail /= np.sqrt((tail**2).sum())
    wet = scipy.signal.fftconvolve(stems, tail[None], axes=-1)[:, : stems.shape[1]]
    wet = np.roll(wet, int(chance.uniform(0, 0.02) * SAMPLE_RATE), axis=1)
    return stems + log_uniform(chance, 0.05, 0.6) * wet


def distorted(chance, stems):
    """A guitar amplifier: hard drive and a speaker's low-pass."""
    driven = np.tanh(log_uniform(chance, 2, 40) * stems / (np.abs(stems).max() + 1e-9))
    return filtered(driven, "low", chance.uniform(3000, 9000))


def produced_drums(chance, stems):
    if chance.random() < 0.8:
        stems = equalized(chance, stems, 4, 10)
    for _ in range(chance.integers(0, 3)):
        stems = compressed(chance, stems)
    if chance.random() < 0.25:
        stems = filtered(stems, "low", chance.uniform(4000, 16_000))
    if chance.random() < 0.2:
        stems = filtered(stems, "high", chance.uniform(40, 150))
    if chance.random() < 0.25:
        stems = saturated(chance, stems)
    if chance.random() < 0.65:
        stems = in_a_room(chance, stems)
    return stems


def produced(chance, stem, room=0.5):
    stems = stem[None]
    if chance.random() < 0.75:
        stems = equalized(chance, stems, 3, 8)
    if chance.random() < 0.3:
        stems = compressed(chance, stems)
    if chance.random() < room:
        stems = in_a_room(chance, stems)
    return stems[0]


def other_take(chance, fonts, songs):
    """Samples of everything but drums and bass."""
    font = fonts[chance.choice(sorted(fonts))]
    kind = chance.choice(
        ["guitar", "keys", "mallets", "synth", "voice", "song"], p=[0.36, 0.13, 0.13, 0.12, 0.14, 0.12]
    )
    if kind == "song":
        windows = songs[chance.choice(sorted(songs))]
        stem = windows[chance.integers(len(windows))][:LENGTH]
    elif kind == "voice":
        stem = voice_take(chance)
        if chance.random() < 0.5:
            under = instrument_take(chance, font, chance.choice(["keys", "guitar", "synth"]))
            level = np.sqrt((stem**2).mean() / ((under**2).mean() + 1e-9)) * 10 ** (chance.uniform(-12, 3) / 20)
            stem = stem + level * under
    else:
        stem = instrument_take(chance, font, kind)
        if kind in ("guitar", "synth") and chance.random() < 0.25:
            stem = distorted(chance, stem[None])[0]
        if chance.random() < 0.25:
            under = instrument_take(chance, font, chance.choice(["keys", "guitar", "mallets", "synth"]))
            level = np.sqrt((stem**2).mean() / ((under**2).mean() + 1e-9)) * 10 ** (chance.uniform(-12, 3) / 20)
            stem = stem + level * under
    if chance.random() < 0.15:
        speed = 2 ** chance.uniform(-0.4, 0.4)
        faster = np.interp(np.arange(0, len(stem) - 1, speed), np.arange(len(stem)), stem)
        stem = np.resize(faster, LENGTH)
    return produced(chance, stem)


def bass_take(chance, fonts):
    if chance.random() < 0.3:
        stem = machine_bass(chance)
    else:
        stem = instrument_take(chance, fonts[chance.choice(sorted(fonts))], "bass")
    if chance.random() < 0.2:
        stem = saturated(chance, stem[None])[0]
    return produced(chance, stem, room=0.15)


def drums_take(chance, kits):
    """(classes, samples) of produced drums: a third synthesised, some kits mixed of both."""
    if chance.random() < 0.33:
        kit = machine_kit(chance)
    else:
        kit = reshaped(chance, kits[chance.choice(sorted(kits))])
    if chance.random() < 0.2:
        kit = {**kit, **{role: hits for role, hits in machine_kit(chance).items() if chance.random() < 0.3}}
    return produced_drums(chance, drum_take(chance, kit))
