/** The messages of RFC 4475 as datagrams to a real socket: what is refused is answered, and nothing breaks. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { header } from '../../../src/sip-server/message/index.ts';
import { until } from '../../support/until.ts';
import { openTransport, options } from './peers.ts';

const folder = new URL('../sip-message/rfc4475/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.dat'));

/** Neither an answer to a response nor one to what has no readable start. */
const REFUSED = 20;
const UNANSWERABLE = ['scalarlg', 'bigcode'];

it('49 torture messages over UDP, then a good one', async () => {
  const faults: string[] = [];
  const subject = await openTransport(['udp://127.0.0.1:0'], {
    log: (level, line) => level !== 'debug' && faults.push(line),
  });
  // an address of its own: without rport the answers go to port 5060 of the source
  const peer = createSocket('udp4');
  peer.bind(0, '127.0.0.77');
  await once(peer, 'listening');
  const { port } = subject.point('udp');
  for (const name of files) peer.send(readFileSync(new URL(name, folder)), port, '127.0.0.1');
  peer.send(options('good'), port, '127.0.0.1');
  await until('the good one', () => subject.received.some((r) => header(r.message, 'Call-ID') === 'good'));
  expect(files).toHaveLength(49);
  expect(subject.received).toHaveLength(49 - REFUSED + 1);
  const { transport } = subject;
  await until('the answers', () => transport.counts().sent === REFUSED - UNANSWERABLE.length);
  expect(transport.counts()).toMatchObject({ malformed: REFUSED, answered: REFUSED - UNANSWERABLE.length });
  expect(faults).toEqual([]);
  peer.close();
  await transport.close();
});
