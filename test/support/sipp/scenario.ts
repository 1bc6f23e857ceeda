/**
 * sipp scenarios, generated: what a phone or a trunk does with one call. They wait for orders from the test and log
 * every step for it. What a scenario does not expect, a re-INVITE above all, makes sipp abort the call, and the test fail.
 *
 * sipp takes one element at a time and reads the network in between; a message that comes while it stands at anything
 * but a `recv` counts as unexpected. So a step is told from within the `recv` that sees it (a log action), and jumps
 * stand on the elements themselves: between two waits there is nothing but what must be sent.
 */
import {
  CONTACT,
  ack,
  ackFailure,
  capture,
  inDialog,
  label,
  orders,
  recv,
  request,
  response,
  scenario,
  sdp,
} from './elements.ts';
import type { Headers, Media } from './elements.ts';

export interface CallerOptions {
  readonly media: Media;
  readonly domain: string;
  /** User part of From and Contact, and the display name. */
  readonly from: string;
  readonly name: string;
  /** User part of the request URI. */
  readonly to: string;
  readonly password?: string;
  /** Host part of From; default `domain`. */
  readonly fromHost?: string;
  /** The INVITE carries no SDP, the ACK does (RFC 3264 section 4). */
  readonly lateOffer?: boolean;
}

/** Headers that make a phone answer by itself: Call-Info, Alert-Info and RFC 5373. */
const AUTO_ANSWER =
  '(Call-Info:[^\n]*answer-after=0|Alert-Info:[^\n]*([Aa]uto[ -]?[Aa]nswer|[Rr]ing[ -][Aa]nswer)|Answer-Mode: *Auto)';

const FAILURES = [
  400, 401, 403, 404, 405, 406, 407, 408, 410, 415, 420, 421, 422, 480, 481, 482, 483, 484, 486, 487, 488, 491, 500,
  501, 502, 503, 504, 600, 603, 604, 606,
];

/** How a phone may refuse: sipp wants each status spelt out. */
export const REJECTIONS = {
  404: 'Not Found',
  480: 'Temporarily Unavailable',
  486: 'Busy Here',
  488: 'Not Acceptable Here',
  500: 'Server Internal Error',
  503: 'Service Unavailable',
  603: 'Decline',
} as const;
export type Rejection = keyof typeof REJECTIONS;

/** A phone that takes calls: rings, and answers when ordered, or by itself where a header asks for it. */
export function phoneScenario(media: Media, answersByItself: boolean): string {
  const headers: Headers = {
    from: 'From: [$local];tag=[pid]t[call_number]',
    to: 'To: [$remote]',
    contact: CONTACT,
  };
  const rejections = Object.fromEntries(Object.keys(REJECTIONS).map((s) => [`reject${s}`, `reject${s}`]));
  return scenario('phone', [
    recv('request="INVITE" rrs="true"', 'invite', [
      capture('From:', 'remote'),
      capture('To:', 'local'),
      '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="inviteCseq"/>',
      answersByItself ? `<ereg regexp="${AUTO_ANSWER}" search_in="msg" check_it="false" assign_to="auto"/>` : '',
    ]),
    response('180 Ringing', { contact: true, next: answersByItself ? 'next="answer" test="auto"' : 'next="ringing"' }),
    SIDE,
    label('ringing'),
    recv('request="CANCEL" optional="true" next="cancelled"', 'cancel'),
    orders({ answer: 'answer', early: 'early', ...rejections }),

    label('early'),
    response('183 Session Progress', { contact: true, sdp: sdp(media, 'sendrecv'), next: 'next="ringing"' }),

    label('answer'),
    response('200 OK', { contact: true, sdp: sdp(media, 'sendrecv') }),
    recv('request="ACK" next="talk"', 'answered'),

    ...Object.entries(REJECTIONS).flatMap(([status, reason]) => [
      label(`reject${status}`),
      response(`${status} ${reason}`),
      recv('request="ACK" next="over"', 'ended'),
    ]),

    label('cancelled'),
    response('200 OK', { toLast: true }),
    response('487 Request Terminated'),
    recv('request="ACK" next="over"', 'cancelled'),

    ...talk(media, headers),
    label('over'),
  ]);
}

