/** Malformed and excessive traffic from outside: a clear error or silence, and the live call notices nothing. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Floor } from '../support/floor.ts';
import { expectMatrix, TALK } from '../support/hear.ts';
import { countFrames } from '../support/numbered.ts';
import { realFreeSwitch } from '../support/real.ts';
import { continuityFaults } from '../support/rtp.ts';
import type { ToneEndpoint } from '../support/tone-endpoint.ts';
import { mediaOf } from '../support/sipp/message.ts';

let floor: Floor;
beforeAll(async () => {
  floor = await Floor.open();
});
afterEach(() => floor.clear());
afterAll(() => floor?.close());

/** Damaged SIP: cut, doubled, overlong, with wrong lengths, with wild bytes. */
function damagedSip(i: number): Buffer {
  const invite = Buffer.from(
    [
      'INVITE sip:8000@earshot.test SIP/2.0',
      `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-damaged-${i}`,
      'From: <sip:+44999@earshot.test>;tag=x',
      'To: <sip:8000@earshot.test>',
      `Call-ID: damaged-${i}`,
      'CSeq: 1 INVITE',
      'Content-Length: 4000000',
      '',
      'v=0',
    ].join('\r\n'),
  );
  switch (i % 6) {
    case 0:
      return randomBytes(randomInt(1, 1400));
    case 1:
      return invite.subarray(0, randomInt(1, invite.length));
    case 2:
      return Buffer.concat([Buffer.alloc(20_000, 'A'), invite]);
    case 3:
      return Buffer.from(invite.toString().replaceAll('\r\n', '\n\r\0'));
    case 4: {
      const wild = Buffer.from(invite);
      for (let k = 0; k < 20; k += 1) wild[randomInt(wild.length)] = randomInt(256);
      return wild;
    }
    default:
      return Buffer.from(`SIP/2.0 ${randomInt(1000)} ?\r\nCSeq: ${'9'.repeat(300)} BYE\r\n\r\n`);
  }
}

async function floodUdp(port: number, datagrams: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4');
  for (const [i, data] of datagrams.entries()) {
    socket.send(data, port, '127.0.0.1');
    if (i % 40 === 39) await sleep(10);
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}

/** Writes bytes to a TCP port; resolves when the server has closed it, or after a while. */
async function pour(port: number, data: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => socket.destroy());
  socket.on('data', () => undefined);
  socket.write(data);
  await Promise.race([closed, sleep(300)]);
  socket.destroy();
}

/** Every frame, and nothing else. FreeSWITCH loses some where packets come late or must be discarded; the stream goes on. */
function expectWhole(ear: ToneEndpoint, from: number, to: number): void {
  expect(continuityFaults(ear.packetsBetween(from, to))).toEqual([]);
  const whole = realFreeSwitch === null ? { lost: [], doubled: [], strayed: 0 } : { doubled: [] };
  expect(countFrames(ear.audioBetween(from, to))).toMatchObject(whole);
}

test('a storm of damaged SIP over UDP and TCP does not disturb a call', async () => {
  const { customer, agent } = await floor.conversation();
  customer.ear.send('numbered');
  await sleep(200);
  const from = performance.now();
  await floodUdp(
    floor.earshot.sipPort,
    Array.from({ length: 1200 }, (_, i) => damagedSip(i)),
  );
  for (let i = 0; i < 12; i += 1) await pour(floor.earshot.sipPort, damagedSip(i));
  await pour(floor.earshot.wsPort, randomBytes(3000));
  await sleep(200);
  const to = performance.now();
  expectWhole(agent.ear, from, to);
  customer.ear.send('tone');
  await expectMatrix([customer.ear, agent.ear], TALK);
  expect(floor.earshot.running).toBe(true);
});

test('the torture messages of RFC 4475 do not disturb a call', async () => {
  const { customer, agent } = await floor.conversation();
  const folder = new URL('../unit/sip-message/rfc4475/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.dat'));
  expect(files.length).toBeGreaterThan(40);
  await floodUdp(
    floor.earshot.sipPort,
    files.map((name) => readFileSync(new URL(name, folder))),
  );
  await expectMatrix([customer.ear, agent.ear], TALK);
  expect(floor.earshot.running).toBe(true);
});

test('a storm of what is no RTP does not disturb a call', async () => {
  const { customer, agent, leg } = await floor.conversation();
  customer.ear.send('numbered');
  await sleep(200);
  const from = performance.now();
  const answer = customer.call.steps.find((step) => step.name === 'answered')?.message ?? '';
  const ports = [mediaOf(answer)?.port ?? 0, mediaOf(leg.invite)?.port ?? 0];
  for (const port of ports) {
    await floodUdp(
      port,
      Array.from({ length: 400 }, () => randomBytes(randomInt(0, 1400))),
    );
    // From the right source too, as a broken phone would.
    for (let i = 0; i < 100; i += 1) customer.ear.sendRaw(randomBytes(randomInt(1, 12)), '127.0.0.1', ports[0]!);
  }
  await sleep(200);
  const to = performance.now();
  expectWhole(agent.ear, from, to);
  customer.ear.send('tone');
  // What FreeSWITCH discards it discards in time with the audio: it is behind for some seconds.
  await expectMatrix([customer.ear, agent.ear], TALK, realFreeSwitch === null ? {} : { attempts: 12 });
});

test('bad HTTP is refused, and does not disturb a call', async () => {
  const { customer, agent, callId } = await floor.conversation();
  const sam = floor.api('sam');
  for (const body of [{ mode: 'shout' }, { mode: 7 }, [], 'text', { mode: 'listen', target: 'x'.repeat(5000) }]) {
    const answer = await sam.request('POST', `/calls/${callId}/supervisions`, body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.contentType).toContain('application/problem+json');
  }
  expect((await sam.request('POST', `/calls/${callId}/supervisions`, { mode: 'x'.repeat(4_000_000) })).status).toBe(
    413,
  );
  expect((await sam.request('GET', '/calls/nothing')).status).toBe(404);
  const stranger = await fetch(`${floor.earshot.base}/api/v1/calls`, { headers: { authorization: 'Bearer wrong' } });
  expect(stranger.status).toBe(401);
  await pour(floor.earshot.apiPort, randomBytes(5000));
  await pour(floor.earshot.apiPort, Buffer.from(`GET / HTTP/1.1\r\nX: ${'y'.repeat(200_000)}\r\n\r\n`));
  await expectMatrix([customer.ear, agent.ear], TALK);
  expect(floor.earshot.running).toBe(true);
});
