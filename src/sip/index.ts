/** The signalling edge over drachtio-srf: registrar, incoming calls, calls that we place (src/control/ports.ts). */
import type { ContactView } from '../call/views.ts';
import type { Config } from '../config/schema.ts';
import {
  LegFailure,
  type Clock,
  type Dialog,
  type DialRequest,
  type Signalling,
  type SignallingEvents,
} from '../control/ports.ts';
import { Gate } from './auth.ts';
import { ALLOW, detached, guarded, LossList, reply, type SipContext } from './context.ts';
import { placeCall, type CallTarget } from './dial.ts';
import { Directory } from './identify.ts';
import { handleInvite, type InviteOptions } from './invite.ts';
import { ControlLink } from './link.ts';
import { loadPhoneProfiles, PhoneProfileError, type PhoneProfile } from './phones.ts';
import { Qualifier } from './qualify.ts';
import { RegisterService } from './register.ts';
import type { Handler, Headers, Log, SrfApp, SrfOptions } from './srf.ts';
import { errorText } from './srf.ts';
import { outboundUri, Trunks } from './trunks.ts';
import { formatAddress } from './uri.ts';

export { createMediaCaller, type MediaCaller } from './caller.ts';
export type { Log, LogLevel, SrfOptions } from './srf.ts';
export { loadPhoneProfiles, phoneProfileNames, PhoneProfileError } from './phones.ts';

export interface SignallingOptions {
  readonly config: Config;
  readonly srfOptions: SrfOptions;
  readonly log: Log;
  readonly clock: Clock;
}

/** Throws where a profile cannot be read, a user names one that does not exist, or a trunk's network is none. */
export function createSignalling(options: SignallingOptions): Signalling {
  return new SipSignalling(options);
}

const NAMES_AGAIN = 60_000; // ms between look-ups of trunks' host names
const MAX_ORPHANS = 10_000;

class SipSignalling implements Signalling {
  readonly #config: Config;
  readonly #context: SipContext;
  readonly #directory: Directory;
  readonly #trunks: Trunks;
  readonly #register: RegisterService;
  readonly #qualifier: Qualifier;
  readonly #invite: InviteOptions;
  readonly #profiles: ReadonlyMap<string, PhoneProfile>;
  readonly #link: ControlLink;
  #events: SignallingEvents | null = null;
  #draining = false;
  #closed = false;
  #orphans: string[] = [];
  #cancelNames: (() => void) | null = null;
  readonly #dials = new Set<AbortController>();

