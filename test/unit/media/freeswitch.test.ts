/** What the engine freeswitch says to FreeSWITCH, without one. */
import fc from 'fast-check';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ownAddress, peer, unknownPeer } from '../../../media/freeswitch/description.ts';
import { probe } from '../../../media/freeswitch/probe.ts';
import {
  changes,
  deniedAnew,
  deniedPairs,
  denialsAfter,
  isConfirmed,
  relateCommand,
} from '../../../media/freeswitch/relations.ts';
import type { Denied, Member, Relate } from '../../../media/freeswitch/relations.ts';
import { dbov, target } from '../../../media/freeswitch/sounds.ts';
import { SdpSession } from '../../../media/sdp/session.ts';

const IDS = ['customer', 'agent', 'supervisor', 'consulted'] as const;

const state = fc
  .tuple(fc.subarray([...IDS]), ...IDS.map(() => fc.subarray([...IDS, 'music'])))
  .map(([present, ...rows]) => ({
    members: present.map((id): Member => ({ id, member: IDS.indexOf(id) + 1 })),
    matrix: new Map(IDS.map((id, index) => [id as string, new Set<string>(rows[index])])),
  }));

type Matrix = ReadonlyMap<string, ReadonlySet<string>>;

/** mod_conference's own rule: members hear each other unless a relation of the source says nospeak. */
class Conference {
  readonly #silenced = new Set<string>();

  do({ sources, listeners, action }: Relate): void {
    for (const pair of sources.flatMap((source) => listeners.map((listener) => `${source}>${listener}`))) {
      if (action === 'nospeak') this.#silenced.add(pair);
      else this.#silenced.delete(pair);
    }
  }

  hears(listener: number, source: number): boolean {
    return listener !== source && !this.#silenced.has(`${source}>${listener}`);
  }
}

describe('relations', () => {
  it('R-HEAR-1 R-HEAR-7: after any changes of matrix and members, exactly the allowed pairs hear', () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 8 }), (states) => {
        const conference = new Conference();
        let denied = deniedPairs([], new Map());
        let present: readonly Member[] = [];
        let number = 100;
        for (const { members: wanted, matrix } of states) {
          // Who comes back has a new number, as in mod_conference.
          const members: readonly Member[] = wanted.map(
            ({ id }) => present.find((each) => each.id === id) ?? { id, member: number++ },
          );
          present = members;
          const next = deniedPairs(members, matrix);
          for (const step of changes(denied, next)) conference.do(step);
          denied = next;
          for (const listener of members) {
            for (const source of members) {
              const allowed = listener.id !== source.id && matrix.get(listener.id)!.has(source.id);
              expect(conference.hears(listener.member, source.member)).toBe(allowed);
            }
          }
        }
      }),
    );
  });

  it('R-HEAR-7: no pair is open on the way that neither the old matrix nor the new one allows', () => {
    fc.assert(
      fc.property(state, state, ({ members, matrix }, { matrix: wanted }) => {
        const conference = new Conference();
        const before = deniedPairs(members, matrix);
        for (const step of changes(new Map(), before)) conference.do(step);
        for (const step of changes(before, deniedPairs(members, wanted))) {
          conference.do(step);
          for (const listener of members) {
            for (const source of members) {
              if (!conference.hears(listener.member, source.member)) continue;
              const either = [matrix, wanted].some((each) => each.get(listener.id)!.has(source.id));
              expect(either).toBe(true);
            }
          }
        }
      }),
    );
  });

  it('R-HEAR-7 R-HEAR-9: whatever FreeSWITCH refuses on the way, no pair is opened that neither matrix allows, and the next matrix is whole', () => {
    fc.assert(
      fc.property(state, state, state, fc.array(fc.boolean(), { minLength: 12 }), (first, second, third, outcomes) => {
        const members = first.members;
        const conference = new Conference();
        let known: Denied = new Map();
        const left = [...outcomes];
        /** As the bridge does it: what is taken away first, and nothing is given where that was not confirmed. */
        const doubtful: Relate[] = [];
        const apply = (matrix: Matrix, refusing: boolean): void => {
          for (const each of deniedAnew(doubtful.splice(0), members)) {
            conference.do(each);
            known = denialsAfter(known, each, true);
          }
          const steps = changes(known, deniedPairs(members, matrix));
          for (const action of ['nospeak', 'clear'] as const) {
            for (const each of steps.filter((step) => step.action === action)) {
              const [confirmed, done] = refusing ? [left.shift() ?? true, left.shift() ?? true] : [true, true];
              if (confirmed || done) conference.do(each); // unconfirmed, and carried out or not
              known = denialsAfter(known, each, confirmed);
              if (!confirmed) doubtful.push(each);
            }
            if (doubtful.length > 0) return;
          }
        };
        apply(first.matrix, false);
        apply(second.matrix, true);
        for (const listener of members) {
          for (const source of members) {
            if (!conference.hears(listener.member, source.member)) continue;
            const either = [first, second].some(({ matrix }) => matrix.get(listener.id)!.has(source.id));
            expect(either).toBe(true);
          }
        }
        apply(third.matrix, false);
        for (const listener of members) {
          for (const source of members) {
            if (listener === source) continue;
            const allowed = third.matrix.get(listener.id)!.has(source.id);
            expect(conference.hears(listener.member, source.member)).toBe(allowed);
          }
        }
      }),
    );
  });

  it('R-HEAR-9: a newcomer is related to everyone, and each pair must be confirmed', () => {
    const members = [1, 2, 3].map((member) => ({ id: String(member), member }));
    const steps = changes(deniedPairs(members.slice(0, 2), new Map()), deniedPairs(members, new Map()));
    expect(steps.map(relateCommand)).toEqual(['relate 1,2 3 nospeak', 'relate 3 1,2 nospeak']);
    const reply = '+OK 3->1 nospeak set\n+OK 3->2 nospeak set\n';
    expect(isConfirmed(steps[1]!, reply)).toBe(true);
    expect(isConfirmed(steps[1]!, '+OK 3->1 nospeak set\n-ERR relationship 3->2 not found.\n')).toBe(false);
    expect(isConfirmed(steps[1]!, '')).toBe(false);
  });
});

