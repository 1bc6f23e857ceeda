/**
 * The softphone in the browser: registers as the user's extension over WebSocket (RFC 7118, JsSIP), is called, talks.
 *
 *   off -> starting -> ready <-> lost
 *             |          |
 *             +--> failed, unavailable, elsewhere (another tab)       any -> off
 *
 * Everything that was obtained after an await is let go again where the phone has been turned off meanwhile.
 */
import type { UA, WebSocketInterface } from 'jssip';
import type { RTCSession } from 'jssip/lib/RTCSession.js';
import type { SoftphoneAccount, SoftphoneView } from '../data/api.ts';
import { claim, type Claim } from './lock.ts';
import { microphoneFault, type MicrophoneFault } from './microphone.ts';
import { Ringer } from './ring.ts';
import { PhoneCall } from './call.ts';

export type PhoneState = 'off' | 'starting' | 'ready' | 'lost' | 'failed' | 'unavailable' | 'elsewhere';
export type PhoneWhy = 'media' | 'listener' | 'digest' | 'refused' | 'elsewhere' | MicrophoneFault;

export interface SoftphoneOptions {
  readonly userId: string;
  readonly account: () => Promise<SoftphoneView>;
  readonly onChange: () => void;
  /** Whether a call that asks to be answered by itself may be: the person has just asked for it in this tab. */
  readonly mayAnswer: () => boolean;
}

interface JsSip {
  readonly UA: typeof UA;
  readonly WebSocketInterface: typeof WebSocketInterface;
}

/** Registrations are short, so that a browser that crashed does not ring for long, s. */
const REGISTER_SECONDS = 120;
const START_MS = 15_000;

export class Softphone {
  readonly #options: SoftphoneOptions;
  readonly #ringer = new Ringer();
  #state: PhoneState = 'off';
  #why: PhoneWhy | null = null;
  #detail: string | null = null;
  #claim: Claim | null = null;
  #ua: UA | null = null;
  #account: SoftphoneAccount | null = null;
  #call: PhoneCall | null = null;
  /** Rises with each turning on and off: what began under another number is stale. */
  #turn = 0;
  #waiting: (() => void)[] = [];

  constructor(options: SoftphoneOptions) {
    this.#options = options;
  }

  get state(): PhoneState {
    return this.#state;
  }

  get why(): PhoneWhy | null {
    return this.#why;
  }

  /** What the server says about it, for the technical details. */
  get detail(): string | null {
    return this.#detail;
  }

  get call(): PhoneCall | null {
    return this.#call;
  }

  get isOn(): boolean {
    return this.#state === 'starting' || this.#state === 'ready' || this.#state === 'lost';
  }

