/**
 * The map's style, from the palette. Quiet by design: divisions as fine lines whose weight tells the tier, names as the
 * zoom allows, and above all of it what is open.
 *
 * There is no `glyphs` address: MapLibre then draws every letter with the system's own fonts.
 */
import type {
  ExpressionSpecification,
  LayerSpecification,
  SourceSpecification,
  StyleSpecification,
} from 'maplibre-gl';
import type { Session } from '../model/documents.ts';
import type { Palette } from '../theme/palette.ts';
import { cellLabel, countLayer, divisionLabel, incidentLayers, siteLabel } from './symbols.ts';
import { BREAKS, CELLS_FROM, MAX_ZOOM, SITES_FROM, zoomRanges } from './tiers.ts';

const EMPTY = { type: 'FeatureCollection' as const, features: [] };

export const INCIDENT_LAYERS = [
  'incident-cluster',
  'incident-point',
  'urgent-cluster',
  'urgent-point',
] as const;
export const COUNT_LAYERS = ['count-2', 'count-3', 'count-4'] as const;

/** What the legend's boxes turn on and off. */
export const TOGGLES = {
  cells: ['cell-line', 'cell-label'],
  sites: ['site', 'site-label'],
  labels: ['label-2', 'label-3', 'label-4'],
  counts: [...COUNT_LAYERS],
} as const;
export type Toggle = keyof typeof TOGGLES;

export function styleFor(session: Session, palette: Palette): StyleSpecification {
  const ranges = zoomRanges(BREAKS);
  return {
    version: 8,
    sources: sources(session),
    layers: layers(palette).map((layer) => {
      const range = ranges[layer.id];
      return range ? { ...layer, minzoom: range[0], maxzoom: range[1] } : layer;
    }),
  };
}

function sources(session: Session): Record<string, SourceSpecification> {
  const tiles = (layer: keyof Session['tiles']['version'], maxzoom: number): SourceSpecification => ({
    type: 'vector',
    tiles: [
      `${location.origin}/tiles/v${session.tiles.version[layer]}/${layer}/{z}/{x}/{y}.mvt?scope=${encodeURIComponent(session.tiles.scope)}`,
    ],
    maxzoom,
    ...(layer === 'sites' ? { minzoom: 13, promoteId: 'id' } : {}),
    ...(layer === 'grid_cells' ? { minzoom: 12 } : {}),
  });
  const live = (radius: number): SourceSpecification => ({
    type: 'geojson',
    data: EMPTY,
    cluster: true,
    clusterRadius: radius,
    clusterMaxZoom: MAX_ZOOM,
    maxzoom: MAX_ZOOM + 1,
    clusterProperties: {
      top: ['min', ['get', 'priority']],
      // The gravest of those that nobody has taken on; 9 where all are taken on.
      fresh: ['min', ['get', 'fresh']],
    },
  });
  return {
    divisions: tiles('divisions', 14),
    grid_cells: tiles('grid_cells', 15),
    sites: tiles('sites', 15),
    counts: { type: 'geojson', data: EMPTY },
    names: { type: 'geojson', data: EMPTY },
    incidents: live(26),
    urgent: live(26),
    selection: { type: 'geojson', data: EMPTY },
  };
}

function layers(palette: Palette): LayerSpecification[] {
  const { map } = palette;
  return [
    { id: 'ground', type: 'background', paint: { 'background-color': map.outside } },
    {
      id: 'division-fill',
      type: 'fill',
      source: 'divisions',
      'source-layer': 'divisions',
      paint: { 'fill-color': map.land, 'fill-opacity': ['case', ['==', ['get', 'tier'], 2], 1, 0] },
    },
    cellLine(palette),
    divisionLine(4, map.village, 0.6),
    divisionLine(3, map.township, 1),
    divisionLine(2, map.county, 1.8),
    {
      id: 'site',
      type: 'circle',
      source: 'sites',
      'source-layer': 'sites',
      minzoom: SITES_FROM,
      paint: {
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 13, 1.2, 16, 3.5, 19, 6],
        'circle-color': [
          'match',
          ['coalesce', ['feature-state', 'priority'], 0],
          ...([1, 2, 3, 4, 5] as const).flatMap((p) => [p, palette.priority[p].fill]),
          map.site,
        ] as unknown as ExpressionSpecification,
        'circle-stroke-color': map.halo,
        'circle-stroke-width': 1,
      },
    },
    {
      id: 'sector',
      type: 'fill',
      source: 'selection',
      filter: ['==', ['get', 'role'], 'sector'],
      paint: { 'fill-color': map.link, 'fill-opacity': 0.18, 'fill-outline-color': map.link },
    },
    {
      id: 'link',
      type: 'line',
      source: 'selection',
      filter: ['==', ['geometry-type'], 'LineString'],
      paint: { 'line-color': map.link, 'line-width': 1.2, 'line-dasharray': [3, 2] },
    },
    siteLabel(palette),
    cellLabel(palette),
    divisionLabel(4, palette, 12),
    divisionLabel(3, palette, 13),
    divisionLabel(2, palette, 15),
    ...incidentLayers('urgent', palette),
    // Above the single ones: a count shows the same priority, and must be legible.
    ...([4, 3, 2] as const).map((tier) => countLayer(tier, palette)),
    ...incidentLayers('incident', palette),
    {
      id: 'linked',
      type: 'circle',
      source: 'selection',
      filter: ['==', ['get', 'role'], 'device'],
      paint: {
        'circle-radius': 5,
        'circle-color': map.link,
        'circle-stroke-color': map.halo,
        'circle-stroke-width': 1.5,
      },
    },
    {
      id: 'ring',
      type: 'circle',
      source: 'selection',
      filter: ['==', ['get', 'role'], 'incident'],
      paint: {
        'circle-radius': 21,
        'circle-color': 'rgba(0,0,0,0)',
        'circle-stroke-color': map.link,
        'circle-stroke-width': 2.5,
      },
    },
    {
      id: 'chosen',
      type: 'symbol',
      source: 'selection',
      filter: ['==', ['get', 'role'], 'incident'],
      layout: {
        'icon-image': ['get', 'image'],
        'icon-size': 1.15,
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
      },
    },
  ];
}

function divisionLine(tier: 2 | 3 | 4, colour: string, width: number): LayerSpecification {
  return {
    id: `division-${tier}`,
    type: 'line',
    source: 'divisions',
    'source-layer': 'divisions',
    filter: ['==', ['get', 'tier'], tier],
    layout: { 'line-join': 'round' },
    paint: {
      'line-color': colour,
      'line-width': ['interpolate', ['linear'], ['zoom'], 8, width, 15, width * 2],
    },
  };
}

function cellLine(palette: Palette): LayerSpecification {
  return {
    id: 'cell-line',
    type: 'line',
    source: 'grid_cells',
    'source-layer': 'grid_cells',
    minzoom: CELLS_FROM,
    paint: { 'line-color': palette.map.cell, 'line-width': 0.8, 'line-dasharray': [4, 3] },
  };
}
