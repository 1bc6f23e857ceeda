import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { header } from '../../../src/sip-server/message/index.ts';
import type { TlsOptions } from '../../../src/sip-server/transport/accept.ts';
import { testCertificate } from '../../support/certificate.ts';
import { until } from '../../support/until.ts';
import { openTransport, options, unreadable, watch } from './peers.ts';
import type { Subject } from './peers.ts';

const certificate = testCertificate();
const tls: TlsOptions = { ...certificate, ca: certificate.cert };
const open: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function subject(listen: string, more: Parameters<typeof openTransport>[1] = {}): Promise<Subject> {
  const made = await openTransport([listen], { tls, ...more });
  open.push(() => made.transport.close());
  return made;
}

interface WsPeer {
  readonly socket: WebSocket;
  readonly texts: string[];
  readonly binaries: Buffer[];
  closeCode(): number | undefined;
}

async function dialWs(url: string, protocols: string[] = ['sip']): Promise<WsPeer> {
  const socket = new WebSocket(url, protocols, { ca: certificate.cert });
  const texts: string[] = [];
  const binaries: Buffer[] = [];
  let code: number | undefined;
  socket.on('message', (data: Buffer, binary) => (binary ? binaries.push(data) : texts.push(data.toString())));
  socket.on('close', (c) => (code = c));
  open.push(() => socket.terminate());
  await once(socket, 'open');
  return { socket, texts, binaries, closeCode: () => code };
}

