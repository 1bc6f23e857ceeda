import { describe, expect, it } from 'vitest';
import { FakeClock, FakeNetwork } from '../sip-transaction/fake.ts';
import type { Frame } from '../../integration/sip-server/frames.ts';
import { Rig, SDP } from './rig.ts';
import type { App } from './rig.ts';

const A = '10.0.0.1:5060';
const B = '10.0.0.2:5060';

/** An application that answers every INVITE with 180 and 200, every BYE and other request with 200. */
function callee(app: App): { calls: number; acked: number; byes: number } {
  const seen = { calls: 0, acked: 0, byes: 0 };
  app.onFrame = ({ tokens, message = '' }: Frame) => {
    if (tokens[1] !== 'sip' || tokens[8] === 'unsolicited' || message.startsWith('SIP/2.0')) return;
    if (message.startsWith('ACK')) seen.acked += 1;
    if (message.startsWith('BYE')) seen.byes += 1;
    if (message.startsWith('ACK') || message.startsWith('CANCEL')) return;
    const invite = message.startsWith('INVITE');
    if (invite) seen.calls += 1;
    if (invite) app.command(`sip|${tokens[8]}|`, 'SIP/2.0 180 Ringing\r\n\r\n');
    app.command(`sip|${tokens[8]}|`, `SIP/2.0 200 OK\r\n\r\n${invite ? SDP : ''}`);
  };
  return seen;
}

/** An application that acknowledges what is answered, and hangs up at once. */
function caller(app: App): { answered: number; refused: number; ended: number } {
  const seen = { answered: 0, refused: 0, ended: 0 };
  app.onFrame = ({ tokens, message = '' }: Frame) => {
    const status = Number(/^SIP\/2\.0 (\d+)/.exec(message)?.[1] ?? 0);
    if (tokens[1] !== 'sip' || status < 200) return;
    if (/^CSeq: \d+ BYE/m.test(message)) seen.ended += 1;
    else if (status >= 300) seen.refused += 1;
    else {
      seen.answered += 1;
      app.command(`sip||${tokens[9]}`, 'ACK sip:x SIP/2.0\r\n\r\n');
      app.command(`sip||${tokens[9]}`, 'BYE sip:x SIP/2.0\r\n\r\n');
    }
  };
  return seen;
}

async function run(rigs: readonly Rig[], apps: readonly App[], ms: number): Promise<void> {
  for (let t = 0; t < ms; t += 50) {
    await rigs[0]!.clock.advance(50);
    for (const app of apps) app.take();
  }
}

function twoServers(lose: (n: number) => boolean): { rigs: Rig[]; apps: App[] } {
  const network = new FakeNetwork(new FakeClock());
  let seed = 42;
  network.lose = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return lose(seed % 100);
  };
  const rigs = [new Rig({ network, address: A }), new Rig({ network, address: B })];
  return { rigs, apps: [rigs[0]!.app(), rigs[1]!.app('invite', 'options')] };
}

describe('two servers with their applications over a network that loses', () => {
  it.each([0, 20, 40])('%i of 100 lost: every call is answered once and ended; nothing is left', async (percent) => {
    const { rigs, apps } = twoServers((n) => n < percent);
    const [a, b] = [caller(apps[0]!), callee(apps[1]!)];
    for (let i = 0; i < 20; i++) apps[0]!.command('sip||', `INVITE sip:bob@${B} SIP/2.0\r\n\r\n${SDP}`);
    await run(rigs, apps, 40_000);
    expect(a.answered + a.refused).toBe(20);
    expect(a.refused).toBe(0);
    expect(b).toMatchObject({ calls: 20, byes: 20 });
    // a BYE may overtake an ACK that was lost
    expect(b.acked === 20 || percent > 0).toBe(true);
    expect(a.ended).toBe(20);
    await run(rigs, apps, 70_000);
    expect(rigs.map((r) => r.leftovers)).toEqual([
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });

  it('all ACKs lost: the called side gives up after 64 T1 and both sides end', async () => {
    const { rigs, apps } = twoServers(() => false);
    const network = rigs[0]!.network;
    network.lose = (d) => d.text.startsWith('ACK');
    callee(apps[1]!);
    let answered = '';
    apps[0]!.onFrame = ({ tokens, message = '' }) => {
      if (message.startsWith('SIP/2.0 200') && message.includes(' INVITE')) {
        answered = tokens[9]!;
        apps[0]!.command(`sip||${answered}`, 'ACK sip:x SIP/2.0\r\n\r\n');
      } else if (message.startsWith('BYE')) apps[0]!.command(`sip|${tokens[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    };
    apps[0]!.command('sip||', `INVITE sip:bob@${B} SIP/2.0\r\n\r\n${SDP}`);
    await run(rigs, apps, 31_000);
    expect(rigs.map((r) => r.core.sessions.size)).toEqual([1, 1]);
    expect(answered).not.toBe('');
    await run(rigs, apps, 80_000);
    expect(rigs.flatMap((r) => r.leftovers)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('CANCEL and 200 cross on the way: whoever wins, both sides end', async () => {
    for (let delay = 0; delay < 8; delay++) {
      const { rigs, apps } = twoServers(() => false);
      apps[1]!.onFrame = ({ tokens, message = '' }) => {
        if (!message.startsWith('INVITE') && !message.startsWith('BYE')) return;
        if (message.startsWith('INVITE')) apps[1]!.command(`sip|${tokens[8]}|`, 'SIP/2.0 180 Ringing\r\n\r\n');
        const answer = (): void => void apps[1]!.command(`sip|${tokens[8]}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
        if (message.startsWith('BYE')) apps[1]!.command(`sip|${tokens[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
        else rigs[1]!.clock.after(40, answer);
      };
      let transaction = '';
      let dialog = '';
      apps[0]!.onFrame = ({ tokens, message = '' }) => {
        if (tokens[1] === 'response' && message.startsWith('INVITE')) transaction = tokens[10]!;
        if (tokens[4]?.startsWith('unable to cancel') === true) {
          apps[0]!.command(`sip||${dialog}`, 'BYE sip:x SIP/2.0\r\n\r\n');
        }
        if (tokens[1] === 'sip' && message.startsWith('SIP/2.0 200') && message.includes(' INVITE\r\n')) {
          dialog = tokens[9]!;
          apps[0]!.command(`sip||${dialog}`, 'ACK sip:x SIP/2.0\r\n\r\n');
        }
      };
      apps[0]!.command('sip||', `INVITE sip:bob@${B} SIP/2.0\r\n\r\n${SDP}`);
      apps[0]!.take();
      for (let t = 0; t < 100; t += 5) {
        if (t === 25 + delay * 5) apps[0]!.command(`sip|${transaction}|`, 'CANCEL sip:x SIP/2.0\r\n\r\n');
        await rigs[0]!.clock.advance(5);
        for (const app of apps) app.take();
      }
      await run(rigs, apps, 100_000);
      expect(
        rigs.flatMap((r) => r.leftovers),
        `CANCEL ${25 + delay * 5} ms after the INVITE`,
      ).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
  });
});
