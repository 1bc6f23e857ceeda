/** sipp against sipp, without Earshot between them: the harness must carry a whole call, and must see what is wrong. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { expectMatrix } from '../../support/hear.ts';
import { freePort } from '../../support/ports.ts';
import { assertNoChildren } from '../../support/process.ts';
import { header, mediaOf } from '../../support/sipp/message.ts';
import { SippCaller, SippPhone } from '../../support/sipp/phone.ts';
import { TONES } from '../../support/tones.ts';

const DOMAIN = 'earshot.test';
vi.setConfig({ testTimeout: 20_000 });
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const peer of open.splice(0)) await peer.close();
  assertNoChildren();
});

async function phoneAndPort(answersByItself = false): Promise<{ phone: SippPhone; callerPort: number }> {
  const callerPort = await freePort();
  const phone = await SippPhone.listen({ name: 'agent', hz: TONES.agent, sipPort: callerPort, answersByItself });
  open.push(phone);
  return { phone, callerPort };
}

async function dial(phone: SippPhone, port: number): Promise<SippCaller> {
  const caller = await SippCaller.dial({
    name: 'customer',
    hz: TONES.customer,
    domain: DOMAIN,
    sipPort: phone.port,
    port,
    from: '+44123',
    to: '8000',
    codec: 'PCMA',
    offer: ['PCMA', 'PCMU'],
  });
  open.unshift(caller);
  return caller;
}

describe('sipp to sipp', () => {
  test('a call is rung, answered, heard both ways and hung up by the caller', async () => {
    const { phone, callerPort } = await phoneAndPort();
    const caller = await dial(phone, callerPort);
    const call = await phone.nextCall();
    await caller.call.step('ringing');
    expect(call.header('User-Agent')).toBeUndefined();
    expect(header(call.invite, 'From')).toContain('+44123');
    await call.answer();
    await caller.call.step('answered');
    const ears = [phone.ear, caller.ear];
    await expectMatrix(ears, { agent: ['customer'], customer: ['agent'] });
    await caller.call.bye();
    await call.step('hungup');
    await expectMatrix(ears, {});
  });

  test('the phone hangs up', async () => {
    const { phone, callerPort } = await phoneAndPort();
    const caller = await dial(phone, callerPort);
    const call = await phone.nextCall();
    await call.answer();
    await caller.call.step('answered');
    await call.bye();
    await caller.call.step('hungup');
  });

  test('the phone is busy, and takes the next call', async () => {
    const { phone, callerPort } = await phoneAndPort();
    const caller = await dial(phone, callerPort);
    await (await phone.nextCall()).reject(486);
    expect(await caller.call.failure()).toBe(486);
    await caller.close();
    const again = await dial(phone, callerPort);
    await (await phone.nextCall()).reject(603);
    expect(await again.call.failure()).toBe(603);
  });

  test('the caller gives up', async () => {
    const { phone, callerPort } = await phoneAndPort();
    const caller = await dial(phone, callerPort);
    const call = await phone.nextCall();
    await caller.call.step('ringing');
    await caller.call.cancel();
    await call.step('cancelled');
  });

  test('a phone that answers by itself needs the header', async () => {
    const { phone, callerPort } = await phoneAndPort(true);
    const caller = await dial(phone, callerPort);
    const call = await phone.nextCall();
    await caller.call.step('ringing');
    expect(call.has('answered')).toBe(false);
    await caller.call.cancel();
  });

  test('a re-INVITE that nobody expects fails the phone, and the test', async () => {
    const { phone, callerPort } = await phoneAndPort();
    const caller = await dial(phone, callerPort);
    const call = await phone.nextCall();
    await call.answer();
    await caller.call.step('answered');
    await expect(caller.call.hold()).rejects.toThrow('the answer to the re-INVITE');
    expect(call.has('aborted')).toBe(true);
    await expect(phone.close()).rejects.toThrow('agent met an unexpected message');
    await caller.close();
  });

  test('a phone that cannot register says so', async () => {
    const nobody = await freePort();
    const person = { id: 'alice', extension: '1001', password: 'x' };
    await expect(
      SippPhone.register({ name: 'agent', hz: TONES.agent, person, domain: DOMAIN, sipPort: nobody }),
    ).rejects.toThrow('agent could not register');
  });
});

test('the media of an SDP is read from its audio line', () => {
  const message =
    'SIP/2.0 200 OK\r\nX: y\r\n\r\nv=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 4000 RTP/AVP 8 101\r\na=sendonly\r\n';
  expect(mediaOf(message)).toEqual({ address: '10.0.0.9', port: 4000, payloadTypes: [8, 101], direction: 'sendonly' });
  expect(mediaOf('SIP/2.0 180 Ringing\r\n\r\n')).toBeNull();
});
