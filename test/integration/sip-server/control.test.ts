import { afterEach, describe, expect, it } from 'vitest';
import { startSipServer } from '../../../src/sip-server/index.ts';
import type { SipServer } from '../../../src/sip-server/index.ts';
import { until } from '../../support/until.ts';
import { RawClient } from './frames.ts';
import { Peer } from './peer.ts';

const SECRET = 'cymru_with-é';

const open: { close(): unknown }[] = [];
const lines: string[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
  lines.length = 0;
});

async function start(): Promise<SipServer> {
  const server = await startSipServer({
    listen: ['udp://127.0.0.1:0'],
    control: { host: '127.0.0.1', port: 0 },
    secret: SECRET,
    log: (_, message) => void lines.push(message),
  });
  open.push(server);
  return server;
}

async function connected(server: SipServer): Promise<RawClient> {
  const client = await RawClient.open(server.control);
  open.push(client);
  return client;
}

async function authenticated(server: SipServer): Promise<RawClient> {
  const client = await connected(server);
  const answer = await client.ask('a', `authenticate|${SECRET}|`);
  expect(answer.tokens[3]).toBe('OK');
  return client;
}

describe('the control port', () => {
  it('answers ping as the real server does', async () => {
    const client = await authenticated(await start());
    client.socket.write('7#m1|ping');
    expect((await client.next()).tokens.slice(1)).toEqual(['response', 'm1', 'OK', 'pong']);
  });

  it.each([
    ['wrong|', 'incorrect secret'],
    ['|', 'incorrect secret'],
    [`${SECRET}x|`, 'incorrect secret'],
    [`${SECRET}|with space`, 'invalid tags'],
    [`${SECRET}|${'t'.repeat(33)}`, 'invalid tags'],
    [`${SECRET}|${Array.from({ length: 21 }, (_, i) => `t${i}`).join(',')}`, 'invalid tags'],
  ])('authenticate|%s: NO, and the connection is closed', async (words, text) => {
    const server = await start();
    const client = await connected(server);
    const answer = await client.ask('a', `authenticate|${words}`);
    expect(answer.tokens.slice(3)).toEqual(['NO', text]);
    await until('the end of the connection', () => client.closed);
    expect(server.counts().clients).toBe(0);
    expect(lines.join('\n')).not.toContain(SECRET);
  });

  it.each(['ping', 'route|invite', 'sip||', 'proxy|x|||||||sip:a'])('%s before authentication: NO', async (command) => {
    const client = await connected(await start());
    expect((await client.ask('a', command)).tokens.slice(3)).toEqual(['NO', 'not authenticated']);
    await until('the end of the connection', () => client.closed);
  });

  it.each([
    ['no length', '#x'],
    ['a length that is none', '12a#x'],
    ['a length without end', '123456789'],
    ['nothing', '0#'],
    ['a frame too large before authentication', '4000#'],
    ['noise', '\u0000\u0001\u0002GET / HTTP/1.1\r\n\r\n'],
  ])('%s: the connection is closed, the others go on', async (_, octets) => {
    const server = await start();
    const other = await authenticated(server);
    const client = await connected(server);
    client.socket.write(octets);
    await until('the end of the connection', () => client.closed);
    expect((await other.ask('p', 'ping')).tokens[4]).toBe('pong');
  });

  it.each([
    ['an unknown command', 'frob', 'unknown command'],
    ['a response without transaction', 'sip||\r\nSIP/2.0 200 OK\r\n\r\n', 'transaction id missing'],
    ['a verb that is none', 'route|a b', 'invalid verb'],
    ['half a proxy command', 'proxy|x', 'invalid proxy command'],
  ])('%s: NO, and the connection is closed', async (_, command, text) => {
    const client = await authenticated(await start());
    client.send('p|ping');
    client.send(`x|${command}`);
    expect((await client.next()).tokens[2]).toBe('p');
    expect((await client.next()).tokens.slice(2)).toEqual(['x', 'NO', text]);
    await until('the end of the connection', () => client.closed);
  });

  it('takes a frame of 200 KB, and frames in bits and pieces', async () => {
    const client = await authenticated(await start());
    const body = 'x'.repeat(200_000);
    const answer = await client.ask(
      'big',
      `sip||\r\nMESSAGE sip:a@127.0.0.1;transport=ws SIP/2.0\r\nContent-Type: t\r\n\r\n${body}`,
    );
    expect(answer.tokens.slice(3)).toEqual(['NOK', 'requested protocol/transport not available']);
    for (const octet of '7#m1|ping7#m2|ping') {
      client.socket.write(octet);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([(await client.next()).tokens[2], (await client.next()).tokens[2]]).toEqual(['m1', 'm2']);
  });

  it('a client that goes ends its calls; the server forgets it', async () => {
    const server = await start();
    const peer = await Peer.open();
    open.push(peer);
    peer.serverPort = Number(/:(\d+)$/.exec(server.listen[0]!)![1]);
    const client = await authenticated(server);
    client.send(`i|sip||\r\nINVITE sip:bob@127.0.0.1:${peer.port} SIP/2.0\r\n\r\n`);
    const invite = await peer.message((text) => text.startsWith('INVITE'));
    expect(server.counts()).toMatchObject({ dialogs: 1, clients: 1 });
    const kept = invite.split('\r\n').filter((line) => /^(Via|From|Call-ID|CSeq):/.test(line));
    const to = `${/^To:[^\r]*/m.exec(invite)![0]};tag=p`;
    await peer.send(`SIP/2.0 180 Ringing\r\n${[...kept, to].join('\r\n')}\r\nContent-Length: 0\r\n\r\n`, 'udp');
    await client.nextOf('sip');
    client.close();
    await peer.message((text) => text.startsWith('CANCEL'));
    await until('the client to be forgotten', () => server.counts().clients === 0);
  });
});

describe('starting and stopping', () => {
  it('close is idempotent and hangs up', async () => {
    const server = await start();
    const client = await authenticated(server);
    await Promise.all([server.close(), server.close()]);
    await until('the end of the connection', () => client.closed);
    await server.close();
  });

  it.each([
    [{ listen: [] }, 'listen'],
    [{ listen: ['sctp://127.0.0.1:1'] }, 'listen address'],
    [{ secret: '' }, 'secret'],
    [{ listen: ['udp://203.0.113.1:5060'] }, '203.0.113.1'],
    [{ control: { host: '203.0.113.1', port: 1 } }, '203.0.113.1'],
  ])('%j: says what is wrong, leaves nothing open', async (change, text) => {
    const good = { listen: ['udp://127.0.0.1:0'], control: { host: '127.0.0.1', port: 0 }, secret: 's' };
    await expect(startSipServer({ ...good, ...change })).rejects.toThrow(text);
  });
});
