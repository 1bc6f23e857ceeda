/** The sound of an incoming call: two short tones, every three seconds, made on the spot. */

const EVERY_MS = 3000;

export class Ringer {
  #audio: AudioContext | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;

  start(): void {
    if (this.#timer !== null) return;
    this.#audio ??= new AudioContext();
    const audio = this.#audio;
    audio.resume().catch(() => undefined); // Silent where the browser wants a click first; the page shows the call.
    const ring = (): void => {
      for (const [at, hz] of [
        [0, 880],
        [0.22, 1108],
      ] as const) {
        this.#tone(audio, audio.currentTime + at, hz);
      }
    };
    ring();
    this.#timer = setInterval(ring, EVERY_MS);
  }

  /** Idempotent. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tone(audio: AudioContext, at: number, hz: number): void {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = hz;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.12, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.21);
  }
}