  /** Turns it on; `take`: also where another tab has it. Resolves when it is ready, or has come to nothing. */
  async start(take = false): Promise<boolean> {
    if (this.#state === 'ready') return true;
    if (this.#state !== 'starting') {
      const turn = ++this.#turn;
      this.#go('starting');
      try {
        await this.#begin(turn, take);
      } catch (error) {
        if (this.#turn === turn) this.#fail('failed', null, error instanceof Error ? error.message : String(error));
      }
    }
    await this.#settled();
    return (this.#state as PhoneState) === 'ready';
  }

  async #begin(turn: number, take: boolean): Promise<void> {
    const stale = (): boolean => this.#turn !== turn;
    const view = await this.#options.account();
    if (stale()) return;
    if (view.account === null) {
      this.#fail('unavailable', view.off, view.detail);
      return;
    }
    const fault = await microphoneFault();
    if (stale()) return;
    if (fault !== null) {
      this.#fail('failed', fault, null);
      return;
    }
    const held = await claim(`earshot-softphone-${this.#options.userId}`, take);
    if (stale()) {
      held?.release();
      return;
    }
    if (held === null) {
      this.#fail('elsewhere', 'elsewhere', null);
      return;
    }
    this.#claim = held;
    void held.taken.then(() => {
      if (this.#claim !== held) return;
      this.stop();
      this.#fail('elsewhere', 'elsewhere', null);
    });
    const { default: jssip } = (await import('jssip')) as unknown as { default: JsSip };
    if (stale()) return;
    this.#register(jssip, view.account, turn);
  }

  #register(jssip: JsSip, account: SoftphoneAccount, turn: number): void {
    const ua = new jssip.UA({
      sockets: [new jssip.WebSocketInterface(account.wsUrl)],
      uri: account.uri,
      authorization_user: account.authorizationUser,
      realm: account.realm,
      ha1: account.ha1,
      display_name: account.displayName,
      register_expires: REGISTER_SECONDS,
      instance_id: instanceId(this.#options.userId),
      session_timers: false,
      user_agent: 'Earshot console',
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 10,
    });
    this.#ua = ua;
    this.#account = account;
    const current = (): boolean => this.#turn === turn;
    ua.on('registered', () => {
      if (current() && this.#state !== 'ready') this.#go('ready');
    });
    ua.on('disconnected', () => {
      if (current() && (this.#state === 'ready' || this.#state === 'starting')) this.#go('lost');
    });
    ua.on('registrationFailed', ({ cause }: { cause?: string }) => {
      // Without a connection it tries again by itself.
      if (!current() || cause === 'Connection Error' || cause === 'Request Timeout') return;
      this.#letGo();
      this.#fail('failed', 'refused', cause ?? null);
    });
    ua.on('newRTCSession', (event: { originator: string; session: unknown; request: unknown }) => {
      if (current() && event.originator === 'remote')
        this.#onIncoming(event.session as RTCSession, event.request as Incoming);
    });
    ua.start();
  }

  /** Turns it off: hangs up, unregisters, leaves it to other tabs. Idempotent. */
  stop(): void {
    this.#turn += 1;
    this.#letGo();
    this.#why = null;
    this.#detail = null;
    if (this.#state !== 'off') this.#go('off');
  }

  #letGo(): void {
    this.#ringer.stop();
    this.#call?.hangUp();
    this.#call = null;
    this.#ua?.stop();
    this.#ua = null;
    this.#claim?.release();
    this.#claim = null;
  }

  #onIncoming(session: RTCSession, request: Incoming): void {
    if (this.#call !== null) {
      session.terminate({ status_code: 486, reason_phrase: 'Busy Here' });
      return;
    }
    const call = new PhoneCall(session, this.#account?.iceServers ?? [], () => {
      if (call.state === 'ended' && this.#call === call) this.#call = null;
      if (this.#call?.state !== 'ringing') this.#ringer.stop();
      this.#options.onChange();
    });
    this.#call = call;
    if (asksToAnswer(request) && this.#options.mayAnswer()) call.answer();
    else this.#ringer.start();
    this.#options.onChange();
  }

  #fail(state: 'failed' | 'unavailable' | 'elsewhere', why: PhoneWhy | null, detail: string | null): void {
    this.#turn += 1;
    this.#letGo();
    this.#why = why;
    this.#detail = detail;
    this.#go(state);
  }

  #go(state: PhoneState): void {
    this.#state = state;
    if (state === 'starting' || state === 'ready') {
      this.#why = null;
      this.#detail = null;
    }
    if (state !== 'starting') for (const done of this.#waiting.splice(0)) done();
    this.#options.onChange();
  }

  #settled(): Promise<void> {
    if (this.#state !== 'starting') return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(resolve, START_MS);
      this.#waiting.push(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }
}

/** RFC 5626: by this a page that was opened again takes the place of the one before, instead of ringing beside it. */
function instanceId(userId: string): string {
  const key = `earshot.instance.${userId}`;
  try {
    const known = localStorage.getItem(key);
    if (known !== null && /^[0-9a-f-]{36}$/.test(known)) return known;
    const made = crypto.randomUUID();
    localStorage.setItem(key, made);
    return made;
  } catch {
    return crypto.randomUUID(); // A browser that keeps nothing.
  }
}

interface Incoming {
  getHeader(name: string): string | undefined;
}

/** The headers by which a phone is asked to answer by itself (RFC 5373, and what makers do). */
export function asksToAnswer(request: Incoming): boolean {
  const header = (name: string): string => (request.getHeader(name) ?? '').toLowerCase();
  return (
    /answer-after\s*=\s*0/.test(header('Call-Info')) ||
    /auto ?-?answer|intercom|answer-after\s*=\s*0/.test(header('Alert-Info')) ||
    header('Answer-Mode').startsWith('auto') ||
    header('P-Auto-Answer') !== ''
  );
}
