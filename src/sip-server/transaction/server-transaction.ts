import { newTag } from '../message/ids.ts';
import { responseTo } from '../message/response.ts';
import type { ResponseOptions } from '../message/response.ts';
import type { SipRequest, SipResponse } from '../message/types.ts';
import type { Flow, Received } from '../transport/types.ts';
import { Driver } from './driver.ts';
import type { DriverOptions } from './driver.ts';
import { responseEvent } from './machine.ts';
import type { Effect } from './machine.ts';
import { pooledRandom } from './random.ts';

/** What the owner of a server transaction is told. All optional: without one the thing is passed over. */
export interface ServerUser {
  /** An ACK that has the branch of an INVITE answered with 2xx. */
  ack?(request: SipRequest, received: Received): void;
  /** CANCEL of this INVITE; already answered with 200. */
  cancel?(request: SipRequest, received: Received): void;
  /** A failure was never acknowledged (timer H), or the transport is gone. */
  failed?(): void;
}

/** A request from the network, until its responses can be forgotten. */
export class ServerTransaction extends Driver {
  readonly request: SipRequest;
  readonly received: Received;
  user: ServerUser = {};
  #flow: Flow;
  #toTag: string | undefined;
  #status = 0;
  #octets: Buffer | undefined;
  #connectionLost = false;

  constructor(request: SipRequest, received: Received, options: DriverOptions) {
    super(request.method === 'INVITE' ? 'inviteServer' : 'server', options);
    this.request = request;
    this.received = received;
    this.#flow = received.flow;
  }

  override get flow(): Flow {
    return this.#flow;
  }

  /** Of the latest response; 0 before the first. */
  get status(): number {
    return this.#status;
  }

  get answered(): boolean {
    return this.#status >= 200;
  }

  get connectionLost(): boolean {
    return this.#connectionLost;
  }

  /** The tag of our side for every response to this request. */
  get toTag(): string {
    return (this.#toTag ??= newTag(pooledRandom));
  }

  set toTag(tag: string) {
    this.#toTag = tag;
  }

  /** Sends a response made of the request's own headers. */
  reply(status: number, options: ResponseOptions = {}): void {
    this.respond(responseTo(this.request, status, status === 100 ? options : { toTag: this.toTag, ...options }));
  }

  /** Sends a response. Undefined if the transaction takes none any more, else the octets as sent. */
  respond(response: SipResponse): Buffer | undefined {
    const event = responseEvent(response.status);
    const before = this.#octets;
    this.#octets = this.encode(response);
    if (!this.feed(event)) {
      this.#octets = before;
      return undefined;
    }
    this.#status = response.status;
    return this.#octets;
  }

  /** The request again: answered with the latest response, if there is one yet. */
  retransmitted(received: Received): void {
    this.#flow = received.flow;
    this.feed('request');
  }

  /** An ACK with the branch of this INVITE. False if it is for a 2xx and nobody here wants it. */
  acknowledged(request: SipRequest, received: Received): boolean {
    if (this.state !== 'accepted') return this.feed('ack');
    if (this.user.ack === undefined) return false;
    this.user.ack(request, received);
    return true;
  }

  connectionClosed(): void {
    this.#connectionLost = true;
    this.feed('error');
  }

  protected override perform(effect: Effect): void {
    if (effect === 'send') {
      if (this.#octets !== undefined) this.transmit(this.#octets);
    } else if (effect === 'timeout' || effect === 'failed') this.user.failed?.();
  }
}
