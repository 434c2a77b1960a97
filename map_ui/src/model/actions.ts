/** Which actions fit which state: the table of `docs/lifecycle.md`. The server decides; this keeps buttons honest. */
import type { IncidentState } from './documents.ts';

export const ACTIONS = [
  'acknowledge',
  'handle',
  'dispatch',
  'on-scene',
  'resolve',
  'verify',
  'close',
  'reopen',
  'notes',
] as const;
export type Action = (typeof ACTIONS)[number];

const OPEN: readonly IncidentState[] = ['new', 'acknowledged', 'dispatched', 'on_scene', 'resolved'];

const TRANSITIONS: Record<Action, readonly IncidentState[]> = {
  acknowledge: ['new'],
  handle: OPEN,
  dispatch: ['new', 'acknowledged', 'dispatched', 'on_scene'],
  'on-scene': ['acknowledged', 'dispatched'],
  resolve: ['acknowledged', 'dispatched', 'on_scene'],
  verify: OPEN,
  close: OPEN,
  reopen: ['closed'],
  notes: [...OPEN, 'closed'],
};

/** The right that an action asks for, as `session.may` names it. */
export const RIGHT_OF: Record<Action, string> = {
  acknowledge: 'incident.acknowledge',
  handle: 'incident.handle',
  dispatch: 'incident.dispatch',
  'on-scene': 'incident.on-scene',
  resolve: 'incident.resolve',
  verify: 'incident.verify',
  close: 'incident.close',
  reopen: 'incident.reopen',
  notes: 'incident.notes',
};

export function fits(action: Action, state: IncidentState): boolean {
  return TRANSITIONS[action].includes(state);
}
