/** A transaction layer on the fake network, with a user that keeps what it is told. */
import { newBranch, parseMessage } from '../../../src/sip-server/message/index.ts';
import type { SipRequest, SipResponse } from '../../../src/sip-server/message/index.ts';
import type { ClientTransaction } from '../../../src/sip-server/transaction/client-transaction.ts';
import { TransactionLayer } from '../../../src/sip-server/transaction/layer.ts';
import type { ServerTransaction } from '../../../src/sip-server/transaction/server-transaction.ts';
import type { Flow, Protocol } from '../../../src/sip-server/transport/types.ts';
import { FakeTransport } from './fake.ts';
import type { FakeNetwork } from './fake.ts';

export class Stack {
  readonly address: string;
  readonly layer: TransactionLayer;
  readonly requests: ServerTransaction[] = [];
  readonly acks: SipRequest[] = [];
  readonly stray: SipResponse[] = [];
  readonly responses: number[] = [];
  readonly failures: string[] = [];
  onRequest: (transaction: ServerTransaction) => void = () => undefined;
  readonly #protocol: Protocol;

  constructor(network: FakeNetwork, address: string, options: { protocol?: Protocol; max?: number } = {}) {
    this.address = address;
    this.#protocol = options.protocol ?? 'udp';
    const transport = new FakeTransport(network, address, this.#protocol);
    this.layer = new TransactionLayer({
      clock: network.clock,
      send: (octets, flow) => transport.send(octets, flow),
      user: {
        request: (transaction) => {
          this.requests.push(transaction);
          this.onRequest(transaction);
        },
        ack: (ack) => void this.acks.push(ack),
        strayResponse: (response) => void this.stray.push(response),
      },
      ...(options.max === undefined ? {} : { maxServerTransactions: options.max }),
    });
    transport.onMessage = (received) => this.layer.receive(received);
  }

  flowTo(other: Stack | string): Flow {
    const at = (address: string): { host: string; port: number } => {
      const [host, port] = address.split(':');
      return { host: host!, port: Number(port) };
    };
    const to = typeof other === 'string' ? other : other.address;
    const flow: Flow = { protocol: this.#protocol, local: at(this.address), remote: at(to) };
    return this.#protocol === 'udp' ? flow : { ...flow, connection: `to-${to}` };
  }

  /** Sends a request; what comes back is in `responses` and `failures`. */
  send(method: string, to: Stack | string, change: (text: string) => string = (text) => text): ClientTransaction {
    const request = this.request(method, change);
    return this.layer.send(request, this.flowTo(to), {
      response: (response) => void this.responses.push(response.status),
      failed: (reason) => void this.failures.push(reason),
    });
  }

  request(method: string, change: (text: string) => string = (text) => text): SipRequest {
    const via = `SIP/2.0/${this.#protocol.toUpperCase()} ${this.address};branch=${newBranch()}`;
    const text =
      `${method} sip:bob@example.com SIP/2.0\r\nVia: ${via}\r\nMax-Forwards: 70\r\n` +
      `From: <sip:alice@example.com>;tag=a1\r\nTo: <sip:bob@example.com>\r\n` +
      `Call-ID: c${Math.random().toString(36).slice(2)}\r\nCSeq: 1 ${method}\r\nContent-Length: 0\r\n\r\n`;
    const message = parseMessage(Buffer.from(change(text)));
    if (message.kind !== 'request') throw new Error('a request was expected');
    return message;
  }
}