describe('descriptions', () => {
  const offer = (extra: string): string =>
    `v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\n${extra}`;
  const session = (): SdpSession =>
    new SdpSession({ address: '10.0.0.1', port: 20_000, codecs: ['PCMU', 'PCMA'], sessionId: '1' });

  it('tell FreeSWITCH the one codec, the address and the payload types that were agreed', () => {
    const told = peer(session().answer(offer('')).agreed);
    expect(told).toMatch(/^c=IN IP4 10\.0\.0\.9\r$/m);
    expect(told).toMatch(/^m=audio 4000 RTP\/AVP 8 96\r$/m);
    expect(told).toMatch(/^a=sendrecv\r$/m);
  });

  it.each(['a=sendonly', 'a=inactive', 'c=IN IP4 0.0.0.0'])(
    'let nothing be sent to a peer that holds by %s',
    (line) => {
      const sdp = session();
      sdp.answer(offer(''));
      const held = line.startsWith('c=') ? offer('').replace('c=IN IP4 10.0.0.9', line) : offer(`${line}\r\n`);
      const told = peer(sdp.answer(held).agreed);
      expect(told).toMatch(/^c=IN IP4 10\.0\.0\.9\r$/m); // what it sends is still taken from there (R-HEAR-6)
      expect(told).toMatch(/^m=audio 4000 RTP\/AVP 8 /m);
      expect(told).toMatch(/^a=sendonly\r$/m);
      expect(peer(sdp.answer(offer('')).agreed)).toMatch(/^a=sendrecv\r$/m);
    },
  );

  it('let nothing be sent before the peer is known', () => {
    expect(unknownPeer('PCMA')).toMatch(/^m=audio 9 RTP\/AVP 8 101\r$/m);
  });

  it('of FreeSWITCH: where it takes RTP', () => {
    expect(ownAddress(offer(''))).toEqual({ address: '10.0.0.9', port: 4000 });
    expect(ownAddress(offer('').replace('m=audio 4000', 'm=audio 0'))).toBeNull();
    expect(ownAddress('')).toBeNull();
  });
});

describe('sounds', () => {
  it('each playback has a name of its own', () => {
    expect(target({ kind: 'file', path: '/a b/c.wav' }, 7)).toBe('{earshot=7}/a b/c.wav');
    expect(target({ kind: 'tone', hz: [350, 440], onMs: 300, offMs: 200, loop: true }, 8)).toBe(
      '{earshot=8}tone_stream://%(300,200,350,440);loops=-1',
    );
  });

  it('what could be read as another command is refused', () => {
    for (const path of ["/x' y", '/x\n\napi shutdown', 'relative.wav', '/{a}']) {
      expect(() => target({ kind: 'file', path }, 1), path).toThrow(RangeError);
    }
    expect(() => target({ kind: 'tone', hz: [9000], onMs: 100 }, 1)).toThrow(RangeError);
    expect(() => target({ kind: 'tone', hz: [900], onMs: -1 }, 1)).toThrow(RangeError);
  });

  it('a score is a loudness: full scale, the tone of a test phone, silence', () => {
    expect(dbov((2 / Math.PI) * 32_767)).toBeCloseTo(-3.01, 1);
    expect(dbov((2 / Math.PI) * 6000)).toBeCloseTo(-17.76, 1);
    expect(dbov(0)).toBe(-127);
    expect(dbov(Number.NaN)).toBe(-127);
  });
});

describe('the probe says what is wrong', () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.close();
    server = null;
  });

  /** Answers each command with the next of these; the first comes unasked. */
  async function answering(...answers: readonly string[]): Promise<number> {
    const left = [...answers];
    server = createServer((socket) => {
      socket.write(left.shift() ?? '');
      socket.on('data', () => socket.write(left.shift() ?? ''));
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  const AUTH = 'Content-Type: auth/request\n\n';
  const OK = 'Content-Type: command/reply\nReply-Text: +OK accepted\n\n';
  const api = (body: string): string => `Content-Type: api/response\nContent-Length: ${String(body.length)}\n\n${body}`;

  it.each([
    ['a wrong password', [AUTH, 'Content-Type: command/reply\nReply-Text: -ERR invalid\n\n'], /refuses the password/],
    ['an access list', ['Content-Type: text/rude-rejection\nContent-Length: 0\n\n'], /access list/],
    ['another server', ['SSH-2.0-OpenSSH_9\r\n\n\n'], /is it an event socket/],
    ['no profile', [AUTH, OK, api('0 profiles')], /profile drachtio_mrf is not running/],
    [
      'a missing module',
      [AUTH, OK, api('  drachtio_mrf\tprofile\tsip:mod_sofia@127.0.0.1:5080\tRUNNING (0)\n'), api('false')],
      /has not loaded mod_conference/,
    ],
  ])('%s', async (_name, answers, message) => {
    const port = await answering(...answers);
    await expect(probe({ host: '127.0.0.1', port, secret: 'x' })).rejects.toThrow(message);
  });

  it('nobody there', async () => {
    const port = await answering();
    await new Promise((resolve) => server?.close(resolve));
    await expect(probe({ host: '127.0.0.1', port, secret: 'x' })).rejects.toThrow(/ECONNREFUSED/);
  });
});
