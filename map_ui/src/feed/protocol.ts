/** What the hub (one per browser) and the tabs say to each other. */
import type { Change, Snapshot } from '../model/documents.ts';

/** How live the picture is. Times are of this computer's clock, in ms. */
export type Link =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'lost'; since: number }
  // These two are the end of it: nobody is signed in any more, or who is may no longer see incidents.
  | { kind: 'signed_out' }
  | { kind: 'not_permitted' };

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
  /** The hub does not know this tab: it is a new one, or gave up a tab that did not answer for long. Say hello again. */
  | { type: 'hub' };

export type FromTab =
  | { type: 'hello'; canSound: boolean }
  | { type: 'sound'; canSound: boolean }
  | { type: 'silence'; ids: readonly number[] }
  | { type: 'pong' }
  | { type: 'retry' }
  | { type: 'stop' }
  | { type: 'bye' };
