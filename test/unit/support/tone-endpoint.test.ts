/** Two endpoints on loopback: what one sends the other must record, packet for packet. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { expectMatrix } from '../../support/hear.ts';
import { countFrames } from '../../support/numbered.ts';
import { continuityFaults } from '../../support/rtp.ts';
import { ToneEndpoint } from '../../support/tone-endpoint.ts';
import { TONES } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

const open: ToneEndpoint[] = [];
afterEach(() => {
  for (const endpoint of open.splice(0)) endpoint.close();
});

async function pair(): Promise<readonly [ToneEndpoint, ToneEndpoint]> {
  const agent = await ToneEndpoint.open('agent', TONES.agent, 'PCMA');
  const customer = await ToneEndpoint.open('customer', TONES.customer, 'PCMU');
  open.push(agent, customer);
  agent.connect('127.0.0.1', customer.port);
  customer.connect('127.0.0.1', agent.port);
  return [agent, customer];
}

describe('two endpoints', () => {
  test('hear each other, until one falls silent', async () => {
    const ears = await pair();
    await expectMatrix(ears, { agent: ['customer'], customer: ['agent'] });
    ears[0].send('nothing');
    await expectMatrix(ears, { agent: ['customer'] });
    await expect(expectMatrix(ears, { agent: ['customer'], customer: ['agent'] })).rejects.toThrow(
      'customer does not hear agent',
    );
  });

  test('numbered frames arrive whole, in an unbroken stream', async () => {
    const [agent, customer] = await pair();
    agent.send('numbered');
    await until('fifty packets', () => customer.received.length >= 50);
    expect(continuityFaults(customer.received)).toEqual([]);
    const count = countFrames(customer.audioBetween(0, Infinity));
    expect(count).toMatchObject({ lost: [], doubled: [], strayed: 0 });
    expect(count.numbers.length).toBeGreaterThan(40);
  });

  test('a key is an RFC 4733 event: marker first, rising duration, the end three times', async () => {
    const [agent, customer] = await pair();
    agent.press('5', 100);
    await until('the end of the key', () => customer.keys().filter((key) => key.end).length === 3);
    const keys = customer.keys();
    expect(keys.map((key) => key.digit)).toEqual(Array(7).fill('5'));
    expect(keys.map((key) => key.marker)).toEqual([true, ...Array<boolean>(6).fill(false)]);
    expect(keys.map((key) => key.duration)).toEqual([160, 320, 480, 640, 800, 800, 800]);
  });

  test('after close nothing is sent', async () => {
    const [agent, customer] = await pair();
    await until('a packet', () => customer.received.length > 0);
    agent.close();
    await sleep(50);
    const before = customer.received.length;
    await sleep(100);
    expect(customer.received.length).toBe(before);
  });
});
