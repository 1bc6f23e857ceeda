/**
 * SIP messages as an application writes them: short of most headers, names in any case, a Content-Length that counts
 * UTF-16 units. Read leniently here; what goes to the network is composed from it, never passed on as it is.
 */
import { SipParseError } from '../message/errors.ts';
import { isToken, trimLws } from '../message/scan.ts';
import type { Header } from '../message/types.ts';

export interface AppMessage {
  readonly start:
    | { readonly kind: 'request'; readonly method: string; readonly uri: string; readonly line: string }
    | { readonly kind: 'response'; readonly status: number; readonly reason: string };
  readonly headers: readonly Header[];
  /** All behind the first empty line. */
  readonly body: Buffer;
}

const KNOWN = `Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Answer-Mode
 Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language
 Content-Length Content-Type CSeq Date Diversion Error-Info Event Expires From Geolocation Geolocation-Routing
 History-Info Identity Identity-Info In-Reply-To Info-Package Join Max-Forwards MIME-Version Min-Expires Min-SE
 Organization P-Access-Network-Info P-Asserted-Identity P-Called-Party-ID P-Charging-Vector P-Early-Media
 P-Preferred-Identity Path Priority Privacy Priv-Answer-Mode Proxy-Authenticate Proxy-Authorization Proxy-Require RAck
 Reason Record-Route Recv-Info Refer-Sub Refer-To Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To
 Request-Disposition Require Retry-After Route RSeq Security-Client Security-Server Security-Verify Server
 Service-Route Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Timestamp To Unsupported
 User-Agent User-to-User Via Warning WWW-Authenticate`.split(/\s+/);

const CANONICAL = new Map(KNOWN.map((name) => [name.toLowerCase(), name]));

/** The usual spelling of a known header; undefined for one that is not known. */
export function canonicalName(name: string): string | undefined {
  return CANONICAL.get(name.toLowerCase());
}

/** Throws SipParseError where there is no start line or a line that is no header. */
export function parseAppMessage(octets: Buffer): AppMessage {
  const split = octets.indexOf('\r\n\r\n');
  const head = octets.toString('utf8', 0, split < 0 ? octets.length : split);
  const body = split < 0 ? Buffer.alloc(0) : octets.subarray(split + 4);
  const lines = head.split('\r\n');
  const start = parseStart(lines[0] ?? '');
  const fields: Header[] = [];
  for (const line of lines.slice(1)) {
    if (line === '') continue;
    const last = fields.at(-1);
    if ((line.startsWith(' ') || line.startsWith('\t')) && last) {
      fields[fields.length - 1] = { name: last.name, value: `${last.value} ${trimLws(line)}` };
      continue;
    }
    const colon = line.indexOf(':');
    const name = trimLws(line.slice(0, Math.max(colon, 0)));
    const value = trimLws(line.slice(colon + 1));
    if (colon < 0 || !isToken(name) || /[\r\n\0]/.test(value))
      throw new SipParseError('bad_header', 'malformed header');
    fields.push({ name: canonicalName(name) ?? name, value });
  }
  return { start, headers: fields, body };
}

function parseStart(line: string): AppMessage['start'] {
  const status = /^SIP\/2\.0 +([1-6][0-9]{2})(?: +(.*))?$/.exec(line);
  if (status) return { kind: 'response', status: Number(status[1]), reason: trimLws(status[2] ?? '') };
  const request = /^(\S+) +(\S+) +SIP\/2\.0$/.exec(line);
  const method = request?.[1];
  if (request === null || method === undefined || !isToken(method)) {
    throw new SipParseError('bad_start_line', 'no request and no status line');
  }
  return { kind: 'request', method, uri: request[2]!, line };
}

/** First header of that name. */
export function appHeader(message: AppMessage, name: string): string | undefined {
  const lower = name.toLowerCase();
  return message.headers.find((h) => h.name.toLowerCase() === lower)?.value;
}
