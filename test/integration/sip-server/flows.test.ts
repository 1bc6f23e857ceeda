/** Phones behind connections: reached by the way they came (RFC 5626, RFC 7118). */
import { connect } from 'node:net';
import type Srf from 'drachtio-srf';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startSipServer } from '../../../src/sip-server/index.ts';
import type { SipServer } from '../../../src/sip-server/index.ts';
import { until, within } from '../../support/until.ts';
import { connectApplication, hangUp } from './application.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

/** A phone at the other end of one connection. */
interface Phone {
  readonly via: string;
  readonly contact: string;
  send(text: string): void;
  readonly received: string[];
  close(): void;
}

async function tcpPhone(port: number): Promise<Phone> {
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const received: string[] = [];
  socket.on('data', (octets: Buffer) => void received.push(octets.toString()));
  socket.on('error', () => undefined);
  const phone: Phone = {
    via: 'SIP/2.0/TCP 192.168.77.7:5060',
    contact: 'sip:phone@192.168.77.7:5060;transport=tcp',
    send: (text) => void socket.write(text),
    received,
    close: () => socket.destroy(),
  };
  open.push(phone);
  return phone;
}

async function wsPhone(port: number): Promise<Phone> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, 'sip');
  await new Promise((resolve) => socket.once('open', resolve));
  const received: string[] = [];
  socket.on('message', (octets: Buffer) => void received.push(octets.toString()));
  const phone: Phone = {
    via: 'SIP/2.0/WS abc.invalid',
    contact: 'sip:phone@abc.invalid;transport=ws',
    send: (text) => socket.send(text),
    received,
    close: () => socket.terminate(),
  };
  open.push(phone);
  return phone;
}

async function setup(): Promise<{ server: SipServer; srf: Srf; ports: Record<'tcp' | 'ws', number> }> {
  const server = await startSipServer({
    listen: ['udp://127.0.0.1:0', 'tcp://127.0.0.1:0', 'ws://127.0.0.1:0'],
    control: { host: '127.0.0.1', port: 0 },
    secret: 'cymru',
  });
  open.push(server);
  const app = await connectApplication(server);
  open.push(app);
  const portOf = (protocol: string): number =>
    Number(/:(\d+)$/.exec(server.listen.find((l) => l.startsWith(protocol))!)![1]);
  return { server, srf: app.srf, ports: { tcp: portOf('tcp'), ws: portOf('ws') } };
}

function field(text: string, name: string): string {
  return new RegExp(`^${name}: ([^\\r]*)`, 'im').exec(text)?.[1] ?? '';
}

function reply(phone: Phone, request: string, status: string, contact = true): void {
  const to = field(request, 'To');
  phone.send(
    `SIP/2.0 ${status}\r\nVia: ${field(request, 'Via')}\r\nFrom: ${field(request, 'From')}\r\n` +
      `To: ${to}${to.includes(';tag=') ? '' : ';tag=phone'}\r\nCall-ID: ${field(request, 'Call-ID')}\r\n` +
      `CSeq: ${field(request, 'CSeq')}\r\n${contact ? `Contact: <${phone.contact}>\r\n` : ''}Content-Length: 0\r\n\r\n`,
  );
}

async function message(phone: Phone, start: string): Promise<string> {
  return until(`${start} at the phone`, () => phone.received.find((text) => text.startsWith(start)));
}

async function registered(phone: Phone, srf: Srf): Promise<void> {
  srf.use('register', (req, res) => res.send(200, { headers: { Contact: `${req.get('Contact')};expires=600` } }));
  phone.send(
    `REGISTER sip:earshot.local SIP/2.0\r\nVia: ${phone.via};branch=z9hG4bKr1\r\nMax-Forwards: 70\r\n` +
      'From: <sip:phone@earshot.local>;tag=r\r\nTo: <sip:phone@earshot.local>\r\nCall-ID: reg\r\nCSeq: 1 REGISTER\r\n' +
      `Contact: <${phone.contact}>\r\nContent-Length: 0\r\n\r\n`,
  );
  await message(phone, 'SIP/2.0 200');
}