/** A caller: one call, from INVITE to BYE. Answers a digest challenge where it has a password. */
export function callerScenario(options: CallerOptions): string {
  const { media, domain, to } = options;
  const headers: Headers = {
    from: `From: "${options.name}" <sip:${options.from}@${options.fromHost ?? domain}>;tag=[pid]c[call_number]`,
    to: 'To: [$peer]',
    contact: `Contact: <sip:${options.from}@[local_ip]:[local_port];transport=[transport]>`,
  };
  const uri = `sip:${to}@${domain}`;
  const challenged = options.password !== undefined;
  const late = options.lateOffer === true;
  const invite = (branch: string, credentials: string): string =>
    request(
      `INVITE ${uri}`,
      branch,
      `${headers.from}
To: <${uri}>
Call-ID: [call_id]
CSeq: [cseq] INVITE
${headers.contact}
${credentials}Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO${late ? '' : '\nContent-Type: application/sdp'}`,
      { body: late ? '' : sdp(media, 'sendrecv'), next: branch === 'a' ? 'sent' : 'wait' },
    );
  // Where it has no password, or had it refused, a challenge is a failure like any other.
  const outcomes = (next: string): string[] =>
    FAILURES.filter((status) => next === 'failed' || (status !== 401 && status !== 407)).map((status) =>
      recv(`response="${status}" optional="true" next="${next}"`, 'failed'),
    );
  const last = challenged ? 'b' : 'a';
  const challenge = challenged
    ? [
        recv('response="100" optional="true"'),
        recv('response="407" auth="true" optional="true" next="challenged"'),
        ...outcomes('refused'),
        recv('response="401" auth="true" next="challenged"'),
        label('refused'),
        ackFailure(uri, 'a', headers, 'over'),
        label('challenged'),
        ackFailure(uri, 'a', headers),
        invite('b', `[authentication username=${options.from} password=${options.password ?? ''}]\n`),
      ]
    : [];
  return scenario('caller', [
    invite('a', ''),
    SIDE,
    label('sent'),
    ...challenge,
    label('wait'),
    recv('response="100" optional="true" next="wait"', 'trying'),
    recv('response="180" optional="true" next="wait"', 'ringing'),
    recv('response="183" optional="true" next="wait"', 'progress'),
    recv('response="200" optional="true" rrs="true" next="accepted"', 'answered', [capture('To:', 'peer')]),
    ...outcomes('failed'),
    orders({ cancel: 'cancel' }, [], 'wait'),

    label('accepted'),
    ack(headers, late ? sdp(media, 'sendrecv') : ''),

    label('failed'),
    ackFailure(uri, last, headers, 'over'),

    label('cancel'),
    `<send retrans="500"><![CDATA[

CANCEL ${uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=z9hG4bK-[pid]-[call_number]-${last}
${headers.from}
To: <${uri}>
Call-ID: [call_id]
CSeq: [cseq] CANCEL
Max-Forwards: 70
Content-Length: 0

]]></send>`,
    label('cancelling'),
    ...[100, 180, 183, 200].map((status) => recv(`response="${status}" optional="true" next="cancelling"`)),
    recv('response="487"', 'cancelled'),
    ackFailure(uri, last, headers, 'over'),

    ...talk(media, headers),
    label('over'),
  ]);
}

/** Registers a contact and ends with status 0 once it is accepted. */
export function registerScenario(
  domain: string,
  user: string,
  password: string,
  contactPort: number,
  expires: number,
): string {
  const register = (branch: string, credentials: string): string =>
    request(
      `REGISTER sip:${domain}`,
      branch,
      `From: <sip:${user}@${domain}>;tag=[pid]r[call_number]
To: <sip:${user}@${domain}>
Call-ID: [call_id]
CSeq: [cseq] REGISTER
Contact: <sip:${user}@[local_ip]:${contactPort};transport=[transport]>
User-Agent: sipp
Expires: ${expires}
${credentials}`.trimEnd(),
    );
  return scenario('register', [
    register('a', ''),
    recv('response="100" optional="true"'),
    recv('response="401" auth="true"'),
    register('b', `[authentication username=${user} password=${password}]`),
    recv('response="100" optional="true"'),
    recv('response="200"'),
  ]);
}

/** Never reached: the first command in the text decides that sipp connects to the test, not the test to sipp. */
const SIDE = '<sendCmd><![CDATA[\nCall-ID: [call_id]\n]]></sendCmd>';

/** The established call: orders and in-dialog requests, in a loop. */
function talk(media: Media, headers: Headers): string[] {
  return [
    label('talk'),
    recv('request="BYE" optional="true" next="hungUp"', 'hungup'),
    recv('request="ACK" optional="true" next="talk"'),
    recv('request="NOTIFY" optional="true" next="notified"', 'notified'),
    // sipp keeps what an order matched: one that comes later in a call stands before those that come earlier.
    orders(
      { bye: 'bye', refer: 'refer', info: 'info', reinvite: 'reinvite' },
      ['direction', 'address', 'digit', 'target'],
      'talk',
    ),

    label('reinvite'),
    inDialog(
      'INVITE',
      headers,
      `${headers.contact}\nContent-Type: application/sdp`,
      sdp(media, '[$direction]', '[$address]'),
    ),
    recv('response="100" optional="true"'),
    recv('response="200" rrs="true"', 'reinvited'),
    ack(headers),

    label('info'),
    inDialog('INFO', headers, 'Content-Type: application/dtmf-relay', 'Signal=[$digit]\nDuration=160\n'),
    recv('response="200" next="talk"', 'informed'),

    label('refer'),
    inDialog('REFER', headers, `${headers.contact}\nRefer-To: <sip:[$target]>`),
    recv('response="202" next="talk"', 'referred'),

    label('notified'),
    response('200 OK', { toLast: true, next: 'next="talk"' }),

    label('bye'),
    inDialog('BYE', headers, ''),
    recv('response="200" next="over"', 'ended'),

    label('hungUp'),
    response('200 OK', { toLast: true }),
  ];
}
