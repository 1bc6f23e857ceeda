import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.ts';
import { createSignalling } from '../../../src/sip/index.ts';
import { realDrachtio } from '../../support/real.ts';
import { until } from '../../support/until.ts';
import { Bench, DialogProbe, OUR_SDP, realClock } from './harness.ts';
import { SDP, type WirePhone } from './wire-phone.ts';

let bench: Bench | null = null;
afterEach(async () => {
  await bench?.close();
  bench = null;
});

async function start(): Promise<Bench> {
  bench = await Bench.start({ trunks: [{ id: 'pstn', hosts: ['127.0.0.1'] }] });
  return bench;
}

function invite(phone: WirePhone, headers: readonly string[] = []): ReturnType<WirePhone['send']> {
  return phone.send('INVITE', { uri: 'sip:8000@earshot.test', to: '<sip:8000@earshot.test>', body: SDP, headers });
}

/** A whole call: still possible. */
async function wholeCall(on: Bench): Promise<void> {
  const phone = await on.phone('+441632960000');
  const sent = invite(phone);
  const answered = (await on.nextCall()).answer(OUR_SDP);
  const wire = phone.establish(await phone.response('INVITE', sent.callId));
  const probe = new DialogProbe(await answered);
  expect((await phone.within(wire, 'BYE')).status).toBe(200);
  await until('onBye', () => probe.byes.length > 0);
}

