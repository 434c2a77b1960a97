/** Which page is somebody's who answers no alarms: an investigator asks of the past, an installer sets devices up. */
import type { Session } from './documents.ts';

export function landing({ may }: Session): '/' | '/history' | '/install' {
  if (may['incident.read']) return '/';
  if (may['history.search']) return '/history';
  return may['device.write'] ? '/install' : '/';
}
