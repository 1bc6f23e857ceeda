import { header, headers, headerValues } from '../message/headers.ts';
import type { Header, SipRequest, SipResponse } from '../message/types.ts';
import type { Flow, Received } from '../transport/types.ts';
import { Driver } from './driver.ts';
import type { DriverOptions } from './driver.ts';
import { responseEvent } from './machine.ts';
import type { Effect } from './machine.ts';

/** Whether the peer's system says that nobody listens there (ICMP). Asked over UDP, when a request is met by silence. */
export type Probe = (flow: Flow) => Promise<boolean>;

export interface ClientUser {
  /** Every response but a retransmitted final one; of an INVITE every 2xx (RFC 6026). */
  response(response: SipResponse, received: Received): void;
  /** No final response will come: none in 64 T1 (timers B, F), or the transport has failed. */
  failed(reason: 'timeout' | 'transport'): void;
}

/** A request of ours, until its responses can be forgotten. */
export class ClientTransaction extends Driver {
  readonly request: SipRequest;
  readonly flow: Flow;
  /** Of the request as first sent. */
  readonly octets: Buffer;
  readonly #user: ClientUser;
  readonly #probe: Probe | undefined;
  #sent = 0;
  #latest: SipResponse | undefined;
  #received: Received | undefined;

  constructor(request: SipRequest, flow: Flow, user: ClientUser, options: DriverOptions & { probe?: Probe }) {
    super(request.method === 'INVITE' ? 'inviteClient' : 'client', options);
    this.#probe = options.probe;
    this.request = request;
    this.flow = flow;
    this.#user = user;
    this.octets = this.encode(request);
  }

  start(): void {
    this.feed('start');
  }

  receive(response: SipResponse, received: Received): void {
    this.#latest = response;
    this.#received = received;
    this.feed(responseEvent(response.status));
  }

  connectionClosed(): void {
    this.feed('error');
  }

  /** With the first retransmission it is asked whether there is anyone at all. */
  #send(): void {
    this.transmit(this.octets);
    if (++this.#sent !== 2 || this.#probe === undefined) return;
    this.#probe(this.flow).then(
      (refused) => refused && this.feed('error'),
      () => undefined,
    );
  }

  protected override perform(effect: Effect): void {
    if (effect === 'send') this.#send();
    else if (effect === 'ack') this.transmit(this.encode(ackFor(this.request, this.#latest!)));
    else if (effect === 'deliver') this.#user.response(this.#latest!, this.#received!);
    else if (effect === 'timeout') this.#user.failed('timeout');
    else if (effect === 'failed') this.#user.failed('transport');
  }
}

/** Headers that ACK for a failure and CANCEL take over from their INVITE (17.1.1.3, 9.1). */
function taken(invite: SipRequest, method: string, to: string): Header[] {
  const via = headerValues(invite, 'via')[0] ?? '';
  const number = (header(invite, 'cseq') ?? '').split(/\s+/)[0] ?? '';
  return [
    { name: 'Via', value: via },
    ...headers(invite, 'route').map((value): Header => ({ name: 'Route', value })),
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: header(invite, 'from') ?? '' },
    { name: 'To', value: to },
    { name: 'Call-ID', value: header(invite, 'call-id') ?? '' },
    { name: 'CSeq', value: `${number} ${method}` },
  ];
}

/** 17.1.1.3 */
export function ackFor(invite: SipRequest, failure: SipResponse): SipRequest {
  const to = header(failure, 'to') ?? header(invite, 'to') ?? '';
  return { kind: 'request', method: 'ACK', uri: invite.uri, headers: taken(invite, 'ACK', to), body: Buffer.alloc(0) };
}

/** 9.1, with what the application wants to say besides (Reason). */
export function cancelOf(invite: SipRequest, extra: readonly Header[] = []): SipRequest {
  const own = taken(invite, 'CANCEL', header(invite, 'to') ?? '');
  return { kind: 'request', method: 'CANCEL', uri: invite.uri, headers: [...own, ...extra], body: Buffer.alloc(0) };
}
