/** Single behaviours of the mixer, in simulated time; the random ones are in hear.property.test.ts. */
import { describe, expect, it } from 'vitest';
import { CODECS } from '../../../media/codec/codecs.ts';
import type { AudioCodec } from '../../../media/codec/codecs.ts';
import { Clip, RINGBACK, ToneGenerator } from '../../../media/mixer/generator.ts';
import { MIN_LEVEL } from '../../../media/mixer/level.ts';
import { share } from '../../integration/media/phone.ts';
import { counted, CYCLE, frames, matrix, Simulation } from './simulation.ts';

describe('forwarding', () => {
  it('one source: packet by packet, at once, loss and reordering as they come', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b'] }));
    const order = [0, 1, 3, 2, 5, 6]; // 4 is lost
    order.forEach((frame, i) => simulation.frame('b', 10 + i * 20, frame));
    simulation.run(400);
    const sent = simulation.sent.get('a')!;
    expect(simulation.ticking).toBe(false);
    expect(sent.map(({ at }) => at)).toEqual([10, 30, 50, 70, 90, 110]);
    expect(sent.map(({ sequence }) => (sequence - sent[0]!.sequence) & 0xffff)).toEqual(order);
    expect(sent.map(({ timestamp }) => (timestamp - sent[0]!.timestamp) >>> 0)).toEqual(
      order.map((frame) => frame * 160),
    );
    expect(sent.map(({ marker }) => marker)).toEqual([true, false, false, false, false, false]);
  });

  it('from one source to another, and after a pause: same SSRC, sequence without a gap, time goes on', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b'] }));
    for (let frame = 0; frame < 100; frame++) for (const id of ['b', 'c']) simulation.frame(id, frame * 20, frame);
    simulation.at(410, () => simulation.apply(matrix({ a: ['c'] })));
    simulation.at(810, () => simulation.apply(matrix({})));
    simulation.at(1610, () => simulation.apply(matrix({ a: ['b'] })));
    simulation.run(2000);
    const sent = simulation.sent.get('a')!;
    sent.forEach((packet, i) => i > 0 && expect((packet.sequence - sent[i - 1]!.sequence) & 0xffff).toBe(1));
    const gaps = sent.map((packet, i) => (i === 0 ? 160 : (packet.timestamp - sent[i - 1]!.timestamp) >>> 0));
    expect(gaps.filter((gap) => gap !== 160)).toEqual([160 + 800 * 8]);
    expect(sent.filter(({ marker }) => marker)).toHaveLength(3);
    expect(new Set(sent.map(({ ssrc }) => ssrc)).size).toBe(1);
  });

  it('R-HEAR-1: a packet that was sent before the source was allowed is not heard, however late it comes', () => {
    const simulation = new Simulation();
    for (const [frame, at] of [
      [0, 0],
      [1, 20],
      [3, 60],
      [2, 75],
      [4, 80],
    ] as const)
      simulation.frame('b', at, frame);
    simulation.at(70, () => simulation.apply(matrix({ a: ['b'] })));
    simulation.run(200);
    expect(frames(simulation.sent.get('a')!, 1)).toEqual([5]);
  });

  it('R-HEAR-8: a reordered packet that comes after the change to a mix is still passed, in its own place', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b'] }));
    const order = [0, 1, 3, 2, 4, 5, 6, 7];
    order.forEach((frame, i) => simulation.frame('b', 5 + i * 20, frame));
    simulation.at(50, () => simulation.apply(matrix({ a: ['b', 'c'] }))); // between 3 and 2
    simulation.run(210);
    const heard = simulation.sent.get('a')!.toSorted((x, y) => ((x.sequence - y.sequence) << 16) >> 16);
    expect(frames(heard, 1)).toEqual(counted(0, 8));
    heard.slice(1).forEach((packet, i) => expect((packet.timestamp - heard[i]!.timestamp) >>> 0).toBe(160));
  });

  it('a new SSRC of the source goes on in the same stream', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b'], c: ['b', 'd'] }));
    for (let frame = 0; frame < 10; frame++) simulation.frame('b', frame * 20, frame);
    for (let frame = 10; frame < 20; frame++) {
      simulation.frame('b', frame * 20, frame, { ssrc: 99, sequence: 7, timestamp: 123_456 });
    }
    simulation.run(600);
    const sent = simulation.sent.get('a')!;
    expect(frames(sent, 1)).toEqual(counted(0, 20));
    sent.forEach((packet, i) => i > 0 && expect((packet.timestamp - sent[i - 1]!.timestamp) >>> 0).toBe(160));
    expect(frames(simulation.sent.get('c')!, 1)).toEqual(counted(0, 20));
  });

  it('transcodes by table, and mixes where there is none', () => {
    const simulation = new Simulation();
    const receive = new Map<number, AudioCodec | 'event'>([[0, CODECS.PCMU]]);
    const pcma = { codec: CODECS.PCMA, payloadType: 8, eventPayloadType: -1 };
    simulation.bridge.configure(simulation.legs.get('a')!, { receive, send: pcma }, 0);
    simulation.bridge.configure(simulation.legs.get('b')!, { receive, send: pcma }, 0);
    simulation.apply(matrix({ a: ['b'], c: ['b'] })); // c speaks L16
    const payload = Buffer.alloc(160, 0xc5);
    for (let i = 0; i < 4; i++) {
      simulation.at(i * 20 + 5, () => simulation.receive('b', simulation.packet(0, false, i, i * 160, 9, payload)));
    }
    simulation.run(200);
    expect([simulation.legs.get('a')!.listener.mode, simulation.legs.get('c')!.listener.mode]).toEqual([
      'forward',
      'mix',
    ]);
    const [first] = simulation.sent.get('a')!;
    expect([first!.payloadType, new Set(first!.payload).size]).toEqual([8, 1]);
    const decoded = new Int16Array(1);
    CODECS.PCMA.decode(first!.payload, 0, 1, decoded, 0, 0);
    expect(Math.abs(decoded[0]! - 1564)).toBeLessThan(40);
    expect(simulation.sent.get('c')![0]!.payload.readInt16BE(0)).toBe(1564);
  });
});

