/** What is written and stamped on the map: names, counts on plates, incidents and their clusters. */
import type { LayerSpecification } from 'maplibre-gl';
import type { Palette } from '../theme/palette.ts';

const FONT = ['Noto Sans CJK SC, Noto Sans SC, PingFang SC, Microsoft YaHei'];
/** MapLibre reads the weight from the first name of the stack; there is no family of that name, so the next is used. */
const BOLD = ['Bold, Noto Sans CJK SC, Noto Sans SC, PingFang SC, Microsoft YaHei'];

export function cellLabel(palette: Palette): LayerSpecification {
  return {
    id: 'cell-label',
    type: 'symbol',
    source: 'grid_cells',
    'source-layer': 'grid_cells',
    minzoom: 14.5,
    layout: {
      'text-field': ['slice', ['get', 'code'], 13],
      'text-font': FONT,
      'text-size': 11,
    },
    paint: {
      'text-color': palette.map.labelQuiet,
      'text-halo-color': palette.map.halo,
      'text-halo-width': 1.2,
    },
  };
}

export function siteLabel(palette: Palette): LayerSpecification {
  return {
    id: 'site-label',
    type: 'symbol',
    source: 'sites',
    'source-layer': 'sites',
    minzoom: 16.5,
    layout: {
      'text-field': ['get', 'name'],
      'text-font': FONT,
      'text-size': 12,
      'text-anchor': 'top',
      'text-offset': [0, 1.7],
      'text-optional': true,
    },
    paint: {
      'text-color': palette.map.labelQuiet,
      'text-halo-color': palette.map.halo,
      'text-halo-width': 1.2,
    },
  };
}

export function divisionLabel(tier: 2 | 3 | 4, palette: Palette, size: number): LayerSpecification {
  const quiet = tier === 4;
  return {
    id: `label-${tier}`,
    type: 'symbol',
    source: 'names',
    filter: ['==', ['get', 'tier'], tier],
    layout: {
      'text-field': ['get', 'name'],
      'text-font': tier === 2 ? BOLD : FONT,
      'text-size': size,
      'text-letter-spacing': tier === 2 ? 0.08 : 0,
      // Beside the plate of its count, wherever there is room.
      'text-variable-anchor-offset': [
        'bottom',
        [0, -1.3],
        'top',
        [0, 1.3],
        'right',
        [-2.4, 0],
        'left',
        [2.4, 0],
      ],
      'text-max-width': 9,
    },
    paint: {
      'text-color': quiet ? palette.map.labelQuiet : palette.map.label,
      'text-halo-color': palette.map.halo,
      'text-halo-width': 1.5,
    },
  };
}

/** The highest priority's shape, and how many are open. */
export function countLayer(tier: 2 | 3 | 4, palette: Palette): LayerSpecification {
  return {
    id: `count-${tier}`,
    type: 'symbol',
    source: 'counts',
    filter: ['==', ['get', 'tier'], tier],
    layout: {
      'symbol-sort-key': ['-', 0, ['get', 'top']],
      'icon-image': 'plate',
      'icon-text-fit': 'both',
      'icon-text-fit-padding': [1, 7, 1, 4],
      'icon-allow-overlap': true,
      'text-field': [
        'format',
        ['image', ['get', 'image']],
        { 'vertical-align': 'center' },
        ['concat', ' ', ['to-string', ['get', 'open']]],
        { 'vertical-align': 'center' },
      ],
      'text-font': BOLD,
      'text-size': 15,
      'text-allow-overlap': true,
    },
    paint: { 'text-color': palette.text },
  };
}

/** Clusters show the highest priority inside and how many there are; nothing is ever left out. */
export function incidentLayers(kind: 'incident' | 'urgent', palette: Palette): LayerSpecification[] {
  const source = kind === 'urgent' ? 'urgent' : 'incidents';
  const small = kind === 'urgent';
  const common = { 'icon-allow-overlap': true, 'icon-ignore-placement': true } as const;
  return [
    {
      id: `${kind}-point`,
      type: 'symbol',
      source,
      filter: ['!', ['has', 'point_count']],
      layout: {
        ...common,
        'symbol-sort-key': ['-', ['case', ['<', ['get', 'fresh'], 9], 10, 0], ['get', 'priority']],
        'icon-image': ['get', 'image'],
        'icon-size': small ? 0.8 : 1,
      },
    },
    {
      id: `${kind}-cluster`,
      type: 'symbol',
      source,
      filter: ['has', 'point_count'],
      layout: {
        ...common,
        'symbol-sort-key': ['-', 0, ['get', 'top']],
        'icon-image': [
          'case',
          ['<', ['get', 'fresh'], 9],
          ['concat', 'p', ['to-string', ['min', ['get', 'fresh'], ['get', 'top']]]],
          ['concat', 'p', ['to-string', ['get', 'top']], '-hollow'],
        ],
        'icon-size': small ? 0.85 : 1.1,
        'text-field': ['concat', '×', ['get', 'point_count_abbreviated']],
        'text-font': BOLD,
        'text-size': 13,
        'text-anchor': 'left',
        'text-offset': [1, -0.6],
        'text-allow-overlap': true,
        'text-ignore-placement': true,
      },
      paint: {
        'text-color': palette.text,
        'text-halo-color': palette.map.halo,
        'text-halo-width': 2,
      },
    },
  ];
}
