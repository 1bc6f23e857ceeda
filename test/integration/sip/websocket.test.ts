import { randomUUID } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Offers } from '../../../media/engine.ts';
import { LegFailure } from '../../../src/control/ports.ts';
import { until } from '../../support/until.ts';
import { Bench, ManualClock, OUR_SDP } from './harness.ts';
import { authorization, parseWire, SDP, type WireMessage } from './wire-phone.ts';

const HOST = 'df7jal23ls0d.invalid'; // as RFC 7118 has it: a browser has no address
let bench: Bench | null = null;
const sockets: WebSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await bench?.close();
  bench = null;
});

/** A phone in a browser, by hand. */
class WebPhone {
  readonly log: WireMessage[] = [];
  readonly #socket: WebSocket;
  readonly #callId = randomUUID();
  #cseq = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    sockets.push(socket);
    socket.on('message', (data: Buffer) => {
      const message = parseWire(data.toString(), 0);
      this.log.push(message);
      if (message.method === 'OPTIONS' && message.status === 0) this.respond(message, '200 OK');
    });
  }

  static async open(port: number): Promise<WebPhone> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, 'sip');
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new WebPhone(socket);
  }

  async register(): Promise<WireMessage> {
    const challenge = await this.#register([]);
    return this.#register([authorization(challenge, 'REGISTER', 'sip:earshot.test', '1001', 'pw-alice')]);
  }

  respond(request: WireMessage, status: string, body = ''): void {
    this.#send([
      `SIP/2.0 ${status}`,
      ...request.headers('Via').map((via) => `Via: ${via}`),
      `From: ${request.header('From')}`,
      `To: ${request.header('To')};tag=web`,
      `Call-ID: ${request.header('Call-ID')}`,
      `CSeq: ${request.header('CSeq')}`,
      `Contact: <sip:1001@${HOST};transport=ws>`,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${body.length}`,
      '',
      body,
    ]);
  }

  async message(what: string, fits: (message: WireMessage) => boolean): Promise<WireMessage> {
    return until(what, () => this.log.find(fits));
  }

  close(): Promise<unknown> {
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.close();
    return closed;
  }

  async #register(headers: readonly string[]): Promise<WireMessage> {
    const cseq = ++this.#cseq;
    this.#send([
      'REGISTER sip:earshot.test SIP/2.0',
      `Via: SIP/2.0/WS ${HOST};branch=z9hG4bK${randomUUID()}`,
      'Max-Forwards: 70',
      'From: <sip:1001@earshot.test>;tag=a',
      'To: <sip:1001@earshot.test>',
      `Call-ID: ${this.#callId}`,
      `CSeq: ${cseq} REGISTER`,
      `Contact: <sip:1001@${HOST};transport=ws>;expires=600`,
      ...headers,
      'Content-Length: 0',
      '',
      '',
    ]);
    return this.message('answer to REGISTER', (m) => m.header('CSeq') === `${cseq} REGISTER` && m.status >= 200);
  }

  #send(lines: readonly string[]): void {
    this.#socket.send(lines.join('\r\n'));
  }
}

async function start(): Promise<{ on: Bench; clock: ManualClock; phone: WebPhone }> {
  const clock = new ManualClock();
  const on = (bench = await Bench.start({ clock }));
  const phone = await WebPhone.open(on.wsPort);
  expect((await phone.register()).status).toBe(200);
  expect(on.signalling.contacts('alice')).toMatchObject([{ transport: 'ws' }]);
  return { on, clock, phone };
}

const OFFERS: Offers = { rtp: OUR_SDP, webrtc: OUR_SDP.replace('RTP/AVP', 'UDP/TLS/RTP/SAVPF') };

