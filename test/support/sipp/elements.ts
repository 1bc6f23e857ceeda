/** The elements that sipp scenarios are made of: what is sent, waited for and ordered, as text. */
import { PAYLOAD_TYPE } from '../g711.ts';
import type { G711 } from '../g711.ts';
import { EVENT_PAYLOAD_TYPE } from '../tone-endpoint.ts';
import { STEP_BEGIN, STEP_END, STEP_TEXT } from './steps.ts';

export interface Media {
  readonly port: number;
  readonly codecs: readonly G711[];
  /** Offer telephone-events (RFC 4733); default true. */
  readonly dtmf?: boolean;
}

/** One side's dialog headers for requests of its own. */
export interface Headers {
  readonly from: string;
  readonly to: string;
  readonly contact: string;
}

export const CONTACT = 'Contact: <sip:phone@[local_ip]:[local_port];transport=[transport]>';

export function scenario(name: string, parts: readonly string[]): string {
  const used = new Set<string>();
  const text = parts.filter((part) => part !== '').join('\n');
  for (const match of text.matchAll(/assign_to="([^"]+)"/g)) for (const v of match[1]!.split(',')) used.add(v);
  // sipp refuses a variable that nobody reads.
  const reference = used.size === 0 ? '' : `<Reference variables="${[...used].join(',')}"/>`;
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="${name}">\n${text}\n${reference}\n</scenario>\n`;
}

export function label(id: string): string {
  return `<label id="${id}"/>`;
}

/** Waits for a message; logs it as a step, whole, between marks that `Steps` looks for. */
export function recv(attributes: string, step = '', actions: readonly string[] = []): string {
  const log =
    step === ''
      ? []
      : [
          // [last_message] would be the one before: sipp sets it after the actions.
          '<ereg regexp=".*" search_in="msg" assign_to="message"/>',
          `<log message="${STEP_BEGIN}${step} [call_id]${STEP_TEXT}[$message]${STEP_END}"/>`,
        ];
  const all = [...actions, ...log].filter((action) => action !== '');
  return all.length === 0
    ? `<recv ${attributes}/>`
    : `<recv ${attributes}><action>\n${all.join('\n')}\n</action></recv>`;
}

/** Waits for an order and jumps to what it names; anything else leads to `otherwise`. */
export function orders(
  targets: Readonly<Record<string, string>>,
  values: readonly string[] = [],
  otherwise = '',
): string {
  const names = Object.keys(targets);
  const match = (name: string): string =>
    `<ereg regexp="do=${name};" search_in="msg" check_it="false" assign_to="do_${name}"/>`;
  const value = (name: string): string =>
    `<ereg regexp="${name}=([^;]*);" search_in="msg" check_it="false" assign_to="all_${name},${name}"/>`;
  return `<recvCmd><action>
${[...names.map(match), ...values.map(value)].join('\n')}
</action></recvCmd>
${names.map((name) => `<nop test="do_${name}" next="${targets[name]!}"/>`).join('\n')}
${otherwise === '' ? '' : `<nop next="${otherwise}"/>`}`;
}

export function capture(name: string, variable: string): string {
  return `<ereg regexp="[^ ].*" search_in="hdr" header="${name}" assign_to="${variable}"/>`;
}

interface ResponseOptions {
  readonly contact?: boolean;
  readonly sdp?: string;
  /** Attributes of the element: where it goes on. */
  readonly next?: string;
  /** Answers the last request, whatever it is; else the INVITE. */
  readonly toLast?: boolean;
}

export function response(status: string, options: ResponseOptions = {}): string {
  const invite = options.toLast !== true;
  const lines = [
    `SIP/2.0 ${status}`,
    '[last_Via:]',
    ...(options.contact === true ? ['[last_Record-Route:]'] : []),
    '[last_From:]',
    invite ? 'To: [$local];tag=[pid]t[call_number]' : '[last_To:]',
    '[last_Call-ID:]',
    invite ? 'CSeq: [$inviteCseq] INVITE' : '[last_CSeq:]',
    ...(options.contact === true ? [CONTACT] : []),
    ...(options.sdp === undefined ? ['Content-Length: 0'] : ['Content-Type: application/sdp', 'Content-Length: [len]']),
  ];
  return `<send ${options.next ?? ''}><![CDATA[\n\n${lines.join('\n')}\n\n${options.sdp ?? ''}\n]]></send>`;
}

export function request(
  start: string,
  branch: string,
  lines: string,
  more: { body?: string; next?: string } = {},
): string {
  const body = more.body ?? '';
  return `<send retrans="500"${more.next === undefined ? '' : ` next="${more.next}"`}><![CDATA[

${start} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=z9hG4bK-[pid]-[call_number]-${branch}
${lines}
Max-Forwards: 70
Content-Length: ${body === '' ? '0' : '[len]'}

${body}
]]></send>`;
}

export function inDialog(method: string, headers: Headers, more: string, body = ''): string {
  return `<send retrans="500"><![CDATA[

${method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]-[cseq]
[routes]
${headers.from}
${headers.to}
Call-ID: [call_id]
CSeq: [cseq] ${method}
${more === '' ? '' : `${more}\n`}Max-Forwards: 70
Content-Length: ${body === '' ? '0' : '[len]'}

${body}
]]></send>`;
}

/** ACK to 200, a transaction of its own (RFC 3261 section 13.2.2.4); the call is then talking. */
export function ack(headers: Headers, body = ''): string {
  return `<send next="talk"><![CDATA[

ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]-ack-[cseq]
[routes]
${headers.from}
${headers.to}
Call-ID: [call_id]
CSeq: [cseq] ACK
Max-Forwards: 70
${body === '' ? 'Content-Length: 0' : 'Content-Type: application/sdp\nContent-Length: [len]'}

${body}
]]></send>`;
}

/** ACK to a final response that is not 2xx: same branch and request URI as the INVITE (RFC 3261 section 17.1.1.3). */
export function ackFailure(uri: string, branch: string, headers: Headers, next = ''): string {
  return `<send${next === '' ? '' : ` next="${next}"`}><![CDATA[

ACK ${uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=z9hG4bK-[pid]-[call_number]-${branch}
${headers.from}
[last_To:]
Call-ID: [call_id]
CSeq: [cseq] ACK
Max-Forwards: 70
Content-Length: 0

]]></send>`;
}

export function sdp(media: Media, direction: string, address = '127.0.0.1'): string {
  const dtmf = media.dtmf ?? true;
  const types = [...media.codecs.map((codec) => PAYLOAD_TYPE[codec]), ...(dtmf ? [EVENT_PAYLOAD_TYPE] : [])];
  return `v=0
o=sipp [pid] [cseq] IN IP4 127.0.0.1
s=-
c=IN IP4 ${address}
t=0 0
m=audio ${media.port} RTP/AVP ${types.join(' ')}
${media.codecs.map((codec) => `a=rtpmap:${PAYLOAD_TYPE[codec]} ${codec}/8000`).join('\n')}
${dtmf ? `a=rtpmap:${EVENT_PAYLOAD_TYPE} telephone-event/8000\na=fmtp:${EVENT_PAYLOAD_TYPE} 0-15\n` : ''}a=ptime:20
a=${direction}
`;
}
