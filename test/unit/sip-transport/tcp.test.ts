import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { header } from '../../../src/sip-server/message/index.ts';
import { until } from '../../support/until.ts';
import { openTransport, options, tcpPeer, unreadable, watch } from './peers.ts';
import type { StreamPeer, Subject } from './peers.ts';

const open: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function subject(options_: Parameters<typeof openTransport>[1] = {}): Promise<Subject> {
  const made = await openTransport(['tcp://127.0.0.1:0'], options_);
  open.push(() => made.transport.close());
  return made;
}

async function dial(to: Subject): Promise<StreamPeer> {
  const peer = await tcpPeer(to.point('tcp').port);
  open.push(() => void peer.socket.destroy());
  return peer;
}

/** A peer that listens; `accepted` are the connections that came. */
async function listener(): Promise<{ port: number; accepted: StreamPeer[] }> {
  const accepted: StreamPeer[] = [];
  const server = createServer((socket) => accepted.push(watch(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    server.close();
    for (const peer of accepted) peer.socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, accepted };
}

describe('TCP, incoming', () => {
  it('reads messages however they are cut, over one connection', async () => {
    const s = await subject();
    const peer = await dial(s);
    const octets = Buffer.concat([options('a'), options('b'), options('c')]);
    for (let i = 0; i < octets.length; i += 37) peer.write(octets.subarray(i, i + 37));
    await s.message(2);
    expect(s.received.map((r) => header(r.message, 'Call-ID'))).toEqual(['a', 'b', 'c']);
    const [first] = s.received;
    expect(first?.flow).toMatchObject({
      protocol: 'tcp',
      local: { host: '127.0.0.1', port: s.point('tcp').port },
      remote: { host: '127.0.0.1', port: peer.port },
    });
    expect(new Set(s.received.map((r) => r.flow.connection)).size).toBe(1);
    expect(s.transport.counts().connections).toBe(1);
  });

  it('answers over the connection it came by, by its id and by its address', async () => {
    const s = await subject();
    const peer = await dial(s);
    peer.write(options('a'));
    const { flow } = await s.message(0);
    await s.transport.send(options('by-id'), flow);
    const byAddress = s.flowTo('tcp', peer.port);
    expect(byAddress).toEqual(flow);
    const { connection, ...bare } = byAddress;
    expect(connection).toBeDefined();
    await s.transport.send(options('by-address'), bare);
    await until('both', () => peer.text().includes('by-id') && peer.text().includes('by-address'));
    expect(s.transport.counts().connections).toBe(1);
  });

  it('answers a ping with one line end (RFC 5626 3.5.1)', async () => {
    const s = await subject();
    const peer = await dial(s);
    peer.write('\r\n\r\n');
    await until('pong', () => peer.text() === '\r\n');
    peer.write(options('after'));
    await s.message(0);
  });

  it('an unreadable message that is framed is answered and the connection stays', async () => {
    const s = await subject();
    const peer = await dial(s);
    peer.write(Buffer.concat([unreadable('bad'), options('good')]));
    await s.message(0);
    await until('400', () => peer.text().startsWith('SIP/2.0 400'));
    expect(peer.closed()).toBe(false);
  });

  it.each([
    ['no Content-Length', options('x', (t) => t.replace(/Content-Length.*\r\n/, '')), '400'],
    ['a negative one', options('x', (t) => t.replace('Length: 0', 'Length: -1')), '400'],
    ['too long a message', options('x', (t) => t.replace('Length: 0', 'Length: 99999')), '413'],
  ])('%s: answered, then closed', async (_, octets, status) => {
    const s = await subject();
    const peer = await dial(s);
    peer.write(octets);
    await until('close', () => peer.closed());
    expect(peer.text()).toMatch(new RegExp(`^SIP/2\\.0 ${status} `));
    await until('told', () => s.gone.length === 1);
    expect(s.transport.counts().connections).toBe(0);
  });

  it('what is no SIP is closed without a word', async () => {
    const s = await subject();
    const peer = await dial(s);
    peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('close', () => peer.closed());
    expect(peer.text()).toBe('');
    expect(s.transport.counts()).toMatchObject({ malformed: 1, answered: 0, connections: 0 });
  });

  it('a peer that begins a message and does not end it is closed', async () => {
    const s = await subject({ limits: { messageSeconds: 0.05 } });
    const slow = await dial(s);
    const silent = await dial(s);
    slow.write(options('a'));
    await s.message(0);
    slow.write(options('b').subarray(0, 40));
    await until('both closed', () => slow.closed() && silent.closed());
    expect(s.received).toHaveLength(1);
  });

  it('an idle connection is closed', async () => {
    const s = await subject({ limits: { idleSeconds: 0.05 } });
    const peer = await dial(s);
    peer.write(options('a'));
    await until('close', () => peer.closed());
    await until('told', () => s.gone.length === 1);
  });

  it('no more connections than the limits, of one source and of all', async () => {
    for (const limits of [{ maxConnections: 2 }, { maxConnectionsPerSource: 2 }]) {
      const s = await subject({ limits });
      const kept = [await dial(s), await dial(s)];
      await until('two', () => s.transport.counts().connections === 2);
      const extra = await dial(s);
      await until('refused', () => extra.closed());
      expect(kept.some((p) => p.closed())).toBe(false);
      kept[0]?.socket.destroy();
      await until('room', () => s.transport.counts().connections === 1);
      const next = await dial(s);
      next.write(options('again'));
      await s.message(0);
    }
  });

  it('a connection that has gone is told once, and sending on it is closed', async () => {
    const s = await subject();
    const peer = await dial(s);
    peer.write(options('a'));
    const { flow } = await s.message(0);
    peer.socket.resetAndDestroy();
    await until('told', () => s.gone.length > 0);
    await expect(s.transport.send(options('x'), flow)).rejects.toMatchObject({ code: 'closed' });
    await s.transport.close();
    expect(s.gone).toEqual([flow.connection]);
  });

  it('a peer that does not read is given up', async () => {
    const s = await subject({ limits: { sendQueueBytes: 100_000 } });
    const peer = await dial(s);
    peer.write(options('a'));
    const { flow } = await s.message(0);
    peer.socket.pause();
    const big = Buffer.alloc(60_000, 'x');
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => s.transport.send(big, flow)));
    const codes = outcomes.map((o) => (o.status === 'rejected' ? (o.reason as { code: unknown }).code : 'sent'));
    expect(codes).toContain('busy');
    expect(codes.filter((c) => c !== 'busy' && c !== 'closed' && c !== 'sent')).toEqual([]);
    await until('told', () => s.gone.length === 1);
  });
});

