/**
 * What the engine uses of drachtio-fsmrf 5 (which has no types), typed as its code behaves.
 */
declare module 'drachtio-fsmrf' {
  /** A message of the event socket. */
  export interface FsEvent {
    getHeader(name: string): string | null | undefined;
    getBody(): string;
  }

  /** A connection of the event socket: to the server, or of one channel. */
  export interface FsConnection {
    /** `esl::event::NAME::UUID`, `esl::end` (the connection is gone), `error`. */
    on(event: string, listener: (event: FsEvent) => void): this;
    /** The reply is never given where the connection is lost before. Replies come in the order of the commands. */
    api(command: string, callback: (reply: FsEvent) => void): void;
    subscribe(events: string): void;
  }

  /** The SIP dialog between Earshot and FreeSWITCH. */
  export interface FsDialog {
    readonly remote: { readonly sdp: string };
    destroy(): Promise<unknown>;
  }

  /** One channel of FreeSWITCH. */
  export interface FsEndpoint {
    readonly uuid: string;
    readonly dialog: FsDialog | null;
    /** null once the channel's connection has ended. */
    readonly conn: FsConnection | null;
    join(
      conference: string,
      options: { profile: string; flags: Readonly<Record<string, boolean>> },
    ): Promise<{ memberId: string | number }>;
    /** A new offer to FreeSWITCH; resolves with its answer. */
    modify(sdp: string): Promise<string>;
    /** Does not resolve where the dialog is lost before its BYE. */
    destroy(): Promise<void>;
    /** `destroy`: the channel is gone, and not by `destroy()`. */
    on(event: 'destroy', listener: () => void): this;
    on(event: 'dtmf', listener: (press: { dtmf: string; duration: string }) => void): this;
  }

  export interface FsMediaServer {
    readonly conn: FsConnection;
    createEndpoint(options: { remoteSdp: string; headers: Record<string, string> }): Promise<FsEndpoint>;
    disconnect(): void;
  }

  export default class Mrf {
    /** `srf`: what drachtio-fsmrf calls of drachtio-srf: `createUAC(uri, options)`. */
    constructor(srf: unknown);
    /** The callback may be called several times: the library goes on trying after an error. */
    connect(
      options: {
        address: string;
        port: number;
        secret: string;
        profile: string;
        listenAddress: string;
        advertisedAddress: string;
      },
      callback: (error: unknown, server?: FsMediaServer) => void,
    ): void;
  }
}
