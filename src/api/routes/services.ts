/** What the routes need of the server. */
import type { Config } from '../../config/schema.ts';
import type { Archive } from '../../control/archive.ts';
import type { ControlService } from '../../control/service.ts';
import type { Auth } from '../auth.ts';
import type { EventStreams } from '../events.ts';
import type { LevelStreams } from '../levels.ts';

export interface Services {
  readonly control: ControlService;
  readonly config: Config;
  readonly webrtc: { readonly available: boolean; readonly reason?: string };
  /** null: nothing is kept. */
  readonly archive: Archive | null;
  readonly auth: Auth;
  readonly events: EventStreams;
  readonly levels: LevelStreams;
}
