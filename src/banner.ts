/** What is printed at the start: where everything is and what is on. */
import { isDemo } from './config/check.ts';
import type { Config } from './config/schema.ts';
import type { Earshot } from './earshot.ts';
import { version } from './version.ts';

export interface BannerOptions {
  readonly config: Config;
  /** The configuration file. */
  readonly file: string;
  readonly data: string;
  readonly earshot: Pick<Earshot, 'apiUrl' | 'sip' | 'webrtc'>;
}

export function banner({ config, file, data, earshot }: BannerOptions): string {
  const { sip, media } = config;
  const server = sip.server === 'embedded' ? earshot.sip.join('  ') : `drachtio-server at ${sip.drachtio.host}`;
  const { available, reason } = earshot.webrtc;
  const rows: [string, string][] = [
    ['Console', `${earshot.apiUrl}/`],
    ['API', `${earshot.apiUrl}/api/v1  (documented at ${earshot.apiUrl}/docs)`],
    ['SIP', `${server}  (phones register as extension@${sip.domain})`],
    ['RTP', `${media.address}, UDP ${media.rtpPorts[0]} to ${media.rtpPorts[1]}, ${media.codecs.join(' ')}`],
    ['WebRTC', available ? 'on' : `off: ${(reason ?? 'not available').replace(/^WebRTC is off: */, '')}`],
    ['Configuration', file],
    ['Data', data],
  ];
  const lines = [`Earshot ${version} is ready.`, '', ...rows.map(([name, text]) => `  ${name.padEnd(14)}${text}`)];
  if (isDemo(config.users)) {
    lines.push('', '  Demo accounts (known to everybody, so only on this machine):');
    for (const { name, role, extension, id, password } of config.users) {
      lines.push(`    ${name.padEnd(8)} ${role.padEnd(11)} extension ${extension}  sign in as ${id} / ${password}`);
    }
  }
  if (config.demo !== undefined) {
    lines.push('', '  Two robot phones are in a call: sign in to the console as a supervisor and listen.');
  }
  lines.push('', '  Ctrl-C (or SIGTERM) ends it; live calls may go on for a while, a second Ctrl-C ends them.', '');
  return lines.join('\n');
}
