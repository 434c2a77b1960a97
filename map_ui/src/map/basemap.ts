/**
 * An optional base map, below everything: none by default, because a control room has no internet. The server names it in
 * the session and opens its content security policy for exactly the hosts that it needs.
 */
import {
  addProtocol,
  type LayerSpecification,
  type Map as MapLibre,
  type SourceSpecification,
} from 'maplibre-gl';
import { PMTiles, Protocol, TileType } from 'pmtiles';
import type { Basemap } from '../model/documents.ts';
import type { Palette } from '../theme/palette.ts';
import { gcjTile } from './gcj02.ts';

const PX = 256;
const AMAP = 'https://webrd01.is.autonavi.com/appmaptile?lang=zh_cn&size=1&scale=1&style=8&x={x}&y={y}&z={z}';
/** Its layers are put right above the ground. */
const BELOW = 'division-fill';

export const BASEMAP_PREFIX = 'basemap-';

/** Adds it to a loaded style. Throws with plain words when it is not set up fully. */
export async function addBasemap(
  map: MapLibre,
  basemap: Basemap,
  palette: Palette,
  dark: boolean,
): Promise<void> {
  const { sources, layers } = await SPECS[basemap.kind](basemap as never, palette, dark);
  for (const [id, source] of Object.entries(sources)) if (!map.getSource(id)) map.addSource(id, source);
  for (const layer of layers) if (!map.getLayer(layer.id)) map.addLayer(layer, BELOW);
  map.setPaintProperty(BELOW, 'fill-opacity', 0);
}

interface Spec {
  sources: Record<string, SourceSpecification>;
  layers: LayerSpecification[];
}

const raster = (id: string, dark: boolean): LayerSpecification => ({
  id,
  type: 'raster',
  source: id,
  // A white street map would outshine every alarm in a dark room.
  paint: dark ? { 'raster-brightness-max': 0.35, 'raster-saturation': -0.7 } : { 'raster-saturation': -0.4 },
});

let pmtiles: Protocol | null = null;

const SPECS = {
  async pmtiles(
    basemap: Extract<Basemap, { kind: 'pmtiles' }>,
    palette: Palette,
    dark: boolean,
  ): Promise<Spec> {
    if (pmtiles === null) {
      pmtiles = new Protocol();
      addProtocol('pmtiles', pmtiles.tile);
    }
    const url = new URL(basemap.url, location.origin).href;
    const archive = new PMTiles(url);
    pmtiles.add(archive);
    const { tileType } = await archive.getHeader();
    const id = `${BASEMAP_PREFIX}pmtiles`;
    if (tileType !== TileType.Mvt) {
      return {
        sources: { [id]: { type: 'raster', url: `pmtiles://${url}`, tileSize: PX } },
        layers: [raster(id, dark)],
      };
    }
    return {
      sources: { [id]: { type: 'vector', url: `pmtiles://${url}` } },
      layers: vectorLayers(id, palette),
    };
  },

  async tianditu(
    basemap: Extract<Basemap, { kind: 'tianditu' }>,
    _palette: Palette,
    dark: boolean,
  ): Promise<Spec> {
    if (!basemap.key) throw new Error('tianditu: no key');
    const source = (layer: string): SourceSpecification => ({
      type: 'raster',
      tileSize: PX,
      maxzoom: 18,
      attribution: '天地图',
      tiles: [0, 1, 2, 3].map(
        (n) =>
          `https://t${n}.tianditu.gov.cn/${layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=${layer}` +
          `&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk=${encodeURIComponent(basemap.key)}`,
      ),
    });
    const base = `${BASEMAP_PREFIX}tianditu`;
    const names = `${BASEMAP_PREFIX}tianditu-names`;
    return {
      sources: { [base]: source('vec'), [names]: source('cva') },
      layers: [raster(base, dark), raster(names, dark)],
    };
  },

  async amap(basemap: Extract<Basemap, { kind: 'amap' }>, _palette: Palette, dark: boolean): Promise<Spec> {
    const template = basemap.url ?? AMAP;
    addProtocol('gcj02', (request, abort) => shiftedTile(template, request.url, abort.signal));
    const id = `${BASEMAP_PREFIX}amap`;
    return {
      sources: {
        [id]: {
          type: 'raster',
          tileSize: PX,
          maxzoom: 18,
          attribution: '高德地图',
          tiles: ['gcj02://{z}/{x}/{y}'],
        },
      },
      layers: [raster(id, dark)],
    };
  },
};

/** One tile in WGS 84, put together from up to four in GCJ-02. */
async function shiftedTile(
  template: string,
  url: string,
  signal: AbortSignal,
): Promise<{ data: ArrayBuffer }> {
  const [zoom = 0, x = 0, y = 0] = url.replace('gcj02://', '').split('/').map(Number);
  const from = gcjTile(x, y, zoom);
  const canvas = new OffscreenCanvas(PX, PX);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no 2D canvas');
  const left = Math.floor(from.x);
  const top = Math.floor(from.y);
  await Promise.all(
    [0, 1].flatMap((i) =>
      [0, 1].map(async (j) => {
        const address = template
          .replace('{z}', String(zoom))
          .replace('{x}', String(left + i))
          .replace('{y}', String(top + j));
        const response = await fetch(address, { signal, credentials: 'omit' });
        if (!response.ok) throw new Error(`base map: HTTP ${response.status}`);
        const image = await createImageBitmap(await response.blob());
        context.drawImage(
          image,
          Math.round((left + i - from.x) * PX),
          Math.round((top + j - from.y) * PX),
          PX,
          PX,
        );
        image.close();
      }),
    ),
  );
  return { data: await (await canvas.convertToBlob()).arrayBuffer() };
}

/** Water and roads of the two common schemas (Protomaps, OpenMapTiles), as quiet as the divisions. */
function vectorLayers(source: string, palette: Palette): LayerSpecification[] {
  const { map } = palette;
  const roads = (layer: string): LayerSpecification => ({
    id: `${BASEMAP_PREFIX}${layer}`,
    type: 'line',
    source,
    'source-layer': layer,
    paint: {
      'line-color': map.village,
      'line-width': ['interpolate', ['linear'], ['zoom'], 8, 0.4, 14, 1.5, 18, 6],
    },
  });
  return [
    {
      id: `${BASEMAP_PREFIX}water`,
      type: 'fill',
      source,
      'source-layer': 'water',
      paint: { 'fill-color': map.outside },
    },
    roads('roads'),
    roads('transportation'),
  ];
}
