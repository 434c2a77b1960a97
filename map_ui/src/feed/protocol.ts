/** What the hub (one per browser) and the tabs say to each other. */
import type { Change, Snapshot } from '../model/documents.ts';

/** How live the picture is. Times are of this computer's clock, in ms. */
export type Link =
  { kind: 'connecting' } | { kind: 'live' } | { kind: 'lost'; since: number } | { kind: 'signed_out' };

export type ToTab =
  | { type: 'snapshot'; snapshot: Snapshot; again: boolean }
  | { type: 'changes'; changes: Change[] }
  | { type: 'link'; link: Link; offsetMs: number }
  /** The stream is back: changes up to `at` (server time, ms) happened while it was away. */
  | { type: 'back'; since: number; at: number }
  /** Which tab sounds the alarms: this one, another one, or none. */
  | { type: 'speaker'; you: boolean; anyone: boolean }
  /** These ring no more, in whichever tab it was pressed. */
  | { type: 'silence'; ids: readonly number[] }
  | { type: 'ping' }
  /** A new hub took over (only without shared workers): say hello again. */
  | { type: 'hub' };

export type FromTab =
  | { type: 'hello'; canSound: boolean }
  | { type: 'sound'; canSound: boolean }
  | { type: 'silence'; ids: readonly number[] }
  | { type: 'pong' }
  | { type: 'retry' }
  | { type: 'stop' }
  | { type: 'bye' };