describe('mixing', () => {
  it('sums in 32 bits and clips once: loud voices that cancel do not distort', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c', 'd'] }));
    const loud = (value: number) => {
      const payload = Buffer.alloc(320);
      for (let i = 0; i < 160; i++) payload.writeInt16BE(value, i * 2);
      return payload;
    };
    for (let i = 0; i < 5; i++) {
      for (const [id, value] of [
        ['b', 30_000],
        ['c', 30_000],
        ['d', -30_000],
      ] as const) {
        simulation.at(i * 20 + 5, () =>
          simulation.receive(id, simulation.packet(96, false, i, i * 160, 9, loud(value))),
        );
      }
    }
    simulation.run(200);
    for (const packet of simulation.sent.get('a')!.slice(0, 4)) expect(packet.payload.readInt16BE(100)).toBe(30_000);
  });

  it.each([10, 20, 30, 60])('packets of %i ms', (ptime) => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    const count = ptime * 8;
    for (let i = 0; i * ptime < 1200; i++) {
      const payload = Buffer.alloc(count * 2);
      for (let k = 0; k < count; k++)
        payload.writeInt16BE((Math.floor((i * count + k) / 160) % CYCLE) * 13 + 13, k * 2);
      simulation.at(i * ptime + 3, () =>
        simulation.receive('b', simulation.packet(96, false, i, i * count, 9, payload)),
      );
    }
    simulation.run(1600);
    expect(frames(simulation.sent.get('a')!, 1)).toEqual(counted(0, 60));
  });

  it('a pause of the speaker (DTX) adds no delay, and what comes after it is heard whole', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (let frame = 0; frame < 200; frame++) simulation.frame('c', frame * 20 + 7, frame);
    for (const frame of [0, 1, 2, 100, 101, 102, 103]) simulation.frame('b', frame * 20 + 5, frame);
    simulation.run(3000);
    const sent = simulation.sent.get('a')!;
    expect(frames(sent, 1)).toEqual([...counted(0, 3), ...counted(100, 104)]);
    const restart = sent.find(({ at, samples }) => at > 2000 && samples[0]![1] !== 0)!;
    expect(restart.at - 2005).toBeLessThanOrEqual(40);
  });

  it.each([-600, 600])(
    'a clock that is %i ppm off is followed without losing a frame, and delay stays small',
    (ppm) => {
      const simulation = new Simulation();
      simulation.apply(matrix({ a: ['b', 'c'] }));
      const count = 3000; // a minute
      for (let frame = 0; frame < count; frame++) {
        simulation.frame('b', frame * 20 * (1 - ppm / 1e6) + 4, frame);
        simulation.frame('c', frame * 20 + 4, frame);
      }
      simulation.run(count * 20);
      const heard = frames(simulation.sent.get('a')!, 1);
      expect(heard.slice(0, count - 10)).toEqual(counted(0, count - 10));
      const leg = simulation.legs.get('b')!;
      expect(leg.source.links[0]!.reader.unread).toBeLessThanOrEqual(480);
    },
  );

  it.each([4, 30])('%i packets held up and then coming at once are all heard, and the delay is won back', (held) => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (let frame = 0; frame < 1500; frame++) {
      const late = frame >= 50 && frame < 50 + held ? (50 + held - frame) * 20 : 0;
      simulation.frame('b', frame * 20 + 5 + late, frame);
      simulation.frame('c', frame * 20 + 5, frame);
    }
    let before = 0;
    simulation.at(1900, () => (before = simulation.legs.get('b')!.source.links[0]!.reader.unread));
    simulation.run(29_990);
    expect(before).toBeGreaterThanOrEqual((held - 1) * 160);
    expect(simulation.legs.get('b')!.source.links[0]!.reader.unread).toBeLessThanOrEqual(320);
    expect(frames(simulation.sent.get('a')!, 1).slice(0, 1400)).toEqual(counted(0, 1400));
  });

  it.each([230, 440, 1150])('a tone of %i Hz stays a tone while delay is won back', (hz) => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (let frame = 0; frame < 200; frame++) {
      const payload = Buffer.alloc(320);
      for (let i = 0; i < 160; i++) {
        payload.writeInt16BE(Math.round(9000 * Math.sin((2 * Math.PI * hz * (frame * 160 + i)) / 8000)), i * 2);
      }
      const late = frame >= 20 && frame < 35 ? (35 - frame) * 20 : 0;
      const packet = simulation.packet(96, false, frame, frame * 160, 9, payload);
      simulation.at(frame * 20 + 5 + late, () => simulation.receive('b', packet));
    }
    simulation.run(4000);
    const sent = simulation.sent.get('a')!.slice(0, 180);
    const pcm = Int16Array.from(
      sent.flatMap(({ payload }) => Array.from({ length: 160 }, (_, i) => payload.readInt16BE(i * 2))),
    );
    expect(simulation.legs.get('b')!.source.links[0]!.reader.unread).toBeLessThan(15 * 80);
    for (let at = 0; at + 800 <= pcm.length; at += 800)
      expect(share(pcm.subarray(at, at + 800), hz)).toBeGreaterThan(0.85);
  });

  it('what comes after its frame was mixed is counted as late', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (let frame = 0; frame < 20; frame++) if (frame !== 10) simulation.frame('b', frame * 20 + 5, frame);
    simulation.frame('b', 305, 10);
    simulation.run(600);
    expect(simulation.legs.get('b')!.source.late).toBe(1);
    expect(frames(simulation.sent.get('a')!, 1)).toEqual([...counted(0, 10), ...counted(11, 20)]);
  });

  it('conceals lost audio by what went before, for a moment, where it is sent at all', () => {
    const simulation = new Simulation({ concealment: true });
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (let frame = 0; frame < 30; frame++) {
      simulation.frame('c', frame * 20 + 5, frame);
      if (frame < 10 || frame > 12) simulation.frame('b', frame * 20 + 5, frame);
    }
    simulation.run(700);
    // What b has in the sum: the value of its frame 9 fades, then there is silence, then frame 13.
    const values = simulation.sent.get('a')!.map(({ payload }) => Math.floor((payload.readInt16BE(40) % 169) / 13));
    const last = (9 % CYCLE) + 1;
    const at = values.indexOf(last);
    expect(values[at + 1]).toBeGreaterThan(0);
    expect(values[at + 1]).toBeLessThan(last);
    expect(values.slice(at + 3, at + 5)).toEqual([0, (13 % CYCLE) + 1]);
  });

  it('R-HEAR-7: what went before is not used to conceal where it was not allowed', () => {
    const simulation = new Simulation({ concealment: true });
    for (let frame = 0; frame < 30; frame++) {
      simulation.frame('c', frame * 20 + 5, frame);
      if (frame < 10 || frame > 12) simulation.frame('b', frame * 20 + 5, frame);
    }
    simulation.at(187, () => simulation.apply(matrix({ a: ['b', 'c'] }))); // after frame 9 has come
    simulation.run(700);
    expect(frames(simulation.sent.get('a')!, 1)).toEqual(counted(13, 30));
  });

  it('what is lost while nothing else is heard is missing in the timestamps, as if it were forwarded', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (let frame = 0; frame < 20; frame++) if (frame !== 10) simulation.frame('b', frame * 20 + 5, frame);
    simulation.run(420);
    const sent = simulation.sent.get('a')!;
    const gaps = sent.slice(1).map((packet, i) => (packet.timestamp - sent[i]!.timestamp) >>> 0);
    expect(gaps.filter((gap) => gap !== 160)).toEqual([320]);
    expect(frames(sent, 1)).toEqual([...counted(0, 10), ...counted(11, 20)]);
  });

  it('a source that is silent costs the others nothing and leaves no trace', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (let i = 0; i < 10; i++) {
      simulation.frame('b', i * 20 + 5, i);
      simulation.at(i * 20 + 6, () =>
        simulation.receive('c', simulation.packet(96, false, i, i * 160, 9, Buffer.alloc(320))),
      );
    }
    simulation.run(400);
    expect(frames(simulation.sent.get('a')!, 1)).toEqual(counted(0, 10));
    expect(frames(simulation.sent.get('a')!, 2)).toEqual([]);
  });
});