function dial(on: Bench, offers = OFFERS): ReturnType<Bench['signalling']['dial']> {
  const dialled = on.signalling.dial({
    target: { kind: 'user', userId: 'alice' },
    from: { number: '1', name: '' },
    offers,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  dialled.catch(() => undefined);
  return dialled;
}

it('a phone on a WebSocket is called over the connection that it has made', async () => {
  const { on, phone } = await start();
  const dialled = dial(on);
  const invite = await phone.message('INVITE', (m) => m.method === 'INVITE' && m.status === 0);
  phone.respond(invite, '200 OK', SDP);
  const dialog = await dialled;
  await phone.message('ACK', (m) => m.method === 'ACK');
  void dialog.hangup();
  phone.respond(await phone.message('BYE', (m) => m.method === 'BYE'), '200 OK');
});

it('one that is still there stays registered; one that has gone is forgotten within half a minute', async () => {
  const { on, clock, phone } = await start();
  clock.advance(30_000);
  await phone.message('OPTIONS', (m) => m.method === 'OPTIONS');
  expect(on.signalling.contacts('alice')).toHaveLength(1);
  await phone.close();
  await until('the server to notice', () => (on.connections() ?? 0) === 0);
  clock.advance(30_000);
  await until('no contact', () => on.signalling.contacts('alice').length === 0);
  expect(on.contacts.at(-1)).toEqual({ userId: 'alice', contacts: [] });
});

it('one that has gone cannot be called, and is forgotten then', async () => {
  const { on, phone } = await start();
  await phone.close();
  await until('the server to notice', () => (on.connections() ?? 0) === 0);
  await expect(dial(on)).rejects.toBeInstanceOf(LegFailure);
  expect(on.signalling.contacts('alice')).toEqual([]);
});

const isInvite = (m: WireMessage): boolean => m.method === 'INVITE' && m.status === 0;

it('of a browser and a desk phone each is offered what it can take; the browser wins, the desk phone gets CANCEL', async () => {
  const { on, phone } = await start();
  const desk = await on.registered('1001');
  const dialled = dial(on);
  const [web, wire] = [await phone.message('INVITE', isInvite), await desk.request('INVITE')];
  expect([web.body, wire.body]).toEqual([OFFERS.webrtc, OFFERS.rtp]);
  desk.respond(wire, '180 Ringing');
  phone.respond(web, '200 OK', SDP);
  expect((await dialled).sipId.callId).toBe(web.header('Call-ID'));
  const cancel = await desk.request('CANCEL');
  expect(cancel.header('Reason')).toContain('Call completed elsewhere');
  desk.respond(cancel, '200 OK');
  desk.respond(wire, '487 Request Terminated');
});

it('the desk phone wins, the browser gets CANCEL', async () => {
  const { on, phone } = await start();
  const desk = await on.registered('1001');
  const dialled = dial(on);
  const [web, wire] = [await phone.message('INVITE', isInvite), await desk.request('INVITE')];
  phone.respond(web, '180 Ringing');
  desk.respond(wire, '200 OK', { body: SDP });
  expect((await dialled).sipId.callId).toBe(wire.header('Call-ID'));
  const cancel = await phone.message('CANCEL', (m) => m.method === 'CANCEL');
  expect(cancel.header('Call-ID')).toBe(web.header('Call-ID'));
});

it('a browser that has gone keeps nobody from the desk phone', async () => {
  const { on, phone } = await start();
  const desk = await on.registered('1001');
  await phone.close();
  await until('the server to notice', () => (on.connections() ?? 0) === 0);
  const dialled = dial(on);
  desk.respond(await desk.request('INVITE'), '200 OK', { body: SDP });
  await dialled;
  expect(on.signalling.contacts('alice')).toMatchObject([{ transport: 'udp' }]);
});

it('a phone that nothing is offered to is not rung', async () => {
  const { on, phone } = await start();
  const desk = await on.registered('1001');
  const dialled = dial(on, { rtp: OUR_SDP });
  desk.respond(await desk.request('INVITE'), '486 Busy Here');
  await expect(dialled).rejects.toMatchObject({ status: 486 });
  await expect(dial(on, {})).rejects.toMatchObject({ status: 480 });
  expect(phone.log.filter(isInvite)).toEqual([]);
});
