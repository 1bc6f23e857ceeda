/** Whoever is refused as a whole: strangers, and new calls while draining. Each test has a SIP server of its own. */
import { expect, it } from 'vitest';
import { Bench } from './harness.ts';
import { SDP, type WirePhone } from './wire-phone.ts';

const CUSTOMER = '+441632960000';

function invite(phone: WirePhone): ReturnType<WirePhone['send']> {
  return phone.send('INVITE', { uri: 'sip:8000@earshot.test', to: '<sip:8000@earshot.test>', body: SDP });
}

it('refuses everybody else without a hint', async () => {
  const strict = await Bench.start({ trunks: [{ id: 'far', hosts: ['192.0.2.1'] }] });
  try {
    const phone = await strict.phone(CUSTOMER);
    const sent = invite(phone);
    const answer = await phone.response('INVITE', sent.callId);
    expect(answer.first).toBe('SIP/2.0 403 Forbidden');
    expect(answer.body).toBe('');
    expect(strict.calls).toEqual([]);
    const options = await phone.ask('OPTIONS');
    expect([options.status, options.header('Allow')]).toEqual([200, '']);
  } finally {
    await strict.close();
  }
});

it('while draining refuses new calls with 503 and Retry-After, and lets phones register', async () => {
  const closing = await Bench.start({ trunks: [{ id: 'pstn', hosts: ['127.0.0.1'] }] });
  try {
    closing.signalling.drain();
    const phone = await closing.phone(CUSTOMER);
    const sent = invite(phone);
    const answer = await phone.response('INVITE', sent.callId);
    expect([answer.status, answer.header('Retry-After')]).toEqual([503, '10']);
    phone.acknowledge(answer, 'sip:8000@earshot.test', sent.from); // or it is sent again
    await closing.registered('1001');
    expect(closing.signalling.contacts('alice')).toHaveLength(1);
  } finally {
    await closing.close();
  }
});
