/** Challenges and proofs over SIP: 401 for a registrar, 407 for calls (RFC 3261 section 22), with the throttle before. */
import type { UserConfig } from '../config/schema.ts';
import { reply, type SipContext } from './context.ts';
import { DigestAuthenticator } from './digest.ts';
import type { Directory } from './identify.ts';
import type { SrfRequest, SrfResponse } from './srf.ts';
import { FailureThrottle } from './throttle.ts';
import { parseNameAddr } from './uri.ts';

/** Per source and claimed identity: behind one proxy or NAT the phone that fails does not shut the others out. */
const PER_IDENTITY = { limit: 30, window: 60_000 };
/** Per source, whoever is claimed. */
const PER_SOURCE = { limit: 300, window: 60_000 };

export class Gate {
  readonly #context: SipContext;
  readonly #directory: Directory;
  readonly #digest: DigestAuthenticator;
  readonly #identities = new FailureThrottle(PER_IDENTITY);
  readonly #sources = new FailureThrottle(PER_SOURCE);

  constructor(context: SipContext, directory: Directory) {
    this.#context = context;
    this.#directory = directory;
    const { domain, digest } = context.config.sip;
    this.#digest = new DigestAuthenticator({
      realm: domain,
      algorithms: digest,
      password: (username) => directory.byExtension(username)?.password ?? null,
    });
  }

  /**
   * The user that the request has proved to be. Otherwise null, and the answer has been sent: a challenge, 403 for a wrong
   * proof, or 503 for a source that failed too often.
   */
  prove(request: SrfRequest, response: SrfResponse, kind: 'registrar' | 'proxy'): UserConfig | null {
    const { clock, log } = this.#context;
    const now = clock.now();
    const source = request.source_address;
    const wait = Math.max(this.#sources.blockedFor(source, now), this.#identities.blockedFor(identityOf(request), now));
    if (wait > 0) {
      reply(log, response, 503, null, { headers: { 'Retry-After': String(wait) } });
      return null;
    }
    const header = request.get(kind === 'registrar' ? 'Authorization' : 'Proxy-Authorization');
    const verdict = this.#digest.verify({ method: request.method, uri: request.uri, header }, now);
    if (verdict.kind === 'challenge') {
      this.#challenge(response, kind, verdict.stale, now);
      return null;
    }
    if (verdict.kind === 'refused') {
      this.failed(request, response);
      return null;
    }
    return this.#directory.byExtension(verdict.username);
  }

  /** A proof that is wrong, or right but of somebody else. */
  failed(request: SrfRequest, response: SrfResponse): void {
    const { clock, log } = this.#context;
    const now = clock.now();
    this.#sources.failed(request.source_address, now);
    this.#identities.failed(identityOf(request), now);
    log('warn', `authentication of a ${request.method} from ${request.source_address} failed`);
    reply(log, response, 403);
  }

  #challenge(response: SrfResponse, kind: 'registrar' | 'proxy', stale: boolean, now: number): void {
    const name = kind === 'registrar' ? 'WWW-Authenticate' : 'Proxy-Authenticate';
    // Each challenge is a header line of its own: they may not be joined by commas (RFC 3261 section 7.3.1).
    const value = this.#digest.challenges(now, stale).join(`\r\n${name}: `);
    reply(this.#context.log, response, kind === 'registrar' ? 401 : 407, null, { headers: { [name]: value } });
  }
}

function identityOf(request: SrfRequest): string {
  const claimed = parseNameAddr(request.get('From') ?? '')?.uri?.user ?? '';
  return `${request.source_address} ${claimed.slice(0, 64)}`;
}