  constructor({ config, srfOptions, log, clock }: SignallingOptions) {
    this.#config = config;
    this.#profiles = checkedProfiles(config);
    this.#directory = new Directory(config.users);
    this.#trunks = new Trunks(config.trunks);
    this.#context = {
      config,
      clock,
      log,
      loss: new LossList(),
      srf: () => this.#link.srf,
      ownTcpAddress: () => this.#link.tcpAddress,
      orphaned: (dialogId) => {
        if (this.#orphans.length < MAX_ORPHANS) this.#orphans.push(dialogId);
      },
    };
    const gate = new Gate(this.#context, this.#directory);
    this.#register = new RegisterService(this.#context, gate, (userId, contacts) => {
      guarded(log, 'onContacts', () => this.#events?.onContacts(userId, contacts));
    });
    this.#qualifier = new Qualifier(this.#context, this.#register);
    this.#invite = {
      context: this.#context,
      directory: this.#directory,
      trunks: this.#trunks,
      gate,
      draining: () => this.#draining || this.#closed,
      onCall: (call) => {
        if (this.#events === null) call.reject(503, 'Service Unavailable');
        else this.#events.onCall(call);
      },
    };
    this.#link = new ControlLink({
      server: srfOptions,
      clock,
      log,
      install: (srf) => this.#install(srf),
      onUp: (srf) => this.#releaseOrphans(srf),
      onDown: () => this.#context.loss.lose(),
    });
  }

  async start(events: SignallingEvents): Promise<void> {
    this.#events = events;
    await Promise.all([this.#refreshNames(), this.#link.start()]);
    if (!this.#closed) this.#qualifier.start();
  }

  get connected(): boolean {
    return this.#link.srf !== null;
  }

  contacts(userId: string): readonly ContactView[] {
    return this.#register.contacts(userId);
  }

  async dial(request: DialRequest): Promise<Dialog> {
    if (this.#closed) throw new LegFailure(503, 'Signalling is closed');
    const { targets, headers } = this.#destination(request);
    const own = new AbortController();
    this.#dials.add(own);
    try {
      return await placeCall(this.#context, {
        targets,
        headers: { ...headers, ...this.#identity(request) },
        signal: AbortSignal.any([request.signal, own.signal]),
        onProgress: request.onProgress,
      });
    } finally {
      this.#dials.delete(own);
    }
  }

  drain(): void {
    this.#draining = true;
  }

  /** Idempotent. Calls that are being placed are cancelled; dialogs are the controller's to hang up before. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#cancelNames?.();
      this.#register.close();
      this.#qualifier.close();
      for (const dial of this.#dials) dial.abort();
      this.#link.close();
      this.#context.loss.lose();
    }
    return Promise.resolve();
  }

  #install(srf: SrfApp): void {
    const { log } = this.#context;
    const on = (method: string, handler: Handler): void => {
      srf.use(method, (request, response) => {
        try {
          handler(request, response);
        } catch (error) {
          log('error', `${request.method}: ${errorText(error)}`);
          reply(log, response, 500);
        }
      });
    };
    on('register', (request, response) => this.#register.handle(request, response));
    on('invite', (request, response) => handleInvite(this.#invite, srf, request, response));
    on('options', (request, response) => {
      // Strangers learn that somebody is here, and nothing else.
      const known = this.#trunks.bySource(request.source_address) !== null;
      reply(log, response, 200, null, { headers: known ? { Allow: ALLOW, Accept: 'application/sdp' } : {} });
    });
    for (const method of ['subscribe', 'publish']) on(method, (_request, response) => reply(log, response, 489));
    for (const method of ['info', 'notify']) on(method, (_request, response) => reply(log, response, 481));
    for (const method of ['message', 'refer']) {
      on(method, (_request, response) => reply(log, response, 405, null, { headers: { Allow: ALLOW } }));
    }
  }

  /** Where a call goes, and what its phone is asked. Throws LegFailure where it leads nowhere. */
  #destination({ target, autoAnswer, offers }: DialRequest): { targets: readonly CallTarget[]; headers: Headers } {
    if (target.kind === 'user') {
      const user = this.#directory.byId(target.userId);
      if (user === null) throw new LegFailure(404, 'No such user');
      const targets = this.#register.routes(user.id).flatMap(({ uri, proxy, forget, key, transport }) => {
        const localSdp = transport === 'ws' || transport === 'wss' ? offers.webrtc : offers.rtp;
        const onUnreachable = () => this.#register.unreachable(user.id, key);
        return localSdp === undefined
          ? []
          : [{ uri, proxy, forget, localSdp, ...(transport === 'udp' ? {} : { onUnreachable }) }];
      });
      const profile = this.#profiles.get(user.phone.profile);
      return { targets, headers: autoAnswer === true ? { ...profile?.headers } : {} };
    }
    const trunk = this.#config.trunks.find((t) => t.id === target.trunkId);
    if (trunk?.outbound === undefined) throw new LegFailure(404, 'No way out for this number');
    const uri = outboundUri(trunk.outbound, target.number);
    if (uri === null) throw new LegFailure(500, `outbound of trunk ${trunk.id} is no SIP URI`);
    if (offers.rtp === undefined) throw new LegFailure(488, 'Trunks are offered plain RTP');
    const auth = trunk.auth === undefined ? {} : { auth: trunk.auth };
    return { targets: [{ uri, proxy: null, localSdp: offers.rtp, ...auth }], headers: {} };
  }

  #identity({ from, target }: DialRequest): Headers {
    const { domain } = this.#config.sip;
    const us = formatAddress(from.name, from.number, domain);
    const headers: Headers = { From: us, 'P-Asserted-Identity': us };
    // Phones look for themselves in To; of a call to a trunk it is the request URI, which the server puts there.
    const user = target.kind === 'user' ? this.#directory.byId(target.userId) : null;
    if (user !== null) headers['To'] = formatAddress('', user.extension, domain);
    return headers;
  }

  #releaseOrphans(srf: SrfApp): void {
    const { log } = this.#context;
    const orphans = this.#orphans;
    this.#orphans = [];
    for (const stackDialogId of orphans) {
      guarded(log, 'BYE', () => {
        srf.request('sip:placeholder', { method: 'BYE', stackDialogId }, (error) => {
          if (error !== null && error !== undefined) log('debug', `lost dialog: ${errorText(error)}`);
        });
      });
    }
  }

  async #refreshNames(): Promise<void> {
    if (!this.#trunks.hasNames) return;
    const { log, clock } = this.#context;
    await this.#trunks.refresh((name) => log('warn', `trunk host ${name} cannot be resolved`));
    if (this.#closed) return;
    this.#cancelNames = clock.after(NAMES_AGAIN, () => detached(log, 'trunk hosts', this.#refreshNames()));
  }
}

function checkedProfiles(config: Config): ReadonlyMap<string, PhoneProfile> {
  const profiles = loadPhoneProfiles();
  config.users.forEach(({ phone }, index) => {
    if (profiles.has(phone.profile)) return;
    const names = [...profiles.keys()].join(', ');
    throw new PhoneProfileError(`users[${index}].phone.profile: no profile ${phone.profile}; expected one of ${names}`);
  });
  return profiles;
}
