/** The embedded SIP server: what its users (main, the `earshot sip-server` command, tests) see of it. */
export interface SipServerOptions {
  /** e.g. `udp://127.0.0.1:5060`, `tcp://…`, `tls://…`, `ws://…`, `wss://…`; port 0 picks a free one. */
  readonly listen: readonly string[];
  /** Where drachtio-srf applications connect; port 0 picks a free one. */
  readonly control: { readonly host: string; readonly port: number };
  readonly secret: string;
  /** PEM certificate and key for tls and wss. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly externalAddress?: string;
  /** Receives one line per noteworthy event; never a secret, never a whole message. */
  readonly log?: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
}

export interface SipServer {
  /** With the ports that were really bound. */
  readonly listen: readonly string[];
  readonly control: { readonly host: string; readonly port: number };
  /** Live figures for /metrics. */
  counts(): {
    readonly transactions: number;
    readonly dialogs: number;
    readonly connections: number;
    readonly clients: number;
  };
  close(): Promise<void>;
}
