import { SipParseError, excerpt } from './errors.ts';
import { isToken } from './scan.ts';
import type { SipMessage } from './types.ts';

/**
 * The message on the wire: CRLF line ends, UTF-8, the exact Content-Length in octets whatever the headers say (in its
 * place if there is one, else last). Throws SipParseError `bad_header` for a name or value that would break the framing.
 */
export function serialize(message: SipMessage): Buffer {
  const start =
    message.kind === 'request'
      ? `${message.method} ${message.uri} SIP/2.0`
      : `SIP/2.0 ${message.status} ${message.reason}`;
  refuseLineEnds(start);
  let head = `${start}\r\n`;
  const length = `Content-Length: ${message.body.length}\r\n`;
  let written = false;
  for (const { name, value } of message.headers) {
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (!written) head += length;
      written = true;
      continue;
    }
    if (!isToken(name)) throw new SipParseError('bad_header', `name ${excerpt(name)}`);
    refuseLineEnds(value);
    head += `${name}: ${value}\r\n`;
  }
  if (!written) head += length;
  head += '\r\n';
  const headBytes = Buffer.from(head, 'utf8');
  return message.body.length === 0 ? headBytes : Buffer.concat([headBytes, message.body]);
}

function refuseLineEnds(text: string): void {
  if (text.includes('\n') || text.includes('\r')) throw new SipParseError('bad_header', `line end in ${excerpt(text)}`);
}
