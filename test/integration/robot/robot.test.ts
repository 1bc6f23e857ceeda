import { afterEach, describe, expect, it } from 'vitest';
import { PILOTS } from '../../../src/robot/pilot.ts';
import { RobotPhone, type RobotPhoneOptions } from '../../../src/robot/phone.ts';
import { Bench, DialogProbe, OUR_SDP } from '../sip/harness.ts';
import { until } from '../../support/until.ts';

const PILOT_MAP = new Map(Object.entries(PILOTS));
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function bench(): Promise<Bench> {
  const started = await Bench.start({ trunks: [{ id: 'pstn', hosts: ['127.0.0.1'] }] });
  open.unshift(started);
  return started;
}

async function robot(on: Bench, name: keyof typeof PILOTS, more: Partial<RobotPhoneOptions> = {}): Promise<RobotPhone> {
  const phone = await RobotPhone.start({
    name,
    server: { host: '127.0.0.1', port: on.sipPort },
    domain: 'earshot.test',
    number: '+441632960000',
    pilotHz: PILOTS[name],
    pilots: PILOT_MAP,
    ...more,
  });
  open.unshift(phone);
  return phone;
}

const request = (userId: string, more: { autoAnswer?: boolean } = {}): Parameters<Bench['signalling']['dial']>[0] => ({
  target: { kind: 'user', userId },
  from: { number: '1', name: '' },
  offers: { rtp: OUR_SDP },
  signal: new AbortController().signal,
  onProgress: () => undefined,
  ...more,
});

describe('a robot phone', () => {
  it('registers by digest and unregisters when it is closed', async () => {
    const on = await bench();
    const phone = await robot(on, 'agent', { number: '1001', password: 'pw-alice' });
    await phone.register();
    expect(on.signalling.contacts('alice')).toHaveLength(1);
    await phone.register();
    expect(on.signalling.contacts('alice')).toHaveLength(1);
    await phone.close();
    expect(on.signalling.contacts('alice')).toEqual([]);
    const wrong = await robot(on, 'agent', { number: '1001', password: 'wrong' });
    await expect(wrong.register()).rejects.toThrow('agent is refused: 403');
  });

  it('answers by itself where it is asked to, and otherwise rings (R-START-3)', async () => {
    const on = await bench();
    const phone = await robot(on, 'supervisor', { number: '2001', password: 'pw-sam' });
    await phone.register();
    const asked = await on.signalling.dial(request('sam', { autoAnswer: true }));
    expect(phone.call?.state).toBe('up');
    await asked.hangup();
    await until('the end of the call', () => phone.call === null);

    const ringing = on.signalling.dial(request('sam'));
    await until('ringing', () => phone.call?.state === 'ringing');
    const second = on.signalling.dial(request('sam'));
    await expect(second).rejects.toMatchObject({ status: 486 });
    await phone.answer();
    const probe = new DialogProbe(await ringing);
    phone.call?.hangup();
    await until('onBye', () => probe.byes.length > 0);

    const declined = on.signalling.dial(request('sam'));
    const refused = expect(declined).rejects.toMatchObject({ status: 486 });
    await until('ringing again', () => phone.call?.state === 'ringing');
    phone.decline();
    await refused;
    await expect(phone.answer()).rejects.toThrow('nothing rings');
  });

  it('calls with proof of its extension, and is told when that comes to nothing', async () => {
    const on = await bench();
    const phone = await robot(on, 'agent', { number: '1001', password: 'pw-alice' });
    const dialled = phone.dial('8000');
    const call = await on.nextCall();
    expect(call.source).toEqual({ kind: 'user', userId: 'alice' });
    const refused = expect(dialled).rejects.toThrow('agent called 8000: Sip non-success response: 404');
    call.reject(404, 'Not Found');
    await refused;
    expect(phone.call).toBeNull();
  });

  it('talks to another: each hears the pilot of the other and not its own; on hold neither is heard', async () => {
    const on = await bench();
    const [one, two] = [
      await robot(on, 'customer'),
      await robot(on, 'agent', { number: '1001', password: 'pw-alice', codecs: ['PCMA'], answers: 'always' }),
    ];
    await two.register();
    const dialled = one.dial('8000');
    const incoming = await on.nextCall();
    const far = await on.signalling.dial({ ...request('alice'), offers: { rtp: incoming.offer ?? '' } });
    const near = await incoming.answer(far.remoteSdp);
    const call = await dialled;
    await until('both heard', () => one.heard().length > 0 && two.heard().length > 0);
    expect([one.heard(), two.heard()]).toEqual([['agent'], ['customer']]);

    const probes = { near: new DialogProbe(near), far: new DialogProbe(far) };
    probes.near.answerOffer = (sdp) => far.modify(sdp);
    probes.far.answerOffer = (sdp) => near.modify(sdp);
    await call.hold();
    await until('silence', () => one.heard().length === 0 && two.heard().length === 0);
    await call.resume();
    await until('both heard again', () => one.heard().length > 0 && two.heard().length > 0);
    expect(two.call?.recording().length).toBe((two.call?.packets.received ?? 0) * 160);
    expect(call.packets.sent).toBeGreaterThan(0);

    probes.near.onBye = () => void far.hangup();
    call.hangup();
    expect(await two.call?.ended).toBe('normal release');
  });
});
