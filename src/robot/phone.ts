/**
 * A robot phone: registers, calls, is called. One call at a time; busy to all others. Its SIP side is the embedded SIP server
 * on a free loopback port with drachtio-srf on it, as any application would have it.
 */
import { randomUUID } from 'node:crypto';
import { startSipServer } from '../sip-server/index.ts';
import type { SipServer } from '../sip-server/server.ts';
import { createSrf, errorText, type SrfApp, type SrfDialog, type SrfRequest, type SrfResponse } from '../sip/srf.ts';
import { asksToAnswer } from './auto-answer.ts';
import { RobotCall } from './call.ts';
import { PilotEar } from './pilot.ts';
import type { Codec } from './sdp.ts';
import { Voice } from './voice.ts';

export interface RobotPhoneOptions {
  readonly name: string;
  /** Where it registers and sends its calls. */
  readonly server: { readonly host: string; readonly port: number };
  readonly domain: string;
  /** Extension, or the number of a caller behind a trunk. */
  readonly number: string;
  /** Without one it neither registers nor answers a challenge. */
  readonly password?: string;
  /** `asked`: by itself where an auto-answer header is there. Default. */
  readonly answers?: 'asked' | 'always' | 'by hand';
  readonly speech?: Int16Array;
  readonly pilotHz: number;
  /** Pilots of all robots, by name: those it can tell. */
  readonly pilots: ReadonlyMap<string, number>;
  readonly codecs?: readonly Codec[];
  /** Address of its own sockets; default 127.0.0.1. */
  readonly address?: string;
}

const REGISTER_SECONDS = 60;

interface Ringing {
  readonly call: RobotCall;
  readonly request: SrfRequest;
  readonly response: SrfResponse;
}

export class RobotPhone {
  readonly name: string;
  readonly #options: RobotPhoneOptions;
  readonly #sip: SipServer;
  readonly #srf: SrfApp;
  readonly #voice: Voice;
  readonly #ear: PilotEar;
  #call: RobotCall | null = null;
  #ringing: Ringing | null = null;
  #refresh: NodeJS.Timeout | null = null;
  #registered: { callId: string; cseq: number } | null = null;
  #closed = false;

