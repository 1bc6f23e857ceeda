/**
 * Makes music.wav, the default hold music: a slow melody over one steady note (330 Hz), by which it is recognised.
 * Four seconds that join without a seam. Run it after a change: node media/sounds/make-music.ts
 */
import { writeFileSync } from 'node:fs';
import { writeWav } from '../codec/wav.ts';

const RATE = 8000;
const SECONDS = 4;
const STEADY_HZ = 330;
const STEADY_PEAK = 3500;
const NOTE_PEAK = 4500;
/** A minor pentatonic; a note every half second, rounded to whole cycles in the loop. */
const MELODY = [440, 523.25, 659.25, 587.25, 523.25, 440, 392, 293.75];

const music = new Int16Array(RATE * SECONDS);
const sum = new Float64Array(music.length);
const noteLength = music.length / MELODY.length;
MELODY.forEach((hz, note) => {
  // Each note rings on into the next two, the last ones into the beginning of the loop.
  for (let i = 0; i < noteLength * 3; i++) {
    const t = i / RATE;
    const envelope = Math.min(1, t / 0.03) * Math.exp(-3 * t) * Math.min(1, (noteLength * 3 - i) / 400);
    const voice = Math.sin(2 * Math.PI * hz * t) + 0.25 * Math.sin(4 * Math.PI * hz * t);
    const at = (note * noteLength + i) % sum.length;
    sum[at]! += NOTE_PEAK * envelope * voice;
  }
});
for (let i = 0; i < music.length; i++) {
  music[i] = Math.round(sum[i]! + STEADY_PEAK * Math.sin((2 * Math.PI * STEADY_HZ * i) / RATE));
}
writeFileSync(new URL('./music.wav', import.meta.url), writeWav(music));
