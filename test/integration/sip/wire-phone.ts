/**
 * A phone on the wire: it writes and reads SIP by hand, so that a test says exactly what is sent and sees exactly what
 * comes. It acknowledges nothing and answers nothing by itself.
 */
import { createHash, randomUUID } from 'node:crypto';
import { until } from '../../support/until.ts';
import { TcpWire, UdpWire, type Wire } from './wire.ts';

export interface WireMessage {
  readonly first: string;
  /** 0 for a request. */
  readonly status: number;
  readonly method: string;
  readonly body: string;
  readonly port: number;
  header(name: string): string;
  headers(name: string): readonly string[];
}

export function parseWire(text: string, port: number): WireMessage {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = (end < 0 ? text : text.slice(0, end)).split('\r\n');
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  });
  const headers = (name: string): readonly string[] =>
    fields.filter(([field]) => field === name.toLowerCase()).map(([, value]) => value);
  const status = /^SIP\/2\.0 (\d{3})/.exec(first)?.[1];
  return {
    first,
    status: Number(status ?? 0),
    method: status === undefined ? (first.split(' ')[0] ?? '') : (headers('CSeq')[0]?.split(' ')[1] ?? ''),
    body: end < 0 ? '' : text.slice(end + 4),
    port,
    headers,
    header: (name) => headers(name)[0] ?? '',
  };
}

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=sendrecv\r\n';

export interface RequestParts {
  readonly uri?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly branch?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** Without the Contact that every request otherwise has. */
  readonly noContact?: boolean;
}

/** A dialog as this phone sees it, for requests in it. */
export interface WireDialog {
  readonly callId: string;
  readonly local: string; // From of our requests, tag and all
  readonly remote: string;
  readonly target: string;
  cseq: number;
}

export class WirePhone {
  readonly extension: string;
  readonly serverPort: number;
  readonly log: WireMessage[] = [];
  readonly #wire: Wire;
  #taken = new Set<WireMessage>();

  private constructor(wire: Wire, extension: string, serverPort: number) {
    this.#wire = wire;
    this.extension = extension;
    this.serverPort = serverPort;
    wire.onMessage((text, port) => this.log.push(parseWire(text, port)));
  }

  static async open(extension: string, serverPort: number, transport: 'udp' | 'tcp' = 'udp'): Promise<WirePhone> {
    const wire = await (transport === 'udp' ? UdpWire.open() : TcpWire.open());
    return new WirePhone(wire, extension, serverPort);
  }

  get port(): number {
    return this.#wire.port;
  }

  get contact(): string {
    return `<sip:${this.extension}@127.0.0.1:${this.port}${this.#wire.name === 'TCP' ? ';transport=tcp' : ''}>`;
  }

  close(): void {
    this.#wire.close();
  }

  /** Ends the connection that it has made; it goes on listening. */
  async hangUpWire(): Promise<void> {
    await this.#wire.hangUp();
  }

  raw(text: string): void {
    this.#wire.send(text, this.serverPort);
  }

