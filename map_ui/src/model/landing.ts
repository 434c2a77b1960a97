/** Which page is somebody's: an investigator answers no alarms, and asks of the past. */
import type { Session } from './documents.ts';

export function landing({ may }: Session): '/' | '/history' {
  return may['history.search'] === true && may['incident.acknowledge'] !== true ? '/history' : '/';
}