describe('sources that are not legs', () => {
  it('a built-in source is heard by whom the matrix allows, and goes on where the matrix changes otherwise', () => {
    const ramp = Int16Array.from({ length: 800 }, (_, i) => i + 1);
    const simulation = new Simulation({ builtIn: (name) => (name === 'music' ? new Clip(ramp, true) : null) });
    simulation.apply(matrix({ a: ['music', 'unknown'], b: ['unknown'] }));
    simulation.at(150, () => simulation.apply(matrix({ a: ['music'], c: ['music'] })));
    simulation.at(310, () => simulation.apply(matrix({})));
    simulation.run(600);
    const music = simulation.sent
      .get('a')!
      .flatMap(({ payload }) =>
        [...new Int16Array(new Uint8Array(payload).buffer)].map((_, i) => payload.readInt16BE(i * 2)),
      );
    music.forEach((sample, i) => expect(sample).toBe((i % 800) + 1));
    expect(music.length).toBeGreaterThanOrEqual(15 * 160);
    expect(simulation.sent.get('b')).toHaveLength(0);
    expect(simulation.sent.get('c')![0]!.payload.readInt16BE(0)).toBe(1);
    expect(simulation.ticking).toBe(false);
  });

  it('R-HEAR-8: after a clip the listener is forwarded to again, and has lost nothing', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b'] }));
    for (let frame = 0; frame < 50; frame++) simulation.frame('b', frame * 20 + 5, frame);
    let ended = 0;
    simulation.at(210, () =>
      simulation.bridge.play(
        simulation.legs.get('a')!,
        1,
        new Clip(new Int16Array(1000), false),
        () => ended++,
        simulation.now,
      ),
    );
    simulation.run(1100);
    const sent = simulation.sent.get('a')!;
    expect(ended).toBe(1);
    expect(simulation.ticking).toBe(false);
    expect(frames(sent, 1)).toEqual(counted(0, 50));
    sent.forEach(
      (packet, i) =>
        i > 0 && expect((packet.timestamp - sent[i - 1]!.timestamp) >>> 0).toBe(sent[i - 1]!.samples.length),
    );
  });

  it('a clip into a leg that may not be sent to ends all the same; stopping and leaving end it once', () => {
    const simulation = new Simulation();
    const leg = simulation.legs.get('a')!;
    simulation.bridge.configure(leg, { receive: new Map(), send: null }, 0);
    const ended: number[] = [];
    const clip = (key: number, loop: boolean) =>
      simulation.bridge.play(leg, key, new Clip(new Int16Array(300), loop), () => ended.push(key), 0);
    clip(1, false);
    clip(2, true);
    clip(3, true);
    simulation.run(100);
    expect(ended).toEqual([1]);
    simulation.bridge.stopPlaying(leg, 2, 100);
    simulation.bridge.stopPlaying(leg, 2, 100);
    simulation.bridge.remove('a', 100);
    expect(ended).toEqual([1, 2, 3]);
    expect(simulation.sent.get('a')).toHaveLength(0);
  });

  it('ringback keeps its cadence, and a tone without length is over at once', () => {
    const ringback = new ToneGenerator(RINGBACK);
    const frame = new Int16Array(160);
    const signal = Array.from({ length: 500 }, () => ringback.read(frame));
    expect(signal.map((on, i) => on === i % 250 < 50).every(Boolean)).toBe(true);
    expect(ringback.ended).toBe(false);
    expect(new ToneGenerator({ steps: [{ hz: [400], ms: 0 }], loop: true }).ended).toBe(true);
    expect(new Clip(new Int16Array(0), true).read(frame)).toBe(false);
  });
});

