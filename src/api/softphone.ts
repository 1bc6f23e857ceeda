/**
 * What a browser needs to be a user's phone: the way to the WebSocket listener, an account, TURN servers.
 *
 * The account is handed out as HA1 (RFC 7616 section 3.4.2: the hash of user, realm and password), never as the password:
 * it registers a phone, and neither signs in here nor shows what the person types elsewhere. It goes to the user's own
 * session alone. TURN credentials last for a day (draft-uberti-behave-turn-rest).
 */
import { createHash, createHmac } from 'node:crypto';
import type { Config, UserConfig } from '../config/schema.ts';

export interface IceServer {
  readonly urls: readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

export interface SoftphoneAccount {
  readonly wsUrl: string;
  /** `sip:2001@earshot.local` */
  readonly uri: string;
  readonly authorizationUser: string;
  readonly realm: string;
  readonly ha1: string;
  readonly displayName: string;
  readonly iceServers: readonly IceServer[];
}

/** media: no WebRTC here. listener: no ws or wss listener that this page may use. digest: no algorithm of browsers. */
export type SoftphoneOff = 'media' | 'listener' | 'digest';

export interface SoftphoneView {
  readonly available: boolean;
  readonly off: SoftphoneOff | null;
  readonly detail: string | null;
  readonly account: SoftphoneAccount | null;
}

const TURN_SECONDS = 24 * 60 * 60;

/** How the browser reaches us: what express tells of a request. */
export interface PageRequest {
  readonly hostname: string;
  readonly secure: boolean;
}

export interface SoftphoneOptions {
  readonly config: Config;
  readonly webrtc: { readonly available: boolean; readonly reason?: string };
  /** Where the SIP server really listens; ports that the configuration leaves open are known here. */
  readonly listen: readonly string[];
}

export class Softphone {
  readonly #options: SoftphoneOptions;

  constructor(options: SoftphoneOptions) {
    this.#options = options;
  }

  /** URL of the WebSocket listener for the page that makes this request; null where there is none for it. */
  webSocketUrl(req: PageRequest): string | null {
    const { config, listen } = this.#options;
    return webSocketUrl(listen, { configured: config.sip.webSocketUrl, host: req.hostname, secure: req.secure });
  }

  of(user: UserConfig, req: PageRequest, now: number): SoftphoneView {
    const { config, webrtc } = this.#options;
    const off = (why: SoftphoneOff, detail: string): SoftphoneView => ({
      available: false,
      off: why,
      detail,
      account: null,
    });
    if (!webrtc.available) return off('media', webrtc.reason ?? 'WebRTC is off.');
    const wsUrl = this.webSocketUrl(req);
    if (wsUrl === null) {
      return off(
        'listener',
        `sip.listen names no ${req.secure ? 'wss' : 'ws'} listener, and there is no sip.webSocketUrl.`,
      );
    }
    if (!config.sip.digest.includes('MD5')) {
      return off('digest', 'sip.digest does not allow MD5, and softphones in browsers know no other algorithm.');
    }
    const realm = config.sip.domain;
    const { extension, password, name } = user;
    return {
      available: true,
      off: null,
      detail: null,
      account: {
        wsUrl,
        uri: `sip:${extension}@${realm}`,
        authorizationUser: extension,
        realm,
        ha1: createHash('md5').update(`${extension}:${realm}:${password}`).digest('hex'),
        displayName: name,
        iceServers: config.media.iceServers.map((server) => iceServer(server, user.id, now)),
      },
    };
  }
}

/** A secure page may open secure sockets only; any other prefers a plain one. Unspecified addresses: the page's own host. */
export function webSocketUrl(
  listen: readonly string[],
  page: { readonly configured: string | undefined; readonly host: string | undefined; readonly secure: boolean },
): string | null {
  if (page.configured !== undefined) return page.configured;
  const schemes = page.secure ? ['wss'] : ['ws', 'wss'];
  for (const scheme of schemes) {
    const found = listen.find((address) => address.startsWith(`${scheme}://`));
    if (found === undefined) continue;
    const match = /^wss?:\/\/(.+):(\d+)$/.exec(found);
    const named = match?.[1] ?? '';
    const anywhere = named === '0.0.0.0' || named === '[::]' || named === '::';
    const host = anywhere ? page.host : named;
    if (match === null || host === undefined || !/^[A-Za-z0-9.:[\]-]+$/.test(host)) continue;
    return `${scheme}://${host}:${match[2]!}`;
  }
  return null;
}

function iceServer(server: Config['media']['iceServers'][number], userId: string, now: number): IceServer {
  const { urls, username, credential, secret } = server;
  if (secret === undefined) {
    return {
      urls,
      ...(username === undefined ? {} : { username }),
      ...(credential === undefined ? {} : { credential }),
    };
  }
  const name = `${Math.floor(now / 1000) + TURN_SECONDS}:${userId}`;
  return { urls, username: name, credential: createHmac('sha1', secret).update(name).digest('base64') };
}
