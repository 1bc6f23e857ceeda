import { afterEach, describe, expect, it } from 'vitest';
import { startSipServer } from '../../../src/sip-server/index.ts';
import type { SipServer } from '../../../src/sip-server/index.ts';
import { freePort } from '../../support/ports.ts';
import { RawClient } from './frames.ts';
import { Peer } from './peer.ts';
import { Replay, readCapture } from './replay.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function start(): Promise<{ server: SipServer; client: RawClient; port: number }> {
  const port = await freePort();
  const server = await startSipServer({
    listen: [`udp://127.0.0.1:${port}`, `tcp://127.0.0.1:${port}`],
    control: { host: '127.0.0.1', port: 0 },
    secret: 'cymru',
  });
  open.push(server);
  const client = await RawClient.open(server.control);
  open.push(client);
  return { server, client, port };
}

async function peersAt(ports: readonly number[], serverPort: number): Promise<Map<number, Peer>> {
  const peers = new Map<number, Peer>();
  for (const port of ports) {
    const peer = await Peer.open();
    peer.serverPort = serverPort;
    open.push(peer);
    peers.set(port, peer);
  }
  return peers;
}

describe('traffic captured from a real drachtio-server, played again', () => {
  it('with the application called: same frames, same order, same fields', async () => {
    const events = readCapture('captured-uas.jsonl');
    expect(events.length).toBe(114);
    const { client, port } = await start();
    const peers = await peersAt([5091], port);
    await new Replay({ client, serverPort: port, peers, closed: new Map() }).run(events);
    expect(client.unread).toEqual([]);
    expect(client.closed).toBe(false);
  });

  it('with the application calling: same frames, same order, same fields', async () => {
    const events = readCapture('captured-uac.jsonl');
    expect(events.length).toBe(117);
    const { client, port } = await start();
    const ports = Array.from({ length: 11 }, (_, i) => 5101 + i);
    const peers = await peersAt(ports, port);
    const closed = new Map([[5999, await freePort()]]);
    await new Replay({ client, serverPort: port, peers, closed }).run(events);
    expect(client.unread).toEqual([]);
    expect(client.closed).toBe(false);
  });
});
