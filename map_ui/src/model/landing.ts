/** Which page is whose. */
import type { Session } from './documents.ts';

/** A grant without any right to see incidents shows a page that says whom to ask. */
export function mayWatch(session: Session): boolean {
  return session.grants.length > 0 && session.may['incident.read'] !== false;
}

/** Who answers no alarms has another page: an investigator asks of the past, an installer sets devices up. */
export function landing({ may }: Session): '/' | '/history' | '/install' {
  if (may['incident.read']) return '/';
  if (may['history.search']) return '/history';
  return may['device.write'] ? '/install' : '/';
}
