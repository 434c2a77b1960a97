/** Why an incident has its level: from its alarms and what people verified. Facts only; the words come from the catalogue. */
import type { Category, Incident, IncidentDetail, Priority } from './documents.ts';

export type Reason =
  | { kind: 'alarm'; category: Category; priority: Priority; device: string }
  | { kind: 'report'; category: Category }
  | { kind: 'two'; level: number }
  | { kind: 'verified'; name: string | null; level: number; text: string }
  | { kind: 'raised'; level: number; priority: Priority };

export function reasonsOf(incident: Incident, detail: IncidentDetail | null): Reason[] {
  const reasons: Reason[] = [];
  const alarms = detail?.alarms ?? [];
  const gravest = [...alarms].sort((a, b) => a.priority - b.priority || a.id - b.id)[0];
  if (incident.source === 'operator') reasons.push({ kind: 'report', category: incident.category });
  if (gravest) {
    reasons.push({
      kind: 'alarm',
      category: gravest.category,
      priority: gravest.priority,
      device: gravest.device.name || gravest.device.device_id,
    });
  }
  const burglaries = new Set(
    alarms
      .filter((alarm) => alarm.category === 'burglary')
      .map((alarm) => `${alarm.device.id}/${alarm.zone}`),
  );
  if (burglaries.size >= 2) reasons.push({ kind: 'two', level: 2 });
  for (const entry of detail?.entries ?? []) {
    if (entry.kind !== 'verified') continue;
    reasons.push({
      kind: 'verified',
      name: entry.user?.name ?? null,
      level: Number(entry.details['after'] ?? incident.verification_level),
      text: entry.text,
    });
  }
  const own = gravest?.priority ?? incident.priority;
  if (incident.priority < own) {
    reasons.push({ kind: 'raised', level: incident.verification_level, priority: incident.priority });
  }
  return reasons;
}