describe('the control connection', () => {
  it('lost: every call is accounted for, and it is made again; registrations stay', async () => {
    const on = await start();
    const phone = await on.registered('1001');
    const caller = await on.phone('+441632960000');
    const sent = invite(caller);
    const answered = (await on.nextCall()).answer(OUR_SDP);
    caller.establish(await caller.response('INVITE', sent.callId));
    const dialog = await answered;
    const probe = new DialogProbe(dialog);

    const waiting = await on.phone('+441632960001');
    invite(waiting);
    const ringing = await on.nextCall();
    const givenUp: boolean[] = [];
    ringing.onCancel((signallingLost) => givenUp.push(signallingLost));

    const dialled = on.signalling.dial({
      target: { kind: 'user', userId: 'alice' },
      from: { number: '1', name: '' },
      offers: { rtp: OUR_SDP },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    const lost = expect(dialled).rejects.toMatchObject({ status: 503 });
    phone.respond(await phone.request('INVITE'), '180 Ringing');
    const modified = expect(dialog.modify(OUR_SDP)).rejects.toMatchObject({ status: 481 });
    await caller.request('INVITE', sent.callId);

    on.cut();
    await lost;
    await modified;
    expect(probe.byes).toEqual(['the connection to the SIP server was lost']);
    expect(probe.lost).toEqual(probe.byes);
    expect(givenUp).toEqual([true]);
    await expect(ringing.answer(OUR_SDP)).rejects.toMatchObject({ status: 487 });
    await dialog.hangup();

    await until('a new connection', () => on.lines.filter((line) => line.includes('connected to')).length === 2);
    // Nobody is left hanging: the phone is told, by the server or by us once we are back.
    caller.respond(await caller.request('BYE', sent.callId), '200 OK');
    expect(on.signalling.contacts('alice')).toHaveLength(1);
    await wholeCall(on);
  });

  it('absent: calls fail with 503 at once', async () => {
    const on = await start();
    await on.registered('1001');
    await on.signalling.close();
    await on.signalling.close();
    const dialled = on.signalling.dial({
      target: { kind: 'user', userId: 'alice' },
      from: { number: '1', name: '' },
      offers: { rtp: OUR_SDP },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    await expect(dialled).rejects.toMatchObject({ status: 503 });
  });

  it('refused for a wrong secret says so', async () => {
    const on = await start();
    const signalling = createSignalling({
      config: configSchema.parse({}),
      srfOptions: { ...on.control, secret: 'wrong' },
      log: () => undefined,
      clock: realClock,
    });
    const events = { onCall: () => undefined, onContacts: () => undefined };
    await expect(signalling.start(events)).rejects.toThrow(/refuses the secret/);
  });

  it('is tried again until the server is there, and given up by close', async () => {
    const on = await start();
    const lines: string[] = [];
    const signalling = createSignalling({
      config: configSchema.parse({}),
      srfOptions: { host: '127.0.0.1', port: 1, secret: 'x' },
      log: (level, message) => lines.push(`${level} ${message}`),
      clock: realClock,
    });
    const started = signalling.start({ onCall: () => undefined, onContacts: () => undefined });
    const given = expect(started).rejects.toThrow(/closed before/);
    await until('two attempts', () => lines.filter((line) => line.includes('ECONNREFUSED')).length >= 2);
    await signalling.close();
    await given;
    expect(on.lines.some((line) => line.startsWith('error'))).toBe(false);
  });
});

function nonsense(numRuns: number): readonly string[] {
  const samples = fc.sample(
    fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.constantFrom('<', '"', '<sip:', '<sip:1001@', '*', ',,,', 'sip:%', '<sip:a@b>;;;=', '"\\', ';tag=', '<tel:>'),
    ),
    { numRuns, seed: 7 },
  );
  return samples.map((text) => text.replace(/[\r\n]/g, ' '));
}

describe('whatever a phone sends', () => {
  it('does no harm to its call either: nonsense in the dialog, then a transfer', async () => {
    const on = await start();
    const phone = await on.phone('+441632960000');
    const sent = invite(phone);
    const answered = (await on.nextCall()).answer(OUR_SDP);
    const wire = phone.establish(await phone.response('INVITE', sent.callId));
    const probe = new DialogProbe(await answered);
    for (const text of nonsense(25)) {
      for (const method of ['INFO', 'REFER', 'UPDATE', 'MESSAGE', 'NOTIFY', 'OPTIONS']) {
        const headers = [`Refer-To: ${text}`, `Content-Type: ${text}`, `Event: ${text}`, `Contact: ${text}`];
        phone.send(method, {
          callId: wire.callId,
          from: wire.local,
          to: wire.remote,
          uri: wire.target,
          cseq: ++wire.cseq,
          noContact: true,
          headers,
          body: text,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const transferred = await phone.within(wire, 'REFER', { headers: ['Refer-To: <sip:1002@x>', 'Refer-Sub: false'] });
    expect(transferred.status).toBe(202);
    expect(probe.byes).toEqual([]);
    expect((await phone.within(wire, 'BYE')).status).toBe(200);
    await until('onBye', () => probe.byes.length > 0);
    expect(on.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  }, 30_000);

  // drachtio-server 0.9.10 itself falls over what these phones send (docs/security.md).
  if (realDrachtio === null) {
    it('does no harm: nonsense in every header, then a whole call', async () => {
      const on = await start();
      const phone = await on.phone('+441632960000');
      for (const text of nonsense(60)) {
        for (const method of ['INVITE', 'REGISTER', 'OPTIONS', 'REFER']) {
          phone.send(method, { from: text, body: SDP });
          phone.send(method, { to: text });
          phone.send(method, { noContact: true, headers: [`Contact: ${text}`] });
          phone.send(method, { headers: [`Authorization: Digest ${text}`, `Proxy-Authorization: ${text}`] });
          phone.send(method, {
            headers: [`Path: ${text}`, `Require: ${text}`, `Replaces: ${text}`, `Refer-To: ${text}`],
          });
          phone.send(method, {
            headers: [`P-Asserted-Identity: ${text}`, `Expires: ${text}`, `Content-Type: ${text}`],
          });
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await until('some answers', () => phone.log.length > 100);
      for (const call of on.calls.splice(0)) call.reject(486, '');
      on.calls.length = 0;
      const other = await on.phone('+441632960009');
      const sent = invite(other);
      const call = await until('the good call', () => on.calls.find((c) => c.sipCallId === sent.callId), 10_000);
      const answered = call.answer(OUR_SDP);
      const wire = other.establish(await other.response('INVITE', sent.callId));
      await answered;
      expect((await other.within(wire, 'BYE')).status).toBe(200);
      expect(on.lines.filter((line) => line.startsWith('error'))).toEqual([]);
    }, 30_000);
  }
});