describe('TLS', () => {
  it('takes connections and answers on them', async () => {
    const s = await subject('tls://127.0.0.1:0');
    const socket = connectTls({ port: s.point('tls').port, host: '127.0.0.1', ca: certificate.cert });
    await once(socket, 'secureConnect');
    const peer = watch(socket);
    open.push(() => void socket.destroy());
    peer.write(options('a'));
    const { flow } = await s.message(0);
    expect(flow).toMatchObject({ protocol: 'tls', remote: { host: '127.0.0.1', port: peer.port } });
    await s.transport.send(options('back'), flow);
    await until('answer', () => peer.text().includes('Call-ID: back'));
  });

  it('connects where the certificate names the host, by address and by name', async () => {
    const far = await subject('tls://127.0.0.1:0');
    const near = await subject('tls://127.0.0.1:0');
    const flow = near.flowTo('tls', far.point('tls').port);
    await near.transport.send(options('by-address'), flow);
    expect(header((await far.message(0)).message, 'Call-ID')).toBe('by-address');
    const other = await subject('tls://127.0.0.1:0');
    await other.transport.send(options('by-name'), { ...flow, serverName: 'localhost' });
    expect(header((await far.message(1)).message, 'Call-ID')).toBe('by-name');
  });

  it('an unknown authority or another name is tls, unless verification is off', async () => {
    const far = await subject('tls://127.0.0.1:0');
    const { port } = far.point('tls');
    const strict = await subject('tls://127.0.0.1:0', { tls: certificate });
    await expect(strict.transport.send(options('x'), strict.flowTo('tls', port))).rejects.toMatchObject({
      code: 'tls',
    });
    const near = await subject('tls://127.0.0.1:0');
    const misnamed = { ...near.flowTo('tls', port), serverName: 'trunk.example.com' };
    await expect(near.transport.send(options('x'), misnamed)).rejects.toMatchObject({ code: 'tls' });
    const trusting = await subject('tls://127.0.0.1:0', { tls: { ...certificate, verify: false } });
    await trusting.transport.send(options('ok'), trusting.flowTo('tls', port));
    expect(header((await far.message(0)).message, 'Call-ID')).toBe('ok');
  });

  it('a handshake that fails harms nobody', async () => {
    const s = await subject('tls://127.0.0.1:0');
    const socket = connectTls({
      port: s.point('tls').port,
      host: '127.0.0.1',
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    const peer = watch(socket);
    await until('closed', () => peer.closed());
    expect(s.transport.counts().connections).toBe(0);
    const near = await subject('tls://127.0.0.1:0');
    await near.transport.send(options('good'), near.flowTo('tls', s.point('tls').port));
    await s.message(0);
  });

  it('needs a certificate', async () => {
    await expect(openTransport(['tls://127.0.0.1:0'])).rejects.toMatchObject({ code: 'no_transport' });
  });
});

describe.each(['ws', 'wss'] as const)('%s (RFC 7118)', (protocol) => {
  it('agrees on the subprotocol sip; a message is a frame, with or without Content-Length', async () => {
    const s = await subject(`${protocol}://127.0.0.1:0`);
    const { port } = s.point(protocol);
    const peer = await dialWs(`${protocol}://127.0.0.1:${port}/any/path`, ['xmpp', 'sip']);
    expect(peer.socket.protocol).toBe('sip');
    peer.socket.send(options('text', (t) => t.replace(/Content-Length.*\r\n/, '')).toString());
    peer.socket.send(options('binary'));
    await s.message(1);
    expect(s.received.map((r) => header(r.message, 'Call-ID'))).toEqual(['text', 'binary']);
    const { flow } = await s.message(0);
    expect(flow).toMatchObject({ protocol, local: { host: '127.0.0.1', port }, remote: { host: '127.0.0.1' } });
    await s.transport.send(options('back'), flow);
    await s.transport.send(Buffer.concat([options('octets'), Buffer.from([0xff, 0xfe])]), flow);
    await until('both', () => peer.texts.length + peer.binaries.length === 2);
    expect([peer.texts[0]?.includes('Call-ID: back'), peer.binaries[0]?.includes('Call-ID: octets')]).toEqual([
      true,
      true,
    ]);
  });

  it('answers unreadable messages and pings, and tells when the connection goes', async () => {
    const s = await subject(`${protocol}://127.0.0.1:0`);
    const peer = await dialWs(`${protocol}://127.0.0.1:${s.point(protocol).port}`);
    peer.socket.send('\r\n\r\n');
    peer.socket.send(unreadable('bad').toString());
    await until('both', () => peer.texts.length === 2);
    expect([peer.texts[0], peer.texts[1]?.slice(0, 12)]).toEqual(['\r\n', 'SIP/2.0 400 ']);
    peer.socket.close();
    await until('told', () => s.gone.length === 1);
    expect(s.transport.counts().connections).toBe(0);
  });

  it('connects to another server', async () => {
    const far = await subject(`${protocol}://127.0.0.1:0`);
    const near = await subject(`${protocol}://127.0.0.1:0`);
    const flow = near.flowTo(protocol, far.point(protocol).port);
    await Promise.all(['a', 'b'].map((id) => near.transport.send(options(id), flow)));
    const { flow: back } = await far.message(1);
    await far.transport.send(options('back'), back);
    expect(header((await near.message(0)).message, 'Call-ID')).toBe('back');
    expect(far.transport.counts().connections).toBe(1);
  });
});

describe('WebSocket limits', () => {
  it('refuses who does not offer sip, and plain HTTP', async () => {
    const s = await subject('ws://127.0.0.1:0');
    const { port } = s.point('ws');
    for (const protocols of [[], ['xmpp']]) {
      await expect(dialWs(`ws://127.0.0.1:${port}`, protocols)).rejects.toThrow('400');
    }
    const request = httpRequest({ host: '127.0.0.1', port });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(426);
    expect(s.transport.counts().connections).toBe(0);
  });

  it('closes a connection with too long a message (1009)', async () => {
    const s = await subject('ws://127.0.0.1:0', { limits: { maxMessageBytes: 1000 } });
    const peer = await dialWs(`ws://127.0.0.1:${s.point('ws').port}`);
    peer.socket.send('x'.repeat(1001));
    await until('close', () => peer.closeCode() === 1009);
    await until('told', () => s.gone.length === 1);
  });

  it('closes who never says anything, and who no longer answers pings', async () => {
    const silent = await subject('ws://127.0.0.1:0', { limits: { messageSeconds: 0.05 } });
    const mute = await dialWs(`ws://127.0.0.1:${silent.point('ws').port}`);
    await until('close', () => mute.closeCode() !== undefined);
    const s = await subject('ws://127.0.0.1:0', { limits: { pingSeconds: 0.05 } });
    const alive = await dialWs(`ws://127.0.0.1:${s.point('ws').port}`);
    let pings = 0;
    alive.socket.on('ping', () => (pings += 1));
    await until('three pings', () => pings >= 3);
    expect(alive.closeCode()).toBeUndefined();
    alive.socket.pause();
    await until('told', () => s.gone.length === 1);
  });
});
