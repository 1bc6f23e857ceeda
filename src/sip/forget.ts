/**
 * drachtio-server remembers the connection of a REGISTER by user and host of its Contact, for good, and sends requests for
 * that Contact nowhere else: it answers 410 where the connection has been closed, also where the phone listens for a new one
 * or has gone over to UDP. Only the 200 to a REGISTER that expires makes it forget. So it is sent one by way of itself, over
 * TCP, known again here by a secret of one use; nobody else can make it forget anything.
 */
import { randomUUID } from 'node:crypto';
import { guarded, reply, USER_AGENT, type SipContext } from './context.ts';
import type { SrfRequest, SrfResponse } from './srf.ts';
import { errorText } from './srf.ts';

/** Makes the server forget the closed connection that it holds for a contact; false where that cannot be. Never rejects. */
export type Forget = () => Promise<boolean>;

const HEADER = 'X-Earshot-Forget';
const LIMIT = 2000; // ms

export class Forgetter {
  readonly #context: SipContext;
  readonly #secrets = new Set<string>();

  constructor(context: SipContext) {
    this.#context = context;
  }

  /** Resolves with whether the server has forgotten the connection of this Contact. Never rejects. */
  forget(contact: string): Promise<boolean> {
    const { clock, log } = this.#context;
    const srf = this.#context.srf();
    const own = this.#context.ownTcpAddress();
    if (srf === null || own === null) return Promise.resolve(false);
    const secret = randomUUID();
    this.#secrets.add(secret);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const cancel = clock.after(LIMIT, () => resolve(false));
    const headers = { Contact: `<${contact}>`, Expires: '0', 'User-Agent': USER_AGENT, [HEADER]: secret };
    const options = { method: 'REGISTER', proxy: `sip:${own};transport=tcp`, headers };
    guarded(log, 'REGISTER to the SIP server itself', () => {
      srf.request(`sip:${this.#context.config.sip.domain}`, options, (error, request) => {
        if (request === undefined) {
          log('debug', `REGISTER to the SIP server itself: ${errorText(error)}`);
          resolve(false);
          return;
        }
        request.on('response', (response) => resolve(response.status === 200));
      });
    });
    return promise.finally(() => {
      cancel();
      this.#secrets.delete(secret);
    });
  }

  /** True where the REGISTER is one of ours; it has been answered then. */
  takes(request: SrfRequest, response: SrfResponse): boolean {
    const secret = request.get(HEADER);
    if (secret === undefined || !this.#secrets.delete(secret)) return false;
    reply(this.#context.log, response, 200, null, { headers: { Expires: '0' } });
    return true;
  }
}
