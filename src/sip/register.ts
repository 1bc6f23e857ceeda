/** REGISTER (RFC 3261 section 10.3): proof, bindings, the 200 with what is bound; expiry by the clock. */
import type { ContactView } from '../call/views.ts';
import type { Gate } from './auth.ts';
import { Forgetter, type Forget } from './forget.ts';
import { reply, type SipContext } from './context.ts';
import type { ConnectedContact } from './qualify.ts';
import {
  bindingRoute,
  DEFAULT_LIMITS,
  formatBindings,
  listens,
  Registrar,
  type Binding,
  type ContactTransport,
} from './registrar.ts';
import type { Headers, SrfRequest, SrfResponse } from './srf.ts';
import { normaliseAddress, parseNameAddr, splitOutside } from './uri.ts';

export interface Route {
  readonly uri: string;
  readonly proxy: string | null;
  readonly forget: Forget | null;
  readonly key: string;
  readonly transport: ContactTransport;
}

export class RegisterService {
  readonly #context: SipContext;
  readonly #gate: Gate;
  readonly #registrar = new Registrar();
  readonly #forgetter: Forgetter;
  readonly #onContacts: (userId: string, contacts: readonly ContactView[]) => void;
  #cancelExpiry: (() => void) | null = null;

  constructor(context: SipContext, gate: Gate, onContacts: (userId: string, contacts: readonly ContactView[]) => void) {
    this.#context = context;
    this.#gate = gate;
    this.#forgetter = new Forgetter(context);
    this.#onContacts = onContacts;
  }

  contacts(userId: string): readonly ContactView[] {
    return this.#registrar.contacts(userId, this.#context.clock.now());
  }

  routes(userId: string): readonly Route[] {
    const bindings = this.#registrar.bindings(userId, this.#context.clock.now());
    return bindings.map((binding) => ({
      ...bindingRoute(binding),
      forget: this.#forget(binding),
      key: binding.key,
      transport: binding.source.transport,
    }));
  }

  connected(): readonly ConnectedContact[] {
    const connected = this.#registrar.connected(this.#context.clock.now());
    return connected.map(({ userId, binding }) => ({
      userId,
      key: binding.key,
      uri: binding.uri,
      forget: this.#forget(binding),
    }));
  }

  /** A contact that cannot be reached any more (its connection has gone). */
  unreachable(userId: string, key: string): void {
    if (!this.#registrar.remove(userId, key)) return;
    this.#context.log('info', `a contact of ${userId} is gone`);
    this.#onContacts(userId, this.contacts(userId));
    this.#arm();
  }

  close(): void {
    this.#cancelExpiry?.();
    this.#cancelExpiry = null;
  }

  handle(request: SrfRequest, response: SrfResponse): void {
    if (this.#forgetter.takes(request, response)) return;
    const { clock, log } = this.#context;
    const to = parseNameAddr(request.get('To') ?? '')?.uri?.user ?? '';
    const from = parseNameAddr(request.get('From') ?? '')?.uri?.user ?? '';
    const cseq = Number.parseInt(request.get('CSeq') ?? '', 10);
    const callId = request.get('Call-ID') ?? '';
    if (to === '' || from === '' || callId === '' || !Number.isSafeInteger(cseq)) {
      reply(log, response, 400);
      return;
    }
    const user = this.#gate.prove(request, response, 'registrar');
    if (user === null) return;
    // Nobody registers for somebody else (section 10.3 step 4).
    if (user.extension !== to || user.extension !== from) {
      this.#gate.failed(request, response);
      return;
    }
    this.#expire();
    const path = request.get('Path');
    const now = clock.now();
    const result = this.#registrar.register(
      user.id,
      {
        callId,
        cseq,
        contact: request.get('Contact') ?? null,
        expires: request.get('Expires') ?? null,
        source: {
          address: normaliseAddress(request.source_address),
          port: request.source_port,
          transport: transportOf(request),
        },
        userAgent: request.get('User-Agent')?.slice(0, 128) ?? null,
        path: path === undefined ? [] : splitOutside(path, ',').map((hop) => hop.trim()),
      },
      now,
    );
    if (result.kind === 'refused') {
      const headers: Headers = result.status === 423 ? { 'Min-Expires': String(DEFAULT_LIMITS.minExpires) } : {};
      reply(log, response, result.status, result.reason, { headers });
      return;
    }
    const headers: Headers = { Date: new Date(now).toUTCString() };
    if (result.bindings.length > 0) headers['Contact'] = formatBindings(result.bindings, now);
    if (path !== undefined) headers['Path'] = path;
    reply(log, response, 200, null, { headers });
    this.#arm();
    if (!result.changed) return;
    log('info', `${user.id} is registered at ${result.bindings.length} contact(s)`);
    this.#onContacts(user.id, this.contacts(user.id));
  }

  #forget(binding: Binding): Forget | null {
    return listens(binding) ? () => this.#forgetter.forget(binding.uri) : null;
  }

  #expire(): void {
    const { clock, log } = this.#context;
    for (const userId of this.#registrar.expire(clock.now())) {
      log('info', `a registration of ${userId} has expired`);
      this.#onContacts(userId, this.contacts(userId));
    }
  }

  #arm(): void {
    this.#cancelExpiry?.();
    const next = this.#registrar.nextExpiry();
    this.#cancelExpiry =
      next === null
        ? null
        : this.#context.clock.after(Math.max(0, next - this.#context.clock.now()), () => {
            this.#expire();
            this.#arm();
          });
  }
}

/** drachtio calls WebSockets tcp; the Via of the phone tells (RFC 7118 section 5.2). */
export function transportOf(request: SrfRequest): ContactTransport {
  const via = /^\s*SIP\s*\/\s*2\.0\s*\/\s*(\w+)/i.exec(request.get('Via') ?? '')?.[1]?.toLowerCase();
  const protocol = request.protocol.toLowerCase();
  if (protocol !== 'udp' && (via === 'ws' || via === 'wss')) return via;
  return protocol === 'tcp' || protocol === 'tls' ? protocol : 'udp';
}
