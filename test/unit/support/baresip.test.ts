/** baresip called by sipp, without Earshot between them: the recording and the control of the softphone. */
import { afterEach, describe, expect, test } from 'vitest';
import { Baresip } from '../../support/baresip.ts';
import { expectMatrix } from '../../support/hear.ts';
import { assertNoChildren } from '../../support/process.ts';
import { SippCaller } from '../../support/sipp/phone.ts';
import { TONES } from '../../support/tones.ts';

const DOMAIN = 'earshot.test';
const person = { id: 'sam', extension: '2001', password: 'pw' };
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const peer of open.splice(0)) await peer.close();
  assertNoChildren();
});

async function call(answerMode: 'auto' | 'manual'): Promise<{ phone: Baresip; caller: SippCaller }> {
  const phone = await Baresip.register({
    name: 'supervisor',
    hz: TONES.supervisor,
    person,
    domain: '127.0.0.1',
    sipPort: 9,
    answerMode,
    registers: false,
  });
  open.push(phone);
  const caller = await SippCaller.dial({
    name: 'customer',
    hz: TONES.customer,
    domain: DOMAIN,
    sipPort: phone.port,
    from: '+44123',
    to: '2001',
  });
  open.unshift(caller);
  return { phone, caller };
}

describe('baresip', () => {
  test('answers by itself; what it hears is recorded while the call goes on', async () => {
    const { phone, caller } = await call('auto');
    await caller.call.step('answered');
    await expectMatrix([phone, caller.ear], { supervisor: ['customer'], customer: ['supervisor'] }, { settleMs: 300 });
    caller.ear.send('silence');
    await expectMatrix([phone, caller.ear], { customer: ['supervisor'] }, { settleMs: 300 });
    await caller.call.bye();
    await phone.event('CALL_CLOSED');
  });

  test('is picked up by hand, and hangs up', async () => {
    const { phone, caller } = await call('manual');
    await phone.event('CALL_INCOMING');
    await caller.call.step('ringing');
    expect(caller.call.has('answered')).toBe(false);
    phone.accept();
    await caller.call.step('answered');
    phone.hangup();
    await caller.call.step('hungup');
  });
});