describe('TCP, outgoing', () => {
  it('opens one connection for all who want it, and reads the answers', async () => {
    const s = await subject();
    const far = await listener();
    const flow = s.flowTo('tcp', far.port);
    expect(flow.local).toEqual({ host: '127.0.0.1', port: s.point('tcp').port });
    await Promise.all(['a', 'b', 'c'].map((id) => s.transport.send(options(id), flow)));
    await until('all', () => far.accepted[0]?.text().includes('Call-ID: c'));
    expect(far.accepted).toHaveLength(1);
    far.accepted[0]?.write(options('back'));
    const { flow: back } = await s.message(0);
    expect(back).toMatchObject({ protocol: 'tcp', local: flow.local, remote: { host: '127.0.0.1', port: far.port } });
    expect(back.connection).toBeDefined();
  });

  it('after it was closed a new one is opened', async () => {
    const s = await subject();
    const far = await listener();
    await s.transport.send(options('a'), s.flowTo('tcp', far.port));
    await until('one', () => far.accepted[0]);
    far.accepted[0]?.socket.destroy();
    await until('told', () => s.gone.length === 1);
    await s.transport.send(options('b'), s.flowTo('tcp', far.port));
    await until('another', () => far.accepted[1]?.text().includes('Call-ID: b'));
  });

  it('nobody there is refused', async () => {
    const s = await subject();
    const { port } = s.point('tcp');
    const other = await subject();
    const flow = other.flowTo('tcp', port);
    await s.transport.close();
    const attempts = await Promise.allSettled([1, 2].map(() => other.transport.send(options('a'), flow)));
    expect(attempts.map((a) => (a.status === 'rejected' ? (a.reason as { code: unknown }).code : ''))).toEqual([
      'refused',
      'refused',
    ]);
  });

  it('closing gives up what is being opened and cuts what is open', async () => {
    const s = await subject();
    const far = await listener();
    await s.transport.send(options('a'), s.flowTo('tcp', far.port));
    await until('open', () => far.accepted[0]);
    const other = await listener();
    const opening = s.transport.send(options('b'), s.flowTo('tcp', other.port));
    const failed = expect(opening).rejects.toMatchObject({ code: 'closed' });
    await s.transport.close();
    await failed;
    await until('cut', () => far.accepted[0]?.closed());
    expect(s.transport.counts().connections).toBe(0);
  });
});
