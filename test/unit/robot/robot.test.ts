import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LINEAR_TO_ULAW, ULAW_TO_LINEAR } from '../../../media/codec/g711.ts';
import { loadPhoneProfiles } from '../../../src/sip/phones.ts';
import { asksToAnswer } from '../../../src/robot/auto-answer.ts';
import { amplitudeOf, PILOT_PEAK, PilotEar, PILOTS, type RobotName } from '../../../src/robot/pilot.ts';
import { answerDirection, readSdp, writeSdp } from '../../../src/robot/sdp.ts';
import { Voice } from '../../../src/robot/voice.ts';
import { readWav, writeWav } from '../../../src/robot/wav.ts';

const names = Object.keys(PILOTS) as RobotName[];
const speechOf = (name: RobotName): Int16Array =>
  readWav(fileURLToPath(new URL(`../../../src/robot/speech/${name}.wav`, import.meta.url)));

/** Through G.711 and back, as on the wire. */
function overTheWire(frame: Int16Array): Int16Array {
  return frame.map((sample) => ULAW_TO_LINEAR[LINEAR_TO_ULAW[sample & 0xffff]!]!);
}

describe('pilot tones', () => {
  it.each([[[]], [['customer']], [['agent', 'supervisor']], [['customer', 'agent', 'supervisor']]] as RobotName[][][])(
    'tell at every moment that %j are heard, and nobody else',
    (speaking) => {
      const voices = speaking.map((name) => new Voice(speechOf(name), PILOTS[name]));
      const ear = new PilotEar(new Map(Object.entries(PILOTS)));
      for (let frame = 0; frame < 50 * 8; frame++) {
        const mix = new Int16Array(160);
        for (const voice of voices) voice.frame().forEach((sample, i) => (mix[i] = mix[i]! + sample));
        ear.push(overTheWire(mix), frame * 20);
        if (frame >= 5)
          expect([frame, ear.heard(frame * 20)]).toEqual([frame, names.filter((name) => speaking.includes(name))]);
      }
    },
  );

  it('are faint beside the speech', () => {
    for (const name of names) {
      const loudest = speechOf(name).reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
      expect(loudest).toBeGreaterThan(PILOT_PEAK * 20);
    }
  });

  it('are not heard any more where nothing comes, and are forgotten with the call', () => {
    const ear = new PilotEar(new Map([['agent', PILOTS.agent]]));
    const voice = new Voice(new Int16Array(0), PILOTS.agent);
    for (let i = 0; i < 5; i++) ear.push(voice.frame(), i * 20);
    expect(ear.heard(180)).toEqual(['agent']);
    expect(ear.heard(181)).toEqual([]);
    ear.clear();
    expect(ear.heard(180)).toEqual([]);
  });

  it('have the amplitude that they are sent with', () => {
    const voice = new Voice(new Int16Array(0), 3150);
    const block = new Int16Array(800);
    for (let i = 0; i < 5; i++) block.set(voice.frame(), i * 160);
    expect(amplitudeOf(block, 3150)).toBeGreaterThan(PILOT_PEAK * 0.98);
    expect(amplitudeOf(block, 3150)).toBeLessThan(PILOT_PEAK * 1.02);
    expect(amplitudeOf(block, 2850)).toBeLessThan(PILOT_PEAK / 20);
  });

  it('are heard also where a jitter buffer leaves out a sample of every frame', () => {
    for (const [name, hz] of Object.entries(PILOTS)) {
      const ear = new PilotEar(new Map(Object.entries(PILOTS)));
      const voice = new Voice(speechOf(name as RobotName), hz);
      for (let frame = 0; frame < 100; frame++) {
        const whole = voice.frame();
        ear.push(overTheWire(Int16Array.of(...whole.subarray(0, 80), ...whole.subarray(81))), frame * 20);
        if (frame >= 5) expect([frame, ear.heard(frame * 20)]).toEqual([frame, [name]]);
      }
    }
  });
});

describe('WAV files', () => {
  it('are read as written', () => {
    const folder = mkdtempSync(join(tmpdir(), 'robot-'));
    try {
      const path = join(folder, 'x.wav');
      writeWav(path, Int16Array.of(0, 1, -32768, 32767));
      expect([...readWav(path)]).toEqual([0, 1, -32768, 32767]);
      for (const [bytes, message] of [
        [Buffer.from('nonsense'), /x\.wav: not a WAV file/],
        [Buffer.from('RIFF\0\0\0\0WAVE'), /x\.wav: there is no data/],
        [Buffer.from('RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd'), /x\.wav: the format \(fmt\) does not come before/],
      ] as const) {
        writeFileSync(path, bytes);
        expect(() => readWav(path)).toThrow(message);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('session descriptions', () => {
  it('are read as written', () => {
    const local = {
      address: '127.0.0.1',
      port: 4000,
      codecs: ['PCMA', 'PCMU'],
      direction: 'sendonly',
      version: 3,
    } as const;
    expect(readSdp(writeSdp(local))).toEqual({
      address: '127.0.0.1',
      port: 4000,
      codec: 'PCMA',
      direction: 'sendonly',
    });
  });

  it.each(['', 'v=0', 'm=audio 0 RTP/AVP 0\r\nc=IN IP4 1.2.3.4', 'c=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 9 18'])(
    'without audio that a robot knows are nothing: %j',
    (sdp) => {
      expect(readSdp(sdp)).toBeNull();
    },
  );

  it.each([
    ['sendrecv', false, 'sendrecv'],
    ['sendonly', false, 'recvonly'],
    ['recvonly', false, 'sendonly'],
    ['inactive', false, 'inactive'],
    ['sendrecv', true, 'sendonly'],
    ['sendonly', true, 'inactive'],
  ] as const)('answer %s (held: %s) with %s (RFC 3264 section 6.1)', (offered, held, expected) => {
    expect(answerDirection(offered, held)).toBe(expected);
  });
});

describe('auto-answer', () => {
  it('is understood in the form of every phone profile that has one (R-START-3)', () => {
    for (const [name, profile] of loadPhoneProfiles()) {
      expect([name, asksToAnswer((header) => profile.headers[header])]).toEqual([name, name !== 'none']);
    }
  });

  it('is not understood where nobody asked for it', () => {
    const asked = (name: string, value: string): boolean => asksToAnswer((h) => (h === name ? value : undefined));
    expect(asked('Call-Info', '<sip:x>;answer-after=5')).toBe(false);
    expect(asked('Alert-Info', '<http://x/bellcore-dr1>')).toBe(false);
    expect(asked('Answer-Mode', 'Manual')).toBe(false);
  });
});