describe.each(['tcp', 'ws'] as const)('a phone that registers over %s', (protocol) => {
  it('is called over that connection, answers, and is hung up over it', async () => {
    const { server, srf, ports } = await setup();
    const phone = protocol === 'tcp' ? await tcpPhone(ports.tcp) : await wsPhone(ports.ws);
    await registered(phone, srf);
    const calling = srf.createUAC(phone.contact, { localSdp: 'v=0\r\n' });
    const invite = await message(phone, 'INVITE');
    expect(field(invite, 'Via')).toMatch(
      new RegExp(`^SIP/2.0/${protocol.toUpperCase()} 127.0.0.1:${ports[protocol]};`),
    );
    expect(field(invite, 'Contact')).toBe(`<sip:127.0.0.1:${ports[protocol]};transport=${protocol}>`);
    reply(phone, invite, '180 Ringing');
    reply(phone, invite, '200 OK');
    const dialog = await calling;
    await message(phone, 'ACK');
    const ending = hangUp(dialog);
    reply(phone, await message(phone, 'BYE'), '200 OK', false);
    await ending;
    expect(server.counts().dialogs).toBe(0);
  });

  it('calls; the application hangs up over that connection', async () => {
    const { srf, ports } = await setup();
    const phone = protocol === 'tcp' ? await tcpPhone(ports.tcp) : await wsPhone(ports.ws);
    const answered = new Promise<Srf.Dialog>((resolve, reject) => {
      srf.invite((req, res) => {
        expect(req.protocol).toBe('tcp');
        srf.createUAS(req, res, { localSdp: 'v=0\r\n' }).then(resolve, reject);
      });
    });
    phone.send(
      `INVITE sip:x@earshot.local SIP/2.0\r\nVia: ${phone.via};branch=z9hG4bKi1\r\nMax-Forwards: 70\r\n` +
        'From: <sip:phone@earshot.local>;tag=i\r\nTo: <sip:x@earshot.local>\r\nCall-ID: inv\r\nCSeq: 1 INVITE\r\n' +
        `Contact: <${phone.contact}>\r\nContent-Length: 0\r\n\r\n`,
    );
    const ok = await message(phone, 'SIP/2.0 200');
    phone.send(
      `ACK ${/<([^>]*)>/.exec(field(ok, 'Contact'))![1]} SIP/2.0\r\nVia: ${phone.via};branch=z9hG4bKi2\r\nMax-Forwards: 70\r\n` +
        `From: <sip:phone@earshot.local>;tag=i\r\nTo: ${field(ok, 'To')}\r\nCall-ID: inv\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n`,
    );
    const ending = hangUp(await answered);
    reply(phone, await message(phone, 'BYE'), '200 OK', false);
    await ending;
  });

  it('goes away while it rings: the call fails at once', async () => {
    const { server, srf, ports } = await setup();
    const phone = protocol === 'tcp' ? await tcpPhone(ports.tcp) : await wsPhone(ports.ws);
    await registered(phone, srf);
    const calling = srf.createUAC(phone.contact, { localSdp: 'v=0\r\n' });
    await message(phone, 'INVITE');
    phone.close();
    await expect(calling).rejects.toMatchObject({ status: 503 });
    expect(server.counts().dialogs).toBe(0);
  });

  it('goes away while it calls: the application is told by CANCEL', async () => {
    const { srf, ports } = await setup();
    const phone = protocol === 'tcp' ? await tcpPhone(ports.tcp) : await wsPhone(ports.ws);
    const cancelled = new Promise<void>((resolve) => {
      srf.invite((req) => {
        req.on('cancel', () => resolve());
        phone.close();
      });
    });
    phone.send(
      `INVITE sip:x@earshot.local SIP/2.0\r\nVia: ${phone.via};branch=z9hG4bKi1\r\nMax-Forwards: 70\r\n` +
        'From: <sip:phone@earshot.local>;tag=i\r\nTo: <sip:x@earshot.local>\r\nCall-ID: inv\r\nCSeq: 1 INVITE\r\n' +
        `Contact: <${phone.contact}>\r\nContent-Length: 0\r\n\r\n`,
    );
    await within('the CANCEL', 5000, cancelled);
  });
});