describe('a leg', () => {
  it('levels: of what came since the last time, only while watched', () => {
    const simulation = new Simulation();
    simulation.frame('b', 5, 0);
    simulation.at(10, () => simulation.bridge.watchLevels(true));
    simulation.frame('b', 25, 1);
    simulation.run(30);
    const levels = simulation.bridge.levels();
    expect(levels.get('b')).toBeCloseTo(20 * Math.log10((2 * 13) / 32768), 5);
    expect(levels.get('a')).toBe(MIN_LEVEL);
    expect(simulation.bridge.levels().get('b')).toBe(MIN_LEVEL);
  });

  it('that hears nobody is kept alive with silence; its stream goes on in time', () => {
    const simulation = new Simulation();
    const { listener } = simulation.legs.get('a')!;
    simulation.at(1000, () => listener.keepAlive(simulation.now));
    simulation.at(6000, () => listener.keepAlive(simulation.now));
    simulation.run(7000);
    const sent = simulation.sent.get('a')!;
    expect(sent).toHaveLength(2);
    expect((sent[1]!.timestamp - sent[0]!.timestamp) >>> 0).toBe(40_000);
    expect(sent.every(({ payload }) => payload.every((octet) => octet === 0))).toBe(true);
  });

  it('an older matrix is ignored; nobody hears themselves (R-HEAR-7)', () => {
    const simulation = new Simulation();
    expect(simulation.bridge.apply(matrix({ a: ['a'] }), 5, 0)).toBe(true);
    expect(simulation.bridge.apply(matrix({ a: ['b'] }), 4, 0)).toBe(false);
    for (const id of ['a', 'b']) simulation.frame(id, 5, 0);
    simulation.run(100);
    expect(simulation.sent.get('a')).toHaveLength(0);
  });
});
