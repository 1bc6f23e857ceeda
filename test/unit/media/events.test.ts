/** Telephone-events (RFC 4733) on their way through the mixer. */
import { describe, expect, it } from 'vitest';
import { CODECS } from '../../../media/codec/codecs.ts';
import { counted, EVENT, frames, matrix, Simulation } from './simulation.ts';

describe('telephone-events', () => {
  const press = (simulation: Simulation, id: string, at: number, first: number, timestamp: number): void => {
    for (let i = 0; i < 6; i++) {
      const payload = Buffer.from([4, i >= 3 ? 0x8a : 0x0a, 0, Math.min(i + 1, 3) * 40]);
      simulation.at(at + i * 20, () =>
        simulation.receive(id, simulation.packet(EVENT, i === 0, first + i, timestamp, 2, payload)),
      );
    }
  };

  function call(eventPayloadType: number): Simulation {
    const simulation = new Simulation();
    const send = { codec: CODECS.L16, payloadType: 96, eventPayloadType };
    simulation.bridge.configure(simulation.legs.get('a')!, { receive: new Map(), send }, 0);
    return simulation;
  }

  it.each([
    ['forwarding', ['b']],
    ['mixing', ['b', 'c']],
  ])('%s: all six packets with the listener’s payload type, one timestamp, in the listener’s sequence', (_, row) => {
    const simulation = call(97);
    simulation.apply(matrix({ a: row }));
    for (let frame = 0; frame < 5; frame++) simulation.frame('b', frame * 20 + 5, frame, { sequence: 0, timestamp: 0 });
    press(simulation, 'b', 105, 5, 800);
    for (let frame = 5; frame < 10; frame++)
      simulation.frame('b', 225 + (frame - 5) * 20, frame, { sequence: 6, timestamp: 960 - 160 * 4 });
    simulation.run(600);
    const sent = simulation.sent.get('a')!;
    const events = sent.filter(({ payloadType }) => payloadType === 97);
    expect(events.map(({ payload }) => [...payload])).toEqual(
      [1, 2, 3, 3, 3, 3].map((n, i) => [4, i >= 3 ? 0x8a : 0x0a, 0, n * 40]),
    );
    expect(new Set(events.map(({ timestamp }) => timestamp)).size).toBe(1);
    expect(events[0]!.marker).toBe(true);
    sent.forEach((packet, i) => i > 0 && expect((packet.sequence - sent[i - 1]!.sequence) & 0xffff).toBe(1));
    expect(frames(sent, 1)).toEqual(counted(0, 10));
    expect(simulation.digits).toEqual(['b4']);
  });

  it('a press goes on with its timestamp where forwarding turns into mixing and back', () => {
    const simulation = call(97);
    simulation.apply(matrix({ a: ['b'] }));
    for (let frame = 0; frame < 5; frame++) simulation.frame('b', frame * 20 + 5, frame, { sequence: 0, timestamp: 0 });
    press(simulation, 'b', 105, 5, 800);
    simulation.at(130, () => simulation.apply(matrix({ a: ['b', 'c'] })));
    simulation.at(170, () => simulation.apply(matrix({ a: ['b'] })));
    simulation.run(600);
    const events = simulation.sent.get('a')!.filter(({ payloadType }) => payloadType === 97);
    expect(events).toHaveLength(6);
    expect(new Set(events.map(({ timestamp }) => timestamp)).size).toBe(1);
  });

  it('to a listener that agreed to none they do not go, and their lack does not look like loss', () => {
    const simulation = call(-1);
    simulation.apply(matrix({ a: ['b'], c: ['d'] }));
    for (let frame = 0; frame < 5; frame++) simulation.frame('b', frame * 20 + 5, frame, { sequence: 0, timestamp: 0 });
    press(simulation, 'b', 105, 5, 800);
    for (let frame = 5; frame < 10; frame++)
      simulation.frame('b', 225 + (frame - 5) * 20, frame, { sequence: 6, timestamp: 960 - 160 * 4 });
    simulation.run(600);
    const sent = simulation.sent.get('a')!;
    expect(sent).toHaveLength(10);
    sent.forEach((packet, i) => i > 0 && expect((packet.sequence - sent[i - 1]!.sequence) & 0xffff).toBe(1));
    expect(simulation.sent.get('c')).toHaveLength(0); // c may not hear b
    expect(simulation.digits).toEqual(['b4']);
  });
});
