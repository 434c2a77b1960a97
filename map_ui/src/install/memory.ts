/** What this phone remembers from one visit to the next: where it was last. No person, no password. */
import { locale } from '../i18n/i18n.ts';
import type { LonLat } from '../model/documents.ts';
import { shortName } from '../model/places.ts';
import type { Location } from './documents.ts';

const KEY = 'lianfang.install.last';

type Named = Location['tiers'][number];

export interface LastPlace {
  village: Named;
  position: LonLat;
}

/** A division's name as the reader reads it. */
export function tierName(one: Named): string {
  return locale.value === 'en' && one.name_latin ? one.name_latin : shortName(one.name);
}

export function lastPlace(): LastPlace | null {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? 'null') as LastPlace | null;
    return kept && typeof kept.village.name === 'string' && kept.position.length === 2 ? kept : null;
  } catch {
    return null; // kept by another version: as if nothing were kept
  }
}

export function rememberPlace(location: Location): void {
  const village = location.tiers.at(-1);
  if (village) localStorage.setItem(KEY, JSON.stringify({ village, position: location.position }));
}

const SHORT: Record<string, string> = {
  infrared_sensor: 'pir',
  alarm_panel: 'panel',
  panic_button: 'sos',
  door_contact: 'door',
  smoke_detector: 'smoke',
  gas_detector: 'gas',
  water_detector: 'water',
  vibration_sensor: 'vib',
  camera: 'cam',
  loudspeaker: 'horn',
  siren: 'siren',
  tracker: 'tag',
  gateway: 'gw',
  other: 'dev',
};

/** A device id that nobody has to think up: what it is, in which village, and a few random letters. */
export function suggestedId(kind: string, village: string | null, random: Uint8Array): string {
  const letters = [...random].map((byte) => 'abcdefghjkmnpqrstuvwxyz23456789'[byte % 31]).join('');
  return [SHORT[kind] ?? 'dev', ...(village ? [village.slice(6)] : []), letters].join('-');
}
