/** A MapLibre map as a desk has it: flat, north up, one world. */
import { Map as MapLibre, ScaleControl, setWorkerUrl, type StyleSpecification } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import type { Session } from '../model/documents.ts';
import { MAX_ZOOM } from './tiers.ts';

setWorkerUrl(workerUrl);

/** `label`: what somebody hears who does not see it. Throws where there is no WebGL. */
export function createMap(
  container: HTMLElement,
  session: Session,
  style: StyleSpecification,
  label: string,
): MapLibre {
  const map = new MapLibre({
    container,
    style,
    center: [111.2, 34.4],
    zoom: 7.5,
    maxZoom: MAX_ZOOM,
    minZoom: 4,
    attributionControl: session.basemap ? { compact: true } : false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    fadeDuration: 150,
    localIdeographFontFamily: false,
    // What is clicked in a second world beside this one lies at 471 degrees east.
    renderWorldCopies: false,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new ScaleControl({ unit: 'metric' }), 'bottom-left');
  map.getCanvas().setAttribute('aria-label', label);
  return map;
}
