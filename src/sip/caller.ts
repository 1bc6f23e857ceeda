/**
 * Calls to a media server: a control connection of its own to the SIP server, so that drachtio-fsmrf may place and end
 * dialogs as it likes without touching those of phones. It takes no new requests; those of its dialogs find it by the dialog.
 */
import type { Clock } from '../control/ports.ts';
import { ControlLink } from './link.ts';
import { errorText, type Log, type SrfOptions } from './srf.ts';

export interface MediaCaller {
  /** Resolves once connected to the SIP server; rejects where the secret is refused or it is closed. */
  start(): Promise<void>;
  /** As drachtio-srf's, on the connection in force. */
  createUAC(uri: string, options: unknown): Promise<unknown>;
  /** Idempotent. */
  close(): Promise<void>;
}

interface MediaDialog {
  destroy(): Promise<unknown>;
}

export function createMediaCaller(server: SrfOptions, clock: Clock, log: Log): MediaCaller {
  const link = new ControlLink({
    server,
    clock,
    // What is noteworthy of the SIP server the signalling's own connection tells.
    log: (_level, message) => log('debug', `media: ${message}`),
    install: () => undefined,
    onUp: () => undefined,
    onDown: () => undefined,
  });
  return {
    start: () => link.start(),
    async createUAC(uri, options) {
      const { srf } = link;
      if (srf === null) throw new Error('the SIP server is not connected');
      // With two arguments the library gives a promise.
      const create = srf.createUAC.bind(srf) as unknown as (uri: string, options: unknown) => Promise<MediaDialog>;
      const dialog = await create(uri, options);
      const destroy = dialog.destroy.bind(dialog);
      // drachtio-fsmrf does not look at the outcome: a dialog that has gone already must not become a fault of the process.
      dialog.destroy = () =>
        destroy().catch((error: unknown) => log('debug', `media: BYE to the media server: ${errorText(error)}`));
      return dialog;
    },
    close() {
      link.close();
      return Promise.resolve();
    },
  };
}