  private constructor(options: RobotPhoneOptions, sip: SipServer, srf: SrfApp) {
    this.name = options.name;
    this.#options = options;
    this.#sip = sip;
    this.#srf = srf;
    this.#voice = new Voice(options.speech ?? new Int16Array(0), options.pilotHz);
    this.#ear = new PilotEar(options.pilots);
    srf.use('invite', (request, response) => this.#onInvite(request, response));
    srf.use('options', (_request, response) => response.send(200));
  }

  /** Resolves when its SIP side is up. */
  static async start(options: RobotPhoneOptions): Promise<RobotPhone> {
    const address = options.address ?? '127.0.0.1';
    const secret = randomUUID();
    const sip = await startSipServer({
      listen: [`udp://${address}:0`],
      control: { host: '127.0.0.1', port: 0 },
      secret,
    });
    const srf = createSrf();
    const phone = new RobotPhone(options, sip, srf);
    await new Promise<void>((resolve, reject) => {
      srf.on('connect', (error) => {
        if (error === null) resolve();
        else reject(error);
      });
      srf.on('error', reject);
      srf.connect({ ...sip.control, secret, enablePing: false, reconnect: { maxAttempts: 1 } });
    });
    return phone;
  }

  /** The call that it has; null where it has none. */
  get call(): RobotCall | null {
    return this.#call?.state === 'ended' ? null : this.#call;
  }

  /** Who is in what it received in the last 100 ms. */
  heard(): readonly string[] {
    return this.call === null ? [] : this.#ear.heard(performance.now());
  }

  /** Registers, and keeps registered. Rejects with the status where that is refused. */
  async register(): Promise<void> {
    this.#registered ??= { callId: randomUUID(), cseq: 0 };
    await this.#sendRegister(REGISTER_SECONDS);
    if (this.#closed) return;
    if (this.#refresh !== null) clearTimeout(this.#refresh);
    this.#refresh = setTimeout(() => {
      // A server that is gone for a moment: tried again at the next turn.
      this.register().catch(() => {
        this.#refresh = setTimeout(() => void this.register().catch(() => undefined), 5000);
      });
    }, REGISTER_SECONDS * 500);
    this.#refresh.unref();
  }

  async unregister(): Promise<void> {
    if (this.#refresh !== null) clearTimeout(this.#refresh);
    this.#refresh = null;
    if (this.#registered === null) return;
    await this.#sendRegister(0);
    this.#registered = null;
  }

  /** Calls a number; resolves when it is answered, rejects with the status where it is not. */
  async dial(number: string): Promise<RobotCall> {
    if (this.call !== null) throw new Error(`${this.name} is busy`);
    const call = await this.#openCall();
    const { domain, server, password, number: own } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        call.finish(errorText(error));
        reject(new Error(`${this.name} called ${number}: ${errorText(error)}`));
      };
      try {
        this.#srf.createUAC(
          `sip:${number}@${domain}`,
          {
            headers: { From: `"${this.name}" <sip:${own}@${domain}>` },
            localSdp: call.offer(),
            proxy: `sip:${server.host}:${server.port}`,
            ...(password === undefined ? {} : { auth: { username: own, password } }),
          },
          { cbRequest: () => undefined, cbProvisional: () => undefined },
          (error, dialog) => {
            if (dialog === undefined) {
              fail(error);
              return;
            }
            call.connected(dialog, dialog.remote.sdp);
            resolve(call);
          },
        );
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Picks up the call that rings. Rejects where none does. */
  async answer(): Promise<RobotCall> {
    const ringing = this.#ringing;
    if (ringing === null) throw new Error(`nothing rings at ${this.name}`);
    this.#ringing = null;
    return this.#pickUp(ringing);
  }

  /** Refuses the call that rings, with 486 Busy Here. */
  decline(): void {
    const ringing = this.#ringing;
    this.#ringing = null;
    ringing?.call.finish('declined');
    ringing?.response.send(486);
  }

  /** Hangs up, unregisters, and lets go of its sockets. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.decline();
    this.#call?.hangup();
    await this.unregister().catch(() => undefined);
    this.#srf.disconnect();
    await this.#sip.close();
  }

  async #openCall(): Promise<RobotCall> {
    const { address = '127.0.0.1', codecs = ['PCMU', 'PCMA'] } = this.#options;
    const call = await RobotCall.open({ srf: this.#srf, address, codecs, voice: this.#voice, ear: this.#ear });
    this.#call = call;
    return call;
  }

  #onInvite(request: SrfRequest, response: SrfResponse): void {
    if (this.call !== null || this.#ringing !== null || this.#closed) {
      response.send(486);
      return;
    }
    this.#take(request, response).catch(() => {
      this.#ringing = null;
      if (!response.finalResponseSent) response.send(500);
    });
  }

  async #take(request: SrfRequest, response: SrfResponse): Promise<void> {
    const call = await this.#openCall();
    const ringing: Ringing = { call, request, response };
    request.on('cancel', () => {
      if (this.#ringing === ringing) this.#ringing = null;
      call.finish('cancelled');
    });
    const { answers = 'asked' } = this.#options;
    if (answers === 'always' || (answers === 'asked' && asksToAnswer((name) => request.get(name)))) {
      await this.#pickUp(ringing);
      return;
    }
    this.#ringing = ringing;
    response.send(180);
  }

  #pickUp({ call, request, response }: Ringing): Promise<RobotCall> {
    return new Promise((resolve, reject) => {
      const offer = request.body ?? '';
      const sdp = offer === '' ? call.offer() : call.answerTo(offer);
      if (sdp === null) {
        call.finish('no codec in common');
        response.send(488);
        reject(new Error('no codec in common'));
        return;
      }
      const headers = { 'Content-Type': 'application/sdp' };
      this.#srf.createUAS(request, response, { localSdp: sdp, headers }, (error, dialog?: SrfDialog) => {
        if (dialog === undefined) {
          call.finish(errorText(error));
          reject(new Error(errorText(error)));
          return;
        }
        if (offer === '') dialog.on('ack', (ack) => call.answerTo(ack.body ?? ''));
        call.connected(dialog, null);
        resolve(call);
      });
    });
  }

  #sendRegister(expires: number): Promise<void> {
    const { number, domain, server, password } = this.#options;
    const own = new URL(this.#sip.listen[0]?.replace(/^udp/, 'http') ?? '');
    const registered = this.#registered ?? { callId: randomUUID(), cseq: 0 };
    registered.cseq += 2; // the challenged request is followed by one with the next number
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.name}: no answer to REGISTER`)), 33_000);
      const done = (error: Error | null): void => {
        clearTimeout(late);
        if (error === null) resolve();
        else reject(error);
      };
      const options = {
        method: 'REGISTER',
        headers: {
          From: `<sip:${number}@${domain}>`,
          To: `<sip:${number}@${domain}>`,
          Contact: `<sip:${number}@${own.host}>`,
          Expires: String(expires),
          'Call-ID': registered.callId,
          CSeq: `${registered.cseq} REGISTER`,
          'User-Agent': 'Earshot robot phone',
        },
        proxy: `sip:${server.host}:${server.port}`,
        ...(password === undefined ? {} : { auth: { username: number, password } }),
      };
      this.#srf.request(`sip:${domain}`, options, (error, request) => {
        if (request === undefined) {
          done(new Error(errorText(error)));
          return;
        }
        request.on('response', ({ status, reason }) => {
          if (status === 200) done(null);
          else if (status > 200) done(new Error(`${this.name} is refused: ${status} ${reason}`));
        });
      });
    });
  }
}
