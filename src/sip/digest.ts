/**
 * Digest authentication of phones (RFC 7616, RFC 8760; RFC 2617 for those that are older): stateless nonces that carry
 * their own time and signature, qop=auth, replay check by nonce count. `now` is passed in.
 *
 *   no credentials for our realm, or a nonce that is not ours -> challenge
 *   right answer to an expired or used nonce                  -> challenge, stale=true
 *   wrong answer, or a user that does not exist               -> refused (no hint which)
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseUri, splitOutside, unquote } from './uri.ts';

export type DigestAlgorithm = 'MD5' | 'SHA-256';

export interface Credentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  readonly algorithm: string;
  readonly qop: string | null;
  readonly cnonce: string;
  readonly nc: string;
}

export type Verdict =
  | { readonly kind: 'ok'; readonly username: string }
  | { readonly kind: 'challenge'; readonly stale: boolean }
  | { readonly kind: 'refused' };

export interface DigestOptions {
  readonly realm: string;
  readonly algorithms: readonly DigestAlgorithm[];
  /** How long a nonce is good, ms. */
  readonly nonceLifetime?: number;
  /** The password of a user, null where there is no such user. */
  readonly password: (username: string) => string | null;
}

/** Reads an Authorization or Proxy-Authorization value; several, joined by commas, are told apart by their scheme. */
export function parseCredentials(header: string): Credentials[] {
  const found: Credentials[] = [];
  let current: Map<string, string> | null = null;
  const finish = (): void => {
    const field = (name: string): string => current?.get(name) ?? '';
    if (current !== null && field('username') !== '' && field('nonce') !== '' && field('response') !== '') {
      found.push({
        username: field('username'),
        realm: field('realm'),
        nonce: field('nonce'),
        uri: field('uri'),
        response: field('response').toLowerCase(),
        algorithm: field('algorithm') === '' ? 'MD5' : field('algorithm').toUpperCase(),
        qop: current.has('qop') ? field('qop').toLowerCase() : null,
        cnonce: field('cnonce'),
        nc: field('nc').toLowerCase(),
      });
    }
  };
  for (const raw of splitOutside(header.slice(0, 8192), ',')) {
    const scheme = /^\s*([A-Za-z]+)\s+(.*)$/s.exec(raw);
    let part = raw;
    if (scheme?.[1] !== undefined && !/^\s*[A-Za-z]+\s*=/.test(raw)) {
      finish();
      current = scheme[1].toLowerCase() === 'digest' ? new Map() : null;
      part = scheme[2] ?? '';
    }
    const at = part.indexOf('=');
    if (current === null || at < 0) continue;
    current.set(part.slice(0, at).trim().toLowerCase(), unquote(part.slice(at + 1)));
  }
  finish();
  return found;
}

function hash(algorithm: DigestAlgorithm, ...parts: readonly string[]): string {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(parts.join(':'))
    .digest('hex');
}

/** The answer that a client with this password gives (RFC 7616 section 3.4.1). */
export function digestResponse(
  algorithm: DigestAlgorithm,
  password: string,
  method: string,
  c: Pick<Credentials, 'username' | 'realm' | 'nonce' | 'uri' | 'qop' | 'cnonce' | 'nc'>,
): string {
  const ha1 = hash(algorithm, c.username, c.realm, password);
  const ha2 = hash(algorithm, method, c.uri);
  return c.qop === null
    ? hash(algorithm, ha1, c.nonce, ha2)
    : hash(algorithm, ha1, c.nonce, c.nc, c.cnonce, c.qop, ha2);
}

function equalText(a: string, b: string): boolean {
  const left = createHash('sha256').update(a).digest();
  const right = createHash('sha256').update(b).digest();
  return timingSafeEqual(left, right);
}

const MAX_NONCES = 100_000;

export class DigestAuthenticator {
  readonly #options: DigestOptions;
  readonly #lifetime: number;
  readonly #key = randomBytes(32);
  /** Highest nonce count used, by nonce; forgotten when the nonce expires. In order of first use. */
  readonly #used = new Map<string, { count: number; expires: number }>();

  constructor(options: DigestOptions) {
    this.#options = options;
    this.#lifetime = options.nonceLifetime ?? 300_000;
  }

  /** Values for WWW-Authenticate or Proxy-Authenticate, one per algorithm, best first. */
  challenges(now: number, stale: boolean): string[] {
    const nonce = this.#makeNonce(now);
    return this.#options.algorithms.map(
      (algorithm) =>
        `Digest realm="${this.#options.realm}", nonce="${nonce}", algorithm=${algorithm}, qop="auth"` +
        (stale ? ', stale=true' : ''),
    );
  }

  verify(request: { method: string; uri: string; header: string | undefined }, now: number): Verdict {
    const all = request.header === undefined ? [] : parseCredentials(request.header);
    const credentials = all.find((c) => c.realm === this.#options.realm);
    if (credentials === undefined) return { kind: 'challenge', stale: false };
    const made = this.#nonceTime(credentials.nonce);
    if (made === null) return { kind: 'challenge', stale: false };
    if (!this.#answerIsRight(request, credentials)) return { kind: 'refused' };
    if (now - made > this.#lifetime || !this.#useNonce(credentials, made, now)) {
      return { kind: 'challenge', stale: true };
    }
    return { kind: 'ok', username: credentials.username };
  }

  #answerIsRight(request: { method: string; uri: string }, c: Credentials): boolean {
    const algorithm = c.algorithm === 'MD5' || c.algorithm === 'SHA-256' ? c.algorithm : null;
    if (algorithm === null || (c.qop !== null && c.qop !== 'auth')) return false;
    // Proxies and phones spell the host differently; the person must be the same. Some (sipp) name only the host they send
    // to: the nonce count still makes their answer good for one request alone.
    const meant = parseUri(c.uri)?.user ?? '';
    const asked = parseUri(request.uri)?.user ?? '';
    const password = this.#options.password(c.username);
    // The work is the same for a user that does not exist.
    const right = equalText(digestResponse(algorithm, password ?? 'no such user', request.method, c), c.response);
    return right && password !== null && (meant === '' || meant === asked);
  }

  /** Each nonce count is good once, and only rising; without qop a nonce is good once. */
  #useNonce(c: Credentials, made: number, now: number): boolean {
    const count = c.qop === null ? 1 : /^[0-9a-f]{1,8}$/.test(c.nc) ? Number.parseInt(c.nc, 16) : 0;
    const seen = this.#used.get(c.nonce);
    if (count <= (seen?.count ?? 0)) return false;
    if (seen !== undefined) seen.count = count;
    else {
      this.#forget(now);
      this.#used.set(c.nonce, { count, expires: made + this.#lifetime });
    }
    return true;
  }

  #forget(now: number): void {
    for (const [nonce, entry] of this.#used) {
      if (entry.expires >= now && this.#used.size < MAX_NONCES) break;
      this.#used.delete(nonce);
    }
  }

  #makeNonce(now: number): string {
    const text = `${now.toString(36)}.${randomBytes(9).toString('base64url')}`;
    return `${text}.${this.#sign(text)}`;
  }

  /** When a nonce of ours was made; null for any other. */
  #nonceTime(nonce: string): number | null {
    const [time, random, signature] = nonce.split('.');
    if (time === undefined || random === undefined || signature === undefined) return null;
    if (!equalText(this.#sign(`${time}.${random}`), signature)) return null;
    return Number.parseInt(time, 36);
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest('base64url').slice(0, 24);
  }
}
