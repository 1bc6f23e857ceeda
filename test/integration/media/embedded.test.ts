/** The embedded engine keeps the contract of every engine. */
import { createMediasoupEngine } from '../../../media/mediasoup/index.ts';
import { engineContract } from './contract.ts';

engineContract('embedded', {
  silenceSeconds: 2,
  events: 'forwarded',
  purity: 0.95,
  create: () =>
    createMediasoupEngine({
      address: '127.0.0.1',
      rtpPorts: [41_000, 41_999],
      codecs: ['PCMU', 'PCMA'],
      threads: 1,
      silenceSeconds: 2,
    }),
});
