/** Whatever peers and applications do, in whatever order: no fault, and in the end nothing is left. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PEER, Rig, SDP, toTagOf } from './rig.ts';
import type { App, TestPeer } from './rig.ts';

const METHODS = [
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'PRACK',
  'UPDATE',
  'INFO',
  'REFER',
  'NOTIFY',
  'SUBSCRIBE',
  'OPTIONS',
] as const;
const STATUSES = [100, 180, 183, 200, 202, 302, 407, 481, 486, 487, 503, 603] as const;
const HEADERS = [
  [],
  ['Supported: 100rel, timer', 'Session-Expires: 90'],
  ['Require: 100rel'],
  ['Event: x', 'Expires: 60', 'Subscription-State: terminated'],
  ['Record-Route: <sip:10.0.0.1:5060;lr>'],
  ['Route: <sip:10.0.0.1:5060;lr>', 'RAck: 1 1 INVITE'],
  ['Expires: 5'],
] as const;

interface Step {
  readonly what:
    | 'peer asks'
    | 'peer answers'
    | 'app answers'
    | 'app asks'
    | 'app in dialog'
    | 'app cancels'
    | 'app proxies'
    | 'time'
    | 'app dies';
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const WEIGHTS: Readonly<Record<Step['what'], number>> = {
  'peer asks': 8,
  'peer answers': 6,
  'app answers': 8,
  'app asks': 3,
  'app in dialog': 6,
  'app cancels': 2,
  'app proxies': 1,
  time: 4,
  'app dies': 0.5,
};

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    ...Object.entries(WEIGHTS).map(([what, weight]) => ({
      arbitrary: fc.constant(what as Step['what']),
      weight: weight * 2,
    })),
  ),
  a: fc.nat(1000),
  b: fc.nat(1000),
  c: fc.nat(1000),
});

function pick<T>(list: readonly T[], n: number): T | undefined {
  return list[n % Math.max(list.length, 1)];
}

/** Mostly one of the latest, for those are the ones that live. */
function recent<T>(list: readonly T[], n: number): T | undefined {
  return n % 8 === 0 ? pick(list, n) : list[list.length - 1 - (n % Math.min(list.length, 3))];
}

/** Ids and messages that came by, for later steps to use or misuse. */
class World {
  readonly rig = new Rig();
  readonly peer: TestPeer;
  app: App;
  readonly asked: string[] = [];
  readonly transactions: string[] = ['', 'unknown'];
  readonly dialogs: string[] = ['unknown'];
  readonly tags: (string | undefined)[] = [undefined, 'stray'];
  #cseq = 1;

  constructor() {
    this.peer = this.rig.peer();
    this.app = this.rig.app(...METHODS.map((m) => m.toLowerCase()));
  }

  learn(): void {
    for (const { tokens, message = '' } of this.app.take()) {
      const at = tokens[1] === 'sip' ? 8 : 10;
      if (tokens[at]) this.transactions.push(tokens[at]);
      for (const token of tokens) if (token.includes(';from-tag=')) this.dialogs.push(token);
      if (message.startsWith('INVITE')) this.tags.push(toTagOf(message) || undefined);
    }
    for (const text of this.peer.received.splice(0)) {
      if (text.startsWith('SIP/2.0')) this.tags.push(toTagOf(text));
      else if (!text.startsWith('ACK')) this.asked.push(text);
    }
  }

  async run({ what, a, b, c }: Step): Promise<void> {
    const { rig, peer, app } = this;
    const lines = pick(HEADERS, c)!;
    switch (what) {
      case 'peer asks': {
        const toTag = b % 3 === 0 ? undefined : recent(this.tags, b);
        const method = b % 2 ? 'INVITE' : pick(METHODS, a)!;
        // an ACK and a CANCEL belong to the INVITE before them
        const follows = method === 'ACK' || method === 'CANCEL';
        if (!follows) this.#cseq += 1;
        const callId = `c${c % 2}`;
        const branch = `z9hG4bK${method === 'ACK' && b % 2 ? 'ack' : ''}${this.#cseq}`;
        const options = { callId, cseq: this.#cseq, lines, branch };
        peer.send(peer.request(method, toTag === undefined ? options : { ...options, toTag }));
        break;
      }
      case 'peer answers': {
        const request = recent(this.asked, a);
        if (request)
          peer.reply(request, pick(STATUSES, b)!, {
            tag: `t${c % 2}`,
            lines: c % 4 ? [] : ['Require: 100rel', 'RSeq: 1'],
          });
        break;
      }
      case 'app answers': {
        const body = c % 2 ? SDP : '';
        const require = c % 5 ? '' : 'Require: 100rel\r\n';
        this.#try(() =>
          app.command(
            `sip|${recent(this.transactions, a)}|`,
            `SIP/2.0 ${pick(STATUSES, b)} X\r\n${require}\r\n${body}`,
          ),
        );
        break;
      }
      case 'app asks':
        this.#try(() =>
          app.command(
            'sip||',
            `${pick(METHODS, a)} sip:bob@${PEER} SIP/2.0\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`,
          ),
        );
        break;
      case 'app in dialog':
        this.#try(() =>
          app.command(
            `sip||${recent(this.dialogs, a)}`,
            `${pick(METHODS, b)} sip:x SIP/2.0\r\n\r\n${c % 2 ? SDP : ''}`,
          ),
        );
        break;
      case 'app cancels':
        this.#try(() => app.command(`sip|${recent(this.transactions, a)}|`, 'CANCEL sip:x SIP/2.0\r\n\r\n'));
        break;
      case 'app proxies':
        this.#try(() =>
          app.command(
            `proxy|${recent(this.transactions, a)}|remainInDialog|fullResponse||${c % 2 ? 'serial' : 'simultaneous'}||2s|sip:${PEER}|sip:10.0.0.9`,
          ),
        );
        break;
      case 'time':
        await rig.clock.advance(b % 10 === 0 ? a * 100 : a);
        break;
      case 'app dies':
        app.gone();
        this.app = rig.app(...METHODS.map((m) => m.toLowerCase()));
        break;
    }
    await rig.clock.advance(20);
    this.learn();
  }

  /** A command against the protocol is refused by throwing; then the connection would be closed. */
  #try(command: () => void): void {
    try {
      command();
    } catch (error) {
      expect((error as Error).name).toBe('ProtocolFault');
    }
  }
}

describe('chaos', () => {
  it('ends in order: no dialog, no transaction, no timer is left once all applications are gone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), async (steps) => {
        const world = new World();
        for (const each of steps) await world.run(each);
        world.app.gone();
        // a peer that answers everything, then a long time
        world.peer.onMessage = (text) => {
          if (!text.startsWith('SIP/2.0') && !text.startsWith('ACK')) world.peer.reply(text, 200);
        };
        await world.rig.clock.advance(4_000_000);
        expect(world.rig.leftovers).toEqual([0, 0, 0, 0, 0]);
        expect(world.rig.faults).toEqual([]);
      }),
      { numRuns: 300 },
    );
  }, 120_000);
});