  /** Sends a request; returns what is needed to tell its responses. */
  send(method: string, parts: RequestParts = {}): { callId: string; branch: string; from: string; cseq: number } {
    const callId = parts.callId ?? randomUUID();
    const branch = parts.branch ?? `z9hG4bK${randomUUID()}`;
    const cseq = parts.cseq ?? 1;
    const own = `<sip:${this.extension}@earshot.test>`;
    const from = parts.from ?? `${own};tag=${randomUUID().slice(0, 8)}`;
    const body = parts.body ?? '';
    const lines = [
      `${method} ${parts.uri ?? 'sip:earshot.test'} SIP/2.0`,
      `Via: SIP/2.0/${this.#wire.name} 127.0.0.1:${this.port};branch=${branch};rport`,
      'Max-Forwards: 70',
      `From: ${from}`,
      `To: ${parts.to ?? own}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      ...(parts.noContact === true ? [] : [`Contact: ${this.contact}`]),
      ...(parts.headers ?? []),
      ...(body.startsWith('v=0') && !(parts.headers ?? []).some((h) => /^content-type:/i.test(h))
        ? ['Content-Type: application/sdp']
        : []),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.raw(`${lines.join('\r\n')}\r\n\r\n${body}`);
    return { callId, branch, from, cseq };
  }

  /** Answers a request; the To tag is made where the request has none. */
  respond(request: WireMessage, status: string, options: { headers?: readonly string[]; body?: string } = {}): void {
    const body = options.body ?? '';
    const to = request.header('To');
    const lines = [
      `SIP/2.0 ${status}`,
      ...request.headers('Via').map((via) => `Via: ${via}`),
      ...request.headers('Record-Route').map((route) => `Record-Route: ${route}`),
      `From: ${request.header('From')}`,
      `To: ${to}${/;tag=/.test(to) ? '' : `;tag=to-${this.port}`}`,
      `Call-ID: ${request.header('Call-ID')}`,
      `CSeq: ${request.header('CSeq')}`,
      ...(/^2/.test(status) || /^18/.test(status) ? [`Contact: ${this.contact}`] : []),
      ...(options.headers ?? []),
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.#wire.send(`${lines.join('\r\n')}\r\n\r\n${body}`, request.port);
  }

  /** The next message that fits and was not handed out before. */
  async expect(what: string, fits: (message: WireMessage) => boolean, limitMs = 4000): Promise<WireMessage> {
    const found = await until(
      `${what} at phone ${this.extension}; seen: ${this.log.map((m) => m.first).join(' | ')}`,
      () => this.log.find((message) => !this.#taken.has(message) && fits(message)),
      limitMs,
    );
    this.#taken.add(found);
    return found;
  }

  request(method: string, callId?: string): Promise<WireMessage> {
    return this.expect(
      method,
      (m) => m.status === 0 && m.method === method && (callId === undefined || m.header('Call-ID') === callId),
    );
  }

  response(method: string, callId: string, least = 200): Promise<WireMessage> {
    return this.expect(
      `response to ${method}`,
      (m) => m.status >= least && m.method === method && m.header('Call-ID') === callId,
    );
  }

  /** Sends a request and resolves with its final answer. */
  async ask(method: string, parts: RequestParts = {}): Promise<WireMessage> {
    const { callId, cseq } = this.send(method, parts);
    return this.expect(
      `final answer to ${method}`,
      (m) => m.status >= 200 && m.header('Call-ID') === callId && m.header('CSeq') === `${cseq} ${method}`,
    );
  }

  /** As `ask`, with the proof that the first answer wants. */
  async prove(method: string, password: string, parts: RequestParts = {}, user = this.extension): Promise<WireMessage> {
    const callId = parts.callId ?? randomUUID();
    const from = parts.from ?? `<sip:${this.extension}@earshot.test>;tag=${randomUUID().slice(0, 8)}`;
    const cseq = parts.cseq ?? 1;
    const first = await this.ask(method, { ...parts, callId, from, cseq });
    if (first.status !== 401 && first.status !== 407) return first;
    if (method === 'INVITE') this.acknowledge(first, parts.uri ?? 'sip:earshot.test', from);
    const uri = parts.uri ?? 'sip:earshot.test';
    const proof = authorization(first, method, uri, user, password);
    const again = { ...parts, callId, from, cseq: cseq + 1, headers: [...(parts.headers ?? []), proof] };
    if (method !== 'INVITE') return this.ask(method, again);
    this.send(method, again);
    return this.expect(
      'answer to the proved INVITE',
      (m) => m.status > 100 && m.header('Call-ID') === callId && m.header('CSeq') === `${cseq + 1} INVITE`,
    );
  }

  /** ACK: of a failure with the branch of its INVITE, of a 2xx as a request of its own. */
  acknowledge(response: WireMessage, uri: string, from: string, body = ''): void {
    const branch = /branch=([^;\s,]+)/.exec(response.header('Via'))?.[1] ?? '';
    const cseq = Number.parseInt(response.header('CSeq'), 10);
    this.send('ACK', {
      uri,
      from,
      to: response.header('To'),
      callId: response.header('Call-ID'),
      cseq,
      ...(response.status < 300 ? {} : { branch }),
      ...(body === '' ? {} : { body }),
    });
  }

  /** ACKs a 200 to our INVITE; the dialog. */
  establish(response: WireMessage, body = ''): WireDialog {
    const target = /<([^>]+)>/.exec(response.header('Contact'))?.[1] ?? 'sip:earshot.test';
    const from = response.header('From');
    this.acknowledge(response, target, from, body);
    return {
      callId: response.header('Call-ID'),
      local: from,
      remote: response.header('To'),
      target,
      cseq: Number.parseInt(response.header('CSeq'), 10),
    };
  }

  /** The dialog of an INVITE that we answered with 200. */
  dialogOf(invite: WireMessage): WireDialog {
    const target = /<([^>]+)>/.exec(invite.header('Contact'))?.[1] ?? 'sip:earshot.test';
    return {
      callId: invite.header('Call-ID'),
      local: `${invite.header('To')};tag=to-${this.port}`,
      remote: invite.header('From'),
      target,
      cseq: 100,
    };
  }

  /** A request in a dialog; resolves with its final answer. */
  within(dialog: WireDialog, method: string, parts: Pick<RequestParts, 'headers' | 'body'> = {}): Promise<WireMessage> {
    const { callId, local, remote, target } = dialog;
    return this.ask(method, { ...parts, callId, from: local, to: remote, uri: target, cseq: ++dialog.cseq });
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

export function authorization(
  challenge: WireMessage,
  method: string,
  uri: string,
  user: string,
  password: string,
  nc = '00000001',
): string {
  const proxy = challenge.status === 407;
  const value = challenge.header(proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate');
  const field = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(value)?.[1] ?? '';
  const ha1 = md5(`${user}:${field('realm')}:${password}`);
  const response = md5(`${ha1}:${field('nonce')}:${nc}:abc:auth:${md5(`${method}:${uri}`)}`);
  return (
    `${proxy ? 'Proxy-Authorization' : 'Authorization'}: Digest username="${user}", realm="${field('realm')}", ` +
    `nonce="${field('nonce')}", uri="${uri}", response="${response}", algorithm=MD5, qop=auth, nc=${nc}, cnonce="abc"`
  );
}
