import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Dialog } from '../../../src/control/ports.ts';
import { until } from '../../support/until.ts';
import { Bench, DialogProbe, ManualClock, OUR_SDP, PASSWORDS } from './harness.ts';
import { SDP, type WirePhone } from './wire-phone.ts';

let bench: Bench;
let clock: ManualClock;
const phones: WirePhone[] = [];

beforeEach(async () => {
  clock = new ManualClock();
  bench = await Bench.start({ clock });
});
afterEach(async () => {
  for (const phone of phones.splice(0)) {
    await phone.prove('REGISTER', PASSWORDS[phone.extension] ?? '', { headers: ['Expires: 0'] });
  }
  await bench.close();
});

async function registered(transport: 'udp' | 'tcp'): Promise<WirePhone> {
  const phone = await bench.registered('1001', transport);
  phones.push(phone);
  return phone;
}

function dial(): Promise<Dialog> {
  return bench.signalling.dial({
    target: { kind: 'user', userId: 'alice' },
    from: { number: '1', name: '' },
    offers: { rtp: OUR_SDP },
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
}

/** The phone is rung, answers, is offered something new and hangs up. */
async function wholeCall(phone: WirePhone): Promise<string> {
  const dialled = dial();
  const invite = await phone.request('INVITE');
  phone.respond(invite, '180 Ringing');
  phone.respond(invite, '200 OK', { body: SDP });
  await phone.request('ACK', invite.header('Call-ID'));
  const dialog = await dialled;
  const probe = new DialogProbe(dialog);
  const modified = dialog.modify(OUR_SDP);
  const again = await phone.request('INVITE', invite.header('Call-ID'));
  phone.respond(again, '200 OK', { body: SDP });
  await modified;
  await phone.request('ACK', invite.header('Call-ID'));
  expect((await phone.within(phone.dialogOf(invite), 'BYE')).status).toBe(200);
  await until('onBye', () => probe.byes.length > 0);
  return invite.first;
}

it('a phone that registered over TCP is called over its connection', async () => {
  const phone = await registered('tcp');
  expect(bench.signalling.contacts('alice')).toMatchObject([{ transport: 'tcp' }]);
  expect(await wholeCall(phone)).toBe(`INVITE ${phone.contact.slice(1, -1)} SIP/2.0`);
});

it('one that has closed its connection is called at its Contact', async () => {
  const phone = await registered('tcp');
  await phone.hangUpWire();
  await wholeCall(phone);
});

it('one that has closed its connection and still listens stays registered', async () => {
  const phone = await registered('tcp');
  await phone.hangUpWire();
  clock.advance(30_000);
  phone.respond(await phone.request('OPTIONS'), '200 OK');
  await wholeCall(phone);
  expect(bench.signalling.contacts('alice')).toHaveLength(1);
});

it('one that has gone over from TCP to UDP is called over UDP', async () => {
  const before = await bench.registered('1001', 'tcp');
  await before.prove('REGISTER', PASSWORDS['1001'] ?? '', { headers: ['Expires: 600'] });
  await before.hangUpWire();
  before.close();
  const phone = await registered('udp');
  await wholeCall(phone);
});
